//! Which file of a crate imports from which other one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::source::{Token, text, tokens};

/// The sources of one crate, by path from the workspace's root.
pub struct Sources {
    directory: String,
    files: BTreeMap<String, String>,
}

/// A file names something that another file of its crate declares.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    /// The file that has the path in it.
    pub from: String,
    /// The file that the path leads to.
    pub to: String,
    /// The line of the path in `from`.
    pub line: usize,
    /// The path as it stands there.
    pub path: String,
}

/// The names of the modules from a crate's root to one of its modules.
type ModulePath = Vec<String>;

impl Sources {
    /// Reads all Rust files below `directory`.
    pub fn read(root: &Path, directory: &Path) -> Result<Self> {
        let mut files = BTreeMap::new();
        let mut waiting = vec![root.join(directory)];
        while let Some(folder) = waiting.pop() {
            let entries = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
            for entry in entries {
                let path = entry?.path();
                if path.is_dir() {
                    waiting.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
                    files.insert(
                        name,
                        fs::read_to_string(&path).with_context(|| path.display().to_string())?,
                    );
                }
            }
        }
        Ok(Self { directory: directory.display().to_string(), files })
    }

    /// A crate that a test describes.
    #[cfg(test)]
    pub fn described<'a>(
        directory: &str,
        files: impl IntoIterator<Item = (String, &'a str)>,
    ) -> Self {
        let files = files.into_iter().map(|(name, text)| (name, text.to_owned())).collect();
        Self { directory: directory.to_owned(), files }
    }

    /// The files from which the compiler starts: of the library, of the binary, of further ones.
    fn roots(&self) -> impl Iterator<Item = &str> {
        let directory = self.directory.as_str();
        self.files.keys().map(String::as_str).filter(move |file| {
            let inside = file.strip_prefix(directory).unwrap_or(file).trim_start_matches('/');
            matches!(inside, "lib.rs" | "main.rs")
                || inside.strip_prefix("bin/").is_some_and(|name| !name.contains('/'))
        })
    }
}

/// All imports between files of the crate, sorted; one for each pair of files.
pub fn imports(sources: &Sources) -> Vec<Import> {
    let mut found = BTreeMap::new();
    for root in sources.roots() {
        let program = Program::read(sources, root);
        for import in program.modules.values().flat_map(|module| program.imports(module)) {
            found.entry((import.from.clone(), import.to.clone())).or_insert(import);
        }
    }
    found.into_values().collect()
}

/// A path in the source, and the name that it gets there.
struct Named {
    line: usize,
    path: Vec<String>,
    /// The name by which the rest of the module knows the end of the path; `*` for all in it.
    alias: Option<String>,
    /// It is a `use` with `pub`.
    is_public: bool,
    /// The inline modules around it.
    inline: ModulePath,
}

/// One file as a module of a program.
struct Module {
    file: String,
    path: ModulePath,
    submodules: BTreeSet<String>,
    names: Vec<Named>,
}

/// All modules that one root leads to.
struct Program {
    modules: BTreeMap<ModulePath, Module>,
}

impl Program {
    fn read(sources: &Sources, root: &str) -> Self {
        let mut modules = BTreeMap::new();
        let mut waiting = vec![(root.to_owned(), ModulePath::new())];
        while let Some((file, path)) = waiting.pop() {
            let module = Module::read(sources, file, path);
            for name in &module.submodules {
                let path = [module.path.as_slice(), std::slice::from_ref(name)].concat();
                if let Some(file) = module.file_of(sources, name) {
                    waiting.push((file, path));
                }
            }
            modules.insert(module.path.clone(), module);
        }
        Self { modules }
    }

    /// What `module` imports from other files. A re-export from its own submodules is not counted:
    /// who uses it imports from there.
    fn imports(&self, module: &Module) -> Vec<Import> {
        let mut imports = Vec::new();
        for named in &module.names {
            let Some(target) = self.resolve(module, named, 0) else { continue };
            let is_own = target.path.starts_with(&module.path) && named.is_public;
            if target.file != module.file && !is_own {
                imports.push(Import {
                    from: module.file.clone(),
                    to: target.file.clone(),
                    line: named.line,
                    path: named.path.join("::"),
                });
            }
        }
        imports
    }

    /// The module that a path leads to: the last one on the way, or the one that the last one
    /// re-exports the next name from. `None` if the path leads to another crate.
    fn resolve(&self, module: &Module, named: &Named, depth: usize) -> Option<&Module> {
        let (mut at, mut rest) = self.start(module, named, depth)?;
        while let Some(name) = rest.first() {
            let next = [at.path.as_slice(), std::slice::from_ref(name)].concat();
            let Some(next) = self.modules.get(&next) else { break };
            (at, rest) = (next, rest[1..].to_vec());
        }
        let exported = rest.first().and_then(|name| {
            let is_export = |other: &&Named| other.is_public && other.alias.as_ref() == Some(name);
            at.names.iter().find(is_export)
        });
        match exported {
            Some(exported) if depth < 8 => self.resolve(at, exported, depth + 1).or(Some(at)),
            _ => Some(at),
        }
    }

    /// Where a path begins, and what is left of it.
    fn start(&self, module: &Module, named: &Named, depth: usize) -> Option<(&Module, ModulePath)> {
        let mut base = [module.path.as_slice(), &named.inline].concat();
        let mut rest = named.path.as_slice();
        match rest.first()?.as_str() {
            "crate" => {
                base.clear();
                rest = &rest[1..];
            }
            "self" | "super" => {
                while let Some("self" | "super") = rest.first().map(String::as_str) {
                    if rest[0] == "super" {
                        base.pop();
                    }
                    rest = &rest[1..];
                }
            }
            first if module.submodules.contains(first) && named.inline.is_empty() => {}
            first => return self.imported(module, first, rest, depth),
        }
        // An inline module is part of the file around it.
        while !self.modules.contains_key(&base) {
            base.pop();
        }
        Some((self.modules.get(&base)?, rest.to_vec()))
    }

    /// Where a path begins whose first name a `use` of the same module has brought in.
    fn imported(
        &self,
        module: &Module,
        first: &str,
        rest: &[String],
        depth: usize,
    ) -> Option<(&Module, ModulePath)> {
        let brings = |other: &&Named| other.alias.as_deref() == Some(first);
        let import = module.names.iter().find(brings).filter(|_| depth < 8)?;
        if import.path == rest || import.path.first().is_some_and(|name| name == first) {
            return None;
        }
        Some((self.resolve(module, import, depth + 1)?, rest[1..].to_vec()))
    }
}

impl Module {
    fn read(sources: &Sources, file: String, path: ModulePath) -> Self {
        let source = sources.files.get(&file).map_or("", String::as_str);
        let mut module = Self { file, path, submodules: BTreeSet::new(), names: Vec::new() };
        Reader { tokens: tokens(source), at: 0, inline: Vec::new() }.read_into(&mut module);
        module
    }

    /// The file of a submodule: beside the root, or in the directory that has this module's name.
    fn file_of(&self, sources: &Sources, name: &str) -> Option<String> {
        let (folder, file) = self.file.rsplit_once('/').unwrap_or(("", &self.file));
        let stem = file.trim_end_matches(".rs");
        let folder = match stem {
            "mod" => folder.to_owned(),
            _ if self.path.is_empty() => folder.to_owned(),
            _ => format!("{folder}/{stem}"),
        };
        [format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")]
            .into_iter()
            .find(|file| sources.files.contains_key(file))
    }
}

/// Reads the declarations and the paths of a file.
struct Reader<'a> {
    tokens: Vec<Token<'a>>,
    at: usize,
    /// The braces that are open: the name of the inline module that each begins, if it begins one.
    inline: Vec<Option<String>>,
}

impl Reader<'_> {
    fn read_into(mut self, module: &mut Module) {
        while self.at < self.tokens.len() {
            match text(&self.tokens, self.at) {
                "mod" if text(&self.tokens, self.at + 2) == ";" => {
                    module.submodules.insert(text(&self.tokens, self.at + 1).to_owned());
                    self.at += 3;
                }
                "mod" if text(&self.tokens, self.at + 2) == "{" => {
                    self.inline.push(Some(text(&self.tokens, self.at + 1).to_owned()));
                    self.at += 3;
                }
                "{" => {
                    self.inline.push(None);
                    self.at += 1;
                }
                "}" => {
                    self.inline.pop();
                    self.at += 1;
                }
                "use" => self.import(module),
                _ => self.inline_path(module),
            }
        }
    }

    /// A `use` and all that it names.
    fn import(&mut self, module: &mut Module) {
        let before = self.at.saturating_sub(1);
        let is_public = matches!(text(&self.tokens, before), "pub" | ")");
        self.at += 1;
        self.tree(&mut Vec::new(), is_public, module);
    }

    /// One branch of a `use`, behind `prefix`; stops behind the `;`, or at the `,` or `}` that ends it.
    fn tree(&mut self, prefix: &mut ModulePath, is_public: bool, module: &mut Module) {
        let length = prefix.len();
        let line = self.tokens.get(self.at).map_or(0, |token| token.line);
        let mut alias = None;
        let mut is_leaf = true;
        while self.at < self.tokens.len() {
            match text(&self.tokens, self.at) {
                "{" => {
                    is_leaf = false;
                    while !matches!(text(&self.tokens, self.at), "}" | "") {
                        self.at += 1;
                        self.tree(prefix, is_public, module);
                    }
                    self.at += 1;
                }
                ";" | "," | "}" => break,
                "as" => {
                    alias = Some(text(&self.tokens, self.at + 1).to_owned());
                    self.at += 2;
                }
                "self" if !prefix.is_empty() && !matches!(prefix[0].as_str(), "self" | "super") => {
                    self.at += 1;
                }
                // A path to another crate, as in `use ::boot::image`.
                "::" if prefix.is_empty() => {
                    prefix.push("::".to_owned());
                    self.at += 1;
                }
                "::" => self.at += 1,
                word => {
                    prefix.push(word.to_owned());
                    self.at += 1;
                }
            }
        }
        if is_leaf && !prefix.is_empty() {
            let alias = alias.or_else(|| prefix.last().cloned());
            module.names.push(self.named(line, prefix.clone(), alias, is_public));
        }
        prefix.truncate(length);
    }

    /// A path in the code, or one token that begins none.
    fn inline_path(&mut self, module: &mut Module) {
        let start = self.at;
        self.at += 1;
        let is_inside = start > 0 && matches!(text(&self.tokens, start - 1), "::" | ".");
        if is_inside || !self.tokens[start].is_word() || text(&self.tokens, self.at) != "::" {
            return;
        }
        let mut path = vec![self.tokens[start].text.to_owned()];
        while text(&self.tokens, self.at) == "::"
            && self.tokens.get(self.at + 1).is_some_and(Token::is_word)
        {
            path.push(text(&self.tokens, self.at + 1).to_owned());
            self.at += 2;
        }
        let line = self.tokens[start].line;
        module.names.push(self.named(line, path, None, false));
    }

    fn named(
        &self,
        line: usize,
        path: ModulePath,
        alias: Option<String>,
        is_public: bool,
    ) -> Named {
        let inline = self.inline.iter().flatten().cloned().collect();
        Named { line, path, alias, is_public, inline }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which file imports from which, without the directory and the extension.
    fn pairs(files: &[(&str, &str)]) -> Vec<String> {
        let files = files.iter().map(|(name, text)| (format!("src/{name}.rs"), *text));
        let short = |file: &str| file.replace("src/", "").replace(".rs", "");
        imports(&Sources::described("src", files))
            .into_iter()
            .map(|import| format!("{} > {}", short(&import.from), short(&import.to)))
            .collect()
    }

    #[test]
    fn every_form_of_a_path_is_found() {
        let table = [
            ("use crate::a::b::X;", "c > a/b"),
            ("use crate::{a::{b::{X, Y as Z}}};", "c > a/b"),
            ("use crate::a::b;", "c > a/b"),
            ("use crate::a::b::{self, X};", "c > a/b"),
            ("use super::a::X;", "c > a"),
            ("use crate::a;\nfn f() { a::b::g() }", "c > a, c > a/b"),
            ("fn f() -> crate::a::T { 0 }", "c > a"),
            ("mod inside { use super::super::a::X; }", "c > a"),
            ("use crate::a::Exported;", "c > a/b"),
            ("use other::a;\nuse ::a::X;\nfn f() { x.a::<u8>() }", ""),
            ("// crate::a::X\n#[cfg(test)] mod tests { use crate::a::X; }", ""),
        ];
        for (source, expected) in table {
            let files = [
                ("main", "mod a; mod c;"),
                ("a", "pub mod b; pub use self::b::Exported;"),
                ("a/b", "pub struct Exported;"),
                ("c", source),
            ];
            assert_eq!(pairs(&files).join(", "), expected, "{source}");
        }
    }

    #[test]
    fn a_module_that_uses_its_submodule_imports_from_it() {
        let files = [("lib", "mod a;"), ("a", "mod b; use b::X;"), ("a/b", "use super::Y;")];
        assert_eq!(pairs(&files), ["a > a/b", "a/b > a"]);
    }

    #[test]
    fn each_binary_is_a_root() {
        let files = [("lib", "mod a;"), ("a", ""), ("bin/p", "mod q;\nuse q::X;"), ("bin/q", "")];
        assert_eq!(pairs(&files), ["bin/p > bin/q"]);
    }
}
