//! Which file of a crate imports from which other one.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::paths::{Contents, ModulePath, Named};

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

/// One file as a module of a program.
struct Module {
    file: String,
    path: ModulePath,
    contents: Contents,
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
            for name in &module.contents.submodules {
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
    /// a file that uses the name imports from the submodule.
    fn imports(&self, module: &Module) -> Vec<Import> {
        let mut imports = Vec::new();
        for named in &module.contents.names {
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
            at.contents.names.iter().find(is_export)
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
            first if module.contents.submodules.contains(first) && named.inline.is_empty() => {}
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
        let import = module.contents.names.iter().find(brings).filter(|_| depth < 8)?;
        if import.path == rest || import.path.first().is_some_and(|name| name == first) {
            return None;
        }
        Some((self.resolve(module, import, depth + 1)?, rest[1..].to_vec()))
    }
}

impl Module {
    fn read(sources: &Sources, file: String, path: ModulePath) -> Self {
        let contents = Contents::of(sources.files.get(&file).map_or("", String::as_str));
        Self { file, path, contents }
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
