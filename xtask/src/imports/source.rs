//! The words of a Rust source that say what it declares and what it names: no comments, no strings,
//! no code that only tests compile.

use std::iter::Peekable;
use std::str::CharIndices;

/// An identifier, `::`, or one other character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// As it stands in the source.
    pub text: &'a str,
    /// Its line, counted from 1.
    pub line: usize,
}

impl Token<'_> {
    /// Whether this is a name or a keyword.
    pub fn is_word(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
    }
}

/// The tokens of a source, without items that are compiled for tests alone.
pub fn tokens(source: &str) -> Vec<Token<'_>> {
    without_tests(&Scanner { source, chars: source.char_indices().peekable(), line: 1 }.all())
}

/// The text of a token, or "" past the end.
pub fn text<'a>(tokens: &[Token<'a>], index: usize) -> &'a str {
    tokens.get(index).map_or("", |token| token.text)
}

struct Scanner<'a> {
    source: &'a str,
    chars: Peekable<CharIndices<'a>>,
    line: usize,
}

impl<'a> Scanner<'a> {
    fn all(mut self) -> Vec<Token<'a>> {
        let mut tokens = Vec::new();
        while let Some((start, first)) = self.next() {
            let line = self.line;
            let rest = &self.source[start..];
            if rest.starts_with("//") {
                self.skip_while(|c| c != '\n');
            } else if rest.starts_with("/*") {
                self.block_comment();
            } else if first == '"' {
                self.string();
            } else if let Some(hashes) = raw_string(rest) {
                self.raw_string(hashes);
            } else if first == '\'' {
                self.character_or_lifetime(rest);
            } else if first.is_alphanumeric() || first == '_' {
                let end = start + self.skip_while(|c| c.is_alphanumeric() || c == '_');
                let text = &self.source[start..end + first.len_utf8()];
                tokens.push(Token { text, line });
            } else if rest.starts_with("::") {
                self.next();
                tokens.push(Token { text: "::", line });
            } else if !first.is_whitespace() {
                tokens.push(Token { text: &rest[..first.len_utf8()], line });
            }
        }
        tokens
    }

    fn next(&mut self) -> Option<(usize, char)> {
        let next = self.chars.next();
        self.line += usize::from(next.is_some_and(|(_, c)| c == '\n'));
        next
    }

    fn skip(&mut self, characters: usize) {
        (0..characters).for_each(|_| _ = self.next());
    }

    /// Skips characters; returns how many bytes they had.
    fn skip_while(&mut self, go_on: impl Fn(char) -> bool) -> usize {
        let mut bytes = 0;
        while let Some((_, c)) = self.chars.peek().copied().filter(|(_, c)| go_on(*c)) {
            bytes += c.len_utf8();
            self.next();
        }
        bytes
    }

    /// Skips to the end of a comment, which may hold others.
    fn block_comment(&mut self) {
        let mut depth = 0_u32;
        let mut before = '/';
        while let Some((_, c)) = self.next() {
            match (before, c) {
                ('/', '*') => depth += 1,
                ('*', '/') => depth -= 1,
                _ => {
                    before = c;
                    continue;
                }
            }
            if depth == 0 {
                return;
            }
            before = ' ';
        }
    }

    fn string(&mut self) {
        while let Some((_, c)) = self.next() {
            match c {
                '\\' => self.skip(1),
                '"' => return,
                _ => {}
            }
        }
    }

    /// Skips the rest of a string that ends with a quote and this many hashes.
    fn raw_string(&mut self, hashes: usize) {
        let end = format!("\"{}", "#".repeat(hashes));
        self.skip_while(|c| c != '"');
        self.next();
        while let Some((at, _)) = self.next() {
            if self.source[at..].starts_with(&end) {
                self.skip(hashes);
                return;
            }
        }
    }

    fn character_or_lifetime(&mut self, rest: &str) {
        let mut chars = rest.chars().skip(1);
        let (first, second) = (chars.next(), chars.next());
        if first == Some('\\') {
            self.skip(2);
            self.skip_while(|c| c != '\'');
            self.next();
        } else if second == Some('\'') {
            self.skip(2);
        }
    }
}

/// The number of hashes of the raw string that begins here, if one does.
fn raw_string(rest: &str) -> Option<usize> {
    let hashes = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let quote = hashes.trim_start_matches('#');
    quote.starts_with('"').then(|| hashes.len() - quote.len())
}

/// Leaves out each item with an attribute `cfg(… test …)`, unless the attribute says `not`.
fn without_tests<'a>(tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    let mut kept = Vec::new();
    let mut index = 0;
    while index < tokens.len() {
        let end = attribute_end(tokens, index);
        if end.is_some_and(|end| is_for_tests(&tokens[index..end])) {
            index = item_end(tokens, end.unwrap_or(index));
        } else {
            kept.push(tokens[index].clone());
            index += 1;
        }
    }
    kept
}

/// Where the attribute ends that begins here, if one does.
fn attribute_end(tokens: &[Token<'_>], start: usize) -> Option<usize> {
    if (text(tokens, start), text(tokens, start + 1)) != ("#", "[") {
        return None;
    }
    group_end(tokens, start + 1)
}

/// Where the group ends whose opening bracket is here.
fn group_end(tokens: &[Token<'_>], start: usize) -> Option<usize> {
    let mut depth = 0;
    for (index, token) in tokens.iter().enumerate().skip(start) {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(index + 1);
        }
    }
    None
}

fn is_for_tests(attribute: &[Token<'_>]) -> bool {
    let has = |word| attribute.iter().any(|token| token.text == word);
    has("cfg") && has("test") && !has("not")
}

/// Where the item ends that begins here: behind its first semicolon or its first braces.
fn item_end(tokens: &[Token<'_>], start: usize) -> usize {
    let mut index = start;
    while let Some(end) = attribute_end(tokens, index) {
        index = end;
    }
    let is_import = text(tokens, index) == "use";
    while index < tokens.len() {
        index = match text(tokens, index) {
            ";" => return index + 1,
            "{" if !is_import => return group_end(tokens, index).unwrap_or(tokens.len()),
            "(" | "[" | "{" => group_end(tokens, index).unwrap_or(tokens.len()),
            _ => index + 1,
        };
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(source: &str) -> Vec<&str> {
        tokens(source).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn comments_and_literals_are_left_out() {
        let table = [
            ("a // crate::x\nb", vec!["a", "b"]),
            ("a /* crate /* deep */ ::x */ b", vec!["a", "b"]),
            (r#"a "crate::x \" y" b"#, vec!["a", "b"]),
            ("a r#\"crate \" x\"# b", vec!["a", "b"]),
            (r"a '\'' '{' b", vec!["a", "b"]),
            ("a<'static> b", vec!["a", "<", "static", ">", "b"]),
            ("crate::a", vec!["crate", "::", "a"]),
        ];
        for (source, expected) in table {
            assert_eq!(words(source), expected, "{source}");
        }
    }

    #[test]
    fn what_only_tests_compile_is_left_out() {
        let table = [
            ("#[cfg(test)] mod tests { use super::*; } fn f", vec!["fn", "f"]),
            ("#[cfg(test)] use a::{b, c}; fn f", vec!["fn", "f"]),
            ("#[cfg(test)] #[allow(x)] fn g(a: [u8; 2]) {} fn f", vec!["fn", "f"]),
            (
                "#[cfg(not(test))] f",
                vec!["#", "[", "cfg", "(", "not", "(", "test", ")", ")", "]", "f"],
            ),
        ];
        for (source, expected) in table {
            assert_eq!(words(source), expected, "{source}");
        }
    }

    #[test]
    fn a_token_knows_its_line() {
        let lines: Vec<_> =
            tokens("a\n\"\n\"\nb /*\n*/ c").iter().map(|token| token.line).collect();
        assert_eq!(lines, [1, 4, 5]);
    }
}
