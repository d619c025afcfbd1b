//! What the kernel reads from its command line: which programs run first, and how processes are
//! reported.
//!
//! `elf=MEMBER[,type=fs][,abi=NUMBERING]` starts that member of the boot archive as a JOS program,
//! in the order of the words; without any such word, `init` is the first process. `jos` makes the
//! console report processes as JOS does. All words are listed in `abi::boot_line`; the other words
//! are for `init` and for the kernel's self-tests.

use abi::boot_line::{self, ELF, JOS};
use abi::jos::Numbering;

/// The kernel's command line.
#[derive(Clone, Copy)]
pub struct BootLine<'a>(pub &'a [u8]);

/// A JOS program to start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FirstProgram<'a> {
    /// The program's name in the boot archive.
    pub member: &'a str,
    /// Whether the program is the file server: UENVS says so, and it may use all I/O ports.
    pub file_server: bool,
    /// The lab whose numbers the program uses for JOS calls.
    pub numbering: Numbering,
}

impl<'a> BootLine<'a> {
    /// The words of the command line.
    fn words(self) -> impl Iterator<Item = &'a [u8]> {
        boot_line::words(self.0)
    }

    /// Whether the console reports processes as JOS does.
    #[must_use]
    pub fn reports_as_jos(self) -> bool {
        self.words().any(|word| word == JOS.as_bytes())
    }

    /// The JOS programs to start. An error holds the word that cannot be read.
    pub fn programs(self) -> impl Iterator<Item = Result<FirstProgram<'a>, &'a [u8]>> {
        self.words().filter_map(|word| word.strip_prefix(ELF.as_bytes())).map(program)
    }
}

/// The program that the text after `elf=` describes.
///
/// # Errors
/// The whole text: it is not UTF-8, names no member, or has an unknown option.
fn program(word: &[u8]) -> Result<FirstProgram<'_>, &[u8]> {
    let mut parts = core::str::from_utf8(word).map_err(|_| word)?.split(',');
    let member = parts.next().filter(|member| !member.is_empty()).ok_or(word)?;
    let plain = FirstProgram { member, file_server: false, numbering: Numbering::Lab5 };
    parts.try_fold(plain, |program, option| match option {
        "type=fs" => Ok(FirstProgram { file_server: true, ..program }),
        _ => match Numbering::OPTIONS.into_iter().find(|(name, _)| *name == option) {
            Some((_, numbering)) => Ok(FirstProgram { numbering, ..program }),
            None => Err(word),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn programs(line: &str) -> Vec<Result<FirstProgram<'_>, &[u8]>> {
        BootLine(line.as_bytes()).programs().collect()
    }

    #[test]
    fn programs_come_in_the_order_of_their_words() {
        let plain =
            |member| FirstProgram { member, file_server: false, numbering: Numbering::Lab5 };
        let fs = FirstProgram { file_server: true, ..plain("b") };
        let old = FirstProgram { numbering: Numbering::Lab4, ..plain("c") };
        for (option, numbering) in Numbering::OPTIONS {
            let line = std::format!("elf=c,{option}");
            assert_eq!(programs(&line), [Ok(FirstProgram { numbering, ..plain("c") })]);
        }
        assert_eq!(programs(""), []);
        assert_eq!(programs("kernel.elf jos run=elf=a elf=b"), []);
        assert_eq!(
            programs("kernel.elf elf=a  elf=b,type=fs elf=c,abi=lab4"),
            [Ok(plain("a")), Ok(fs), Ok(old)]
        );
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        for word in
            ["", ",type=fs", "a,type=ns", "a,", "a,abi=lab4,b", "a,abi=lab5", "a,abi=lab4-2015"]
        {
            assert_eq!(programs(&std::format!("elf={word}")), [Err(word.as_bytes())]);
        }
        assert_eq!(BootLine(b"elf=\xFF").programs().collect::<Vec<_>>(), [Err(&b"\xFF"[..])]);
    }

    #[test]
    fn jos_is_a_word_of_its_own() {
        for (line, expected) in [
            ("jos", true),
            ("k jos x", true),
            ("josh", false),
            ("run=jos", false),
            ("run=a jos", false),
        ] {
            assert_eq!(BootLine(line.as_bytes()).reports_as_jos(), expected, "{line}");
        }
    }
}
