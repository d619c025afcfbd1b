//! A line of output, described: a piece of it, with `*` for whatever stands between two pieces.

/// Does this line contain the pattern?
pub fn matches(pattern: &str, line: &str) -> bool {
    let mut rest = line;
    pattern.split('*').all(|piece| match rest.find(piece) {
        Some(start) => {
            rest = &rest[start + piece.len()..];
            true
        }
        None => false,
    })
}

/// The first of the patterns, each on a later line than the one before, that is not there.
pub fn first_missing<'a>(patterns: &[&'a str], lines: &[String]) -> Option<&'a str> {
    let mut lines = lines.iter();
    patterns.iter().copied().find(|pattern| !lines.any(|line| matches(pattern, line)))
}

/// A line as a reader sees it: without the escape sequences of a line editor.
pub fn without_escapes(line: &str) -> String {
    let mut text = String::new();
    let mut bytes = line.chars();
    while let Some(c) = bytes.next() {
        match c {
            '\u{1b}' => {
                if bytes.clone().next() == Some('[') {
                    // A control sequence ends with its first letter, `@` or `~`.
                    bytes.by_ref().skip(1).find(|c| matches!(c, '@'..='Z' | 'a'..='~'));
                }
            }
            '\r' => {}
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_piece_of_a_line_and_stars_skip() {
        let table = [
            ("memory", "the memory: 5", true),
            ("memory: * usable", "memory: 5 frames usable now", true),
            ("memory: * usable", "memory: 5 frames", false),
            ("b*a", "ab", false),
            ("", "", true),
        ];
        for (pattern, line, expected) in table {
            assert_eq!(matches(pattern, line), expected, "{pattern:?} {line:?}");
        }
    }

    #[test]
    fn lines_are_wanted_in_order_and_once_each() {
        let lines = ["one", "two", "three"].map(String::from);
        assert_eq!(first_missing(&["one", "three"], &lines), None);
        assert_eq!(first_missing(&["three", "one"], &lines), Some("one"));
        assert_eq!(first_missing(&["one", "one"], &lines), Some("one"));
        assert_eq!(first_missing(&[], &lines), None);
    }

    #[test]
    fn an_editors_escapes_are_not_text() {
        assert_eq!(without_escapes("\u{1b}[2K\u{1b}[1;5H> help\r\u{1b}[0m"), "> help");
        assert_eq!(without_escapes("plain"), "plain");
    }
}
