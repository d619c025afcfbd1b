//! How a line of the shell becomes the programs that it starts, one after the other.
//!
//! ```text
//! free; hog 16M && free     free, then hog; free again only if hog ends with status 0
//! hog 64M &                 hog, and the next prompt at once
//! ```
//!
//! Quotes are those of [`command_line`](super::command_line). Every other character that is an
//! operator in POSIX shells is refused unless it is quoted: a program that got it as an argument
//! would do something else than what was meant.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::command_line::{Unfinished, next_word};

/// A program of a line, with its arguments.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// The program's name, then its arguments: at least one word.
    pub words: Vec<String>,
    /// It runs only if the program before it on the line has ended with status 0.
    pub only_after_success: bool,
    /// The line goes on without waiting for it.
    pub in_background: bool,
}

/// Why a line is not run. `Display` gives the line that the user sees.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unreadable {
    /// The line ends too early.
    Unfinished(Unfinished),
    /// This operator is one of other shells, for which Vitrine has nothing.
    Unsupported(Missing),
    /// No program stands before this operator.
    NothingBefore(&'static str),
    /// No program stands after `&&`.
    NothingAfter,
    /// `&` stands after two programs that `&&` joins.
    ListInBackground,
}

/// What Vitrine does not have, with the operator that asks for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Missing {
    /// `|`: output of one program that is input of another.
    Pipe,
    /// `||`: a program that runs after a failure.
    Or,
    /// `<` or `>`: files.
    File(char),
    /// `$` or a backquote: variables, and output of a program as an argument.
    Substitution(char),
    /// A round bracket: a shell within the shell.
    Subshell(char),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pipe => f.write_str("`|`: the shell has no pipes"),
            Self::Or => f.write_str("`||`: the shell has `;`, `&&` and `&` only"),
            Self::File(c) => write!(f, "`{c}`: there are no files to read or write"),
            Self::Substitution(c) => write!(f, "`{c}`: the shell has no variables"),
            Self::Subshell(c) => write!(f, "`{c}`: the shell has no subshells"),
        }?;
        f.write_str("; as a part of an argument it is quoted")
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unfinished(why) => why.fmt(f),
            Self::Unsupported(what) => what.fmt(f),
            Self::NothingBefore(operator) => write!(f, "there is no program before `{operator}`"),
            Self::NothingAfter => f.write_str("there is no program after `&&`"),
            Self::ListInBackground => f.write_str("`&` takes one program, and not several by `&&`"),
        }
    }
}

impl core::error::Error for Unreadable {}

impl From<Unfinished> for Unreadable {
    fn from(why: Unfinished) -> Self {
        Self::Unfinished(why)
    }
}

/// What ends a program on a line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Line,
    Semicolon,
    And,
    Background,
}

impl End {
    const fn text(self) -> &'static str {
        match self {
            Self::Line => "the end",
            Self::Semicolon => ";",
            Self::And => "&&",
            Self::Background => "&",
        }
    }
}

/// The programs of a line, in order: none if the line is blank.
///
/// # Errors
/// [`Unreadable`]: nothing of the line can be run.
pub fn read(line: &str) -> Result<Vec<Step>, Unreadable> {
    let mut steps = Vec::new();
    let mut rest = line.chars();
    let mut only_after_success = false;
    loop {
        let mut words = Vec::new();
        while let Some(word) = next_word(&mut rest, is_operator)? {
            words.push(word);
        }
        let end = end(&mut rest)?;
        if words.is_empty() {
            return match end {
                End::Line if only_after_success => Err(Unreadable::NothingAfter),
                End::Line => Ok(steps),
                _ => Err(Unreadable::NothingBefore(end.text())),
            };
        }
        let in_background = end == End::Background;
        if in_background && only_after_success {
            return Err(Unreadable::ListInBackground);
        }
        steps.push(Step { words, only_after_success, in_background });
        only_after_success = end == End::And;
        if end == End::Line {
            return Ok(steps);
        }
    }
}

const fn is_operator(c: char) -> bool {
    matches!(c, ';' | '&' | '|' | '<' | '>' | '$' | '`' | '(' | ')')
}

/// Takes the operator off the line before which a program's words end.
fn end(rest: &mut core::str::Chars<'_>) -> Result<End, Unreadable> {
    let Some(c) = rest.next() else { return Ok(End::Line) };
    let is_double = rest.as_str().starts_with(c);
    let missing = match c {
        '&' if is_double => {
            rest.next();
            return Ok(End::And);
        }
        '&' => return Ok(End::Background),
        '|' if is_double => Missing::Or,
        '|' => Missing::Pipe,
        '<' | '>' => Missing::File(c),
        '(' | ')' => Missing::Subshell(c),
        '$' | '`' => Missing::Substitution(c),
        // A word ends before an operator or at the end, so this is the last one: `;`.
        _ => return Ok(End::Semicolon),
    };
    Err(Unreadable::Unsupported(missing))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::command_line::split;
    use proptest::prelude::*;
    use std::format;

    /// Each program in its own brackets, with `?` for one that needs a success and `&` for one in
    /// the background.
    fn shown(line: &str) -> String {
        let steps = read(line).unwrap_or_else(|why| panic!("{line}: {why}"));
        let of = |step: &Step| {
            let (if_done, background) = (
                if step.only_after_success { "?" } else { "" },
                if step.in_background { "&" } else { "" },
            );
            format!("{if_done}[{}]{background}", step.words.join("|"))
        };
        steps.iter().map(of).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_line_is_several_programs() {
        for (line, expected) in [
            ("", ""),
            (" \t ", ""),
            ("free", "[free]"),
            ("free;", "[free]"),
            ("free ; ps", "[free] [ps]"),
            ("free;ps;", "[free] [ps]"),
            ("hog 4M&&free && ps", "[hog|4M] ?[free] ?[ps]"),
            ("hog 4M & free", "[hog|4M]& [free]"),
            ("hog 4M&", "[hog|4M]&"),
            ("a & b && c; d &", "[a]& [b] ?[c] [d]&"),
            ("a 'b;c' \"d&&e\" f\\&", "[a|b;c|d&&e|f&]"),
            ("''", "[]"),
        ] {
            assert_eq!(shown(line), expected, "{line}");
        }
    }

    #[test]
    fn what_is_not_supported_is_an_error_and_no_argument() {
        let all = [
            ("a|b", "`|`: the shell has no pipes"),
            ("a || b", "`||`: the shell has `;`"),
            ("a >b", "`>`: there are no files"),
            ("a 2>b", "`>`: there are no files"),
            ("a <b", "`<`: there are no files"),
            ("a $(b)", "`$`: the shell has no variables"),
            ("a x$b", "`$`: the shell has no variables"),
            ("a `b`", "``: the shell has no variables"),
            ("(a)", "`(`: the shell has no subshells"),
            ("a )", "`)`: the shell has no subshells"),
            ("; a", "no program before `;`"),
            ("a ;; b", "no program before `;`"),
            ("& a", "no program before `&`"),
            ("a & & b", "no program before `&`"),
            ("&& a", "no program before `&&`"),
            ("a && && b", "no program before `&&`"),
            ("a &&", "no program after `&&`"),
            ("a && b &", "`&` takes one program"),
            ("a; 'b", "there is no closing '"),
            ("a; b\\", "nothing follows the last \\"),
        ];
        for (line, expected) in all {
            let why = read(line).unwrap_err().to_string();
            assert!(why.contains(expected) && !why.contains('\n'), "{line}: {why}");
        }
    }

    proptest! {
        /// With every word in single quotes, the words are those that were joined.
        #[test]
        fn quoted_words_are_never_operators(
            programs in prop::collection::vec(
                prop::collection::vec("[a-z;&|<>$`() ]{0,4}", 1..4), 1..4,
            ),
            joints in prop::collection::vec(prop::sample::select(vec![";", "&&", "&"]), 4),
        ) {
            let quote = |words: &Vec<String>| {
                words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ")
            };
            let quoted: Vec<_> = programs.iter().map(quote).collect();
            let mut line = String::new();
            for (program, joint) in quoted.iter().zip(&joints) {
                line += &format!("{program}{joint}");
            }
            line.truncate(line.len() - joints[quoted.len() - 1].len());
            let Ok(steps) = read(&line) else {
                let list = joints[..quoted.len() - 1].windows(2).any(|two| two == ["&&", "&"]);
                prop_assert!(list, "{line}");
                return Ok(());
            };
            let words: Vec<_> = steps.into_iter().map(|step| step.words).collect();
            prop_assert_eq!(words, programs);
        }

        /// A line without operators is split as everywhere else.
        #[test]
        fn a_line_without_operators_is_one_program(line in "[a-z'\"\\\\ \t]*") {
            match (read(&line), split(&line)) {
                (Ok(steps), Ok(words)) => {
                    let of_steps: Vec<_> = steps.into_iter().flat_map(|step| step.words).collect();
                    prop_assert_eq!(of_steps, words);
                }
                (read, split) => {
                    let split = split.map(|_| Vec::new()).map_err(Unreadable::from);
                    prop_assert_eq!(read, split);
                }
            }
        }
    }
}
