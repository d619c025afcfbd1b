//! How a command line becomes a program's name and its arguments.
//!
//! The shell, init (for `run=`) and the tool that boots the machine (for `--run`) split with the
//! same function, so a command means the same everywhere. White space separates words. Between `'`
//! and `'` every character stands for itself; between `"` and `"` every character but `\`. A `\`
//! outside single quotes takes the next character as it is. Unlike in POSIX shells that also holds
//! for every character within double quotes, because GRUB writes a command line so when it hands it
//! to a kernel. What stands between the words of one program and those of the next is read by
//! [`steps`](super::steps).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Why a line cannot be split: it ends too early. `Display` gives the line that the user sees.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unfinished {
    /// This quote is opened and never closed.
    Quote(char),
    /// The last character is a `\`, with nothing after it.
    Backslash,
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quote(quote) => write!(f, "there is no closing {quote}"),
            Self::Backslash => f.write_str("nothing follows the last \\"),
        }
    }
}

/// The words of a line, without the quotes.
///
/// # Errors
/// The line ends within quotes or after a `\`.
pub fn split(line: &str) -> Result<Vec<String>, Unfinished> {
    let mut words = Vec::new();
    let mut rest = line.chars();
    while let Some(word) = next_word(&mut rest, |_| false)? {
        words.push(word);
    }
    Ok(words)
}

/// Takes the next word off the line; `None` at the end of the line, or before a character outside
/// quotes that `ends` a word and is none of it. That character stays.
pub(super) fn next_word(
    rest: &mut core::str::Chars<'_>,
    ends: impl Fn(char) -> bool,
) -> Result<Option<String>, Unfinished> {
    let mut word: Option<String> = None;
    while let Some(c) = rest.clone().next().filter(|c| !ends(*c)) {
        rest.next();
        if c.is_ascii_whitespace() {
            if word.is_some() {
                break;
            }
            continue;
        }
        // From here on there is a word, even if nothing is between its quotes.
        let word = word.get_or_insert_default();
        match c {
            '\'' | '"' => quoted(c, rest, word)?,
            '\\' => word.push(rest.next().ok_or(Unfinished::Backslash)?),
            plain => word.push(plain),
        }
    }
    Ok(word)
}

/// Copies what stands before the closing quote, and takes that quote off the line.
fn quoted(
    quote: char,
    rest: &mut core::str::Chars<'_>,
    word: &mut String,
) -> Result<(), Unfinished> {
    loop {
        match rest.next().ok_or(Unfinished::Quote(quote))? {
            c if c == quote => return Ok(()),
            '\\' if quote == '"' => word.push(rest.next().ok_or(Unfinished::Quote(quote))?),
            c => word.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quotes_group_and_a_backslash_takes_the_next_character() {
        let table: [(&str, &[&str]); 11] = [
            ("", &[]),
            (" \t ", &[]),
            ("walk  0x10\t", &["walk", "0x10"]),
            (r#"walk "0x10""#, &["walk", "0x10"]),
            (r#"say "a  b" 'c "d' "#, &["say", "a  b", "c \"d"]),
            (r#"say a" b"c' d'"#, &["say", "a bc d"]),
            (r#"say "" ''"#, &["say", "", ""]),
            (r#"say "\"\\\a" '\'"#, &["say", "\"\\a", "\\"]),
            (r"say a\ b\'\\", &["say", r"a b'\"]),
            ("say -ab --c -- -d=e", &["say", "-ab", "--c", "--", "-d=e"]),
            ("say ä\u{a0}ö", &["say", "ä\u{a0}ö"]),
        ];
        for (line, words) in table {
            assert_eq!(split(line).unwrap(), words, "{line}");
        }
    }

    #[test]
    fn a_line_that_ends_within_quotes_says_which() {
        for (line, why) in [
            ("a \"b", Unfinished::Quote('"')),
            ("a 'b\"", Unfinished::Quote('\'')),
            ("'", Unfinished::Quote('\'')),
            ("\"a\\", Unfinished::Quote('"')),
            ("\"a\\\"", Unfinished::Quote('"')),
            ("a\\", Unfinished::Backslash),
        ] {
            assert_eq!(split(line), Err(why), "{line}");
        }
    }

    /// As GRUB writes an argument: in double quotes, with a backslash before three characters.
    fn quote(word: &str) -> String {
        let special = |c: char| "\\\"'".contains(c);
        let text = word.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c]));
        std::format!("\"{}\"", text.collect::<String>())
    }

    proptest! {
        #[test]
        fn quoted_words_come_back_as_they_were(words in prop::collection::vec(".*", 0..5)) {
            let line: Vec<String> = words.iter().map(|word| quote(word)).collect();
            prop_assert_eq!(split(&line.join(" ")), Ok(words));
        }
    }
}
