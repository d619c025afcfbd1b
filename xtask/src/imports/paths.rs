//! What one source declares and names: its submodules, its `use` lines, the paths in its code.

use std::collections::BTreeSet;

use super::source::{Token, text, tokens};

/// The names of the modules from a crate's root to one of its modules.
pub type ModulePath = Vec<String>;

/// What is in one source.
#[derive(Default)]
pub struct Contents {
    /// The modules that it declares in files of their own.
    pub submodules: BTreeSet<String>,
    /// The paths in it.
    pub names: Vec<Named>,
}

impl Contents {
    /// Reads a source.
    pub fn of(source: &str) -> Self {
        let mut contents = Self::default();
        Reader { tokens: tokens(source), at: 0, inline: Vec::new() }.read_into(&mut contents);
        contents
    }
}

/// A path in the source, and the name that it gets there.
pub struct Named {
    /// Its line.
    pub line: usize,
    /// The path as it stands there.
    pub path: Vec<String>,
    /// The name by which the rest of the module knows the end of the path; `*` for all in it.
    pub alias: Option<String>,
    /// It is a `use` with `pub`.
    pub is_public: bool,
    /// The inline modules around it.
    pub inline: ModulePath,
}

/// Reads the declarations and the paths of a file.
struct Reader<'a> {
    tokens: Vec<Token<'a>>,
    at: usize,
    /// The braces that are open: the name of the inline module that each begins, if it begins one.
    inline: Vec<Option<String>>,
}

impl Reader<'_> {
    fn read_into(mut self, contents: &mut Contents) {
        while self.at < self.tokens.len() {
            match text(&self.tokens, self.at) {
                "mod" if text(&self.tokens, self.at + 2) == ";" => {
                    contents.submodules.insert(text(&self.tokens, self.at + 1).to_owned());
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
                "use" => self.import(contents),
                _ => self.inline_path(contents),
            }
        }
    }

    /// A `use` and all that it names.
    fn import(&mut self, contents: &mut Contents) {
        let before = self.at.saturating_sub(1);
        let is_public = matches!(text(&self.tokens, before), "pub" | ")");
        self.at += 1;
        self.tree(&mut Vec::new(), is_public, contents);
    }

    /// One branch of a `use`, behind `prefix`; stops at the `;`, the `,` or the `}` that ends it.
    fn tree(&mut self, prefix: &mut ModulePath, is_public: bool, contents: &mut Contents) {
        let length = prefix.len();
        let line = self.tokens.get(self.at).map_or(0, |token| token.line);
        let mut alias = None;
        while !matches!(text(&self.tokens, self.at), ";" | "," | "}" | "") {
            match text(&self.tokens, self.at) {
                "{" => {
                    self.branches(prefix, is_public, contents);
                    return prefix.truncate(length);
                }
                "as" => {
                    self.at += 1;
                    alias = Some(text(&self.tokens, self.at).to_owned());
                }
                // `self` at the end of a path names the path; at its beginning, this contents.
                "self"
                    if !matches!(
                        prefix.last().map(String::as_str),
                        None | Some("self" | "super")
                    ) => {}
                // A path to another crate, as in `use ::boot::image`.
                "::" if !prefix.is_empty() => {}
                word => prefix.push(word.to_owned()),
            }
            self.at += 1;
        }
        if !prefix.is_empty() {
            let alias = alias.or_else(|| prefix.last().cloned());
            contents.names.push(self.named(line, prefix.clone(), alias, is_public));
        }
        prefix.truncate(length);
    }

    /// The branches in braces, behind `prefix`.
    fn branches(&mut self, prefix: &mut ModulePath, is_public: bool, contents: &mut Contents) {
        while !matches!(text(&self.tokens, self.at), "}" | "") {
            self.at += 1;
            self.tree(prefix, is_public, contents);
        }
        self.at += 1;
    }

    /// A path in the code, or one token that begins none.
    fn inline_path(&mut self, contents: &mut Contents) {
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
        contents.names.push(self.named(line, path, None, false));
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
