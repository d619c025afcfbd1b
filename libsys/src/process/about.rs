//! What a program says about itself, in a segment of its file: one line, and how it is typed.
//!
//! A program declares it by [`about!`](crate::about!), a C program by `VITRINE_ABOUT`. It serves
//! three readers: `PROGRAM --help` prints it (the code that starts a program does, before `main`),
//! the shell reads it from the files of the boot archive for `help` and for the Tab key, and the
//! program prints it when it does not understand its arguments.

use core::fmt;

/// The type of the segment: one of those that are left to systems. (The files of the boot archive
/// have no sections.) boot/program.ld makes it of the sections `.vitrine.about`.
pub const SEGMENT: u32 = 0x6F56_4954;

/// In the usage line of a program that is no command: `init` starts it.
pub const STARTED_BY_INIT: &str = "(init starts it)";

/// Declares what a program does, and how it is typed if it takes arguments:
/// `libsys::about!("how an address is translated", "walk ADDRESS [--slot SLOT]");`.
///
/// More lines of the usage may follow as further strings. In the first, words in capitals stand for
/// something, and brackets around what may be left out. The shell completes what it finds there:
/// `--options`, words between which there is a `|`, and `PROGRAM` and `PROCESS`.
#[macro_export]
macro_rules! about {
    ($summary:expr) => {
        $crate::about!($summary, concat!(env!("CARGO_BIN_NAME"), "   (no arguments)"));
    };
    ($summary:expr, $($usage:expr),+ $(,)?) => {
        const _: () = {
            const TEXT: &str = concat!($summary, $("\n", $usage),+);
            #[allow(unsafe_code)]
            #[used]
            #[unsafe(link_section = ".vitrine.about")]
            static ABOUT: [u8; TEXT.len()] = $crate::process::about::bytes(TEXT);
        };
    };
}

/// The bytes of a text, as a section wants them.
///
/// # Panics
/// If the text has another length.
#[must_use]
pub const fn bytes<const LENGTH: usize>(text: &str) -> [u8; LENGTH] {
    assert!(text.len() == LENGTH);
    let mut bytes = [0; LENGTH];
    bytes.copy_from_slice(text.as_bytes());
    bytes
}

/// What a program says about itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct About<'a> {
    /// What it does: one line, without the program's name.
    pub summary: &'a str,
    /// How it is typed: one line or more.
    pub usage: &'a str,
}

impl<'a> About<'a> {
    /// Reads the segment; `None` if it is no text of two lines or more. Zero bytes at its end are
    /// C's.
    #[must_use]
    pub fn parse(segment: &'a [u8]) -> Option<Self> {
        let text = core::str::from_utf8(segment).ok()?.trim_end_matches(['\0', '\n']);
        let (summary, usage) = text.split_once('\n')?;
        let is_plain = text.chars().all(|c| c == '\n' || !c.is_control());
        (is_plain && !summary.is_empty() && !usage.is_empty()).then_some(Self { summary, usage })
    }

    /// Whether it is a command, and no server.
    #[must_use]
    pub fn is_command(&self) -> bool {
        !self.usage.contains(STARTED_BY_INIT)
    }
}

impl fmt::Display for About<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.usage.split([' ', '\n']).next().unwrap_or_default();
        write!(f, "{name}: {}\nusage: {}", self.summary, self.usage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_one_line_and_a_usage() {
        let walk = About { summary: "how", usage: "walk ADDRESS\n  ADDRESS: a number" };
        for text in [
            "how\nwalk ADDRESS\n  ADDRESS: a number",
            "how\nwalk ADDRESS\n  ADDRESS: a number\n\0\0",
        ] {
            assert_eq!(About::parse(text.as_bytes()), Some(walk));
        }
        assert_eq!(walk.to_string(), "walk: how\nusage: walk ADDRESS\n  ADDRESS: a number");
        assert!(walk.is_command());
        assert!(!About::parse(b"the pager\npager   (init starts it)").unwrap().is_command());
    }

    #[test]
    fn what_is_no_text_says_nothing() {
        for section in [
            &b""[..],
            b"one line",
            b"one line\n",
            b"\nwalk",
            b"a\nb\x1b[2J",
            b"a\xff\nb",
            b"\0\0",
            b"a\0b\nc",
        ] {
            assert_eq!(About::parse(section), None, "{section:?}");
        }
    }
}
