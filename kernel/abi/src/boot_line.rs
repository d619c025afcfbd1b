//! The words of the kernel's command line: one list for the kernel, for `init` and for the tool
//! that boots the machine.
//!
//! Words are separated by spaces. A boot loader may put the kernel's file name first: QEMU's does,
//! and so does GRUB's first generation. That name is skipped here, spaces in it included, so that a
//! folder called `disk` asks for nothing. From `run=` on, the line belongs to `init`: what follows
//! is a program with its arguments.

/// Starts the part of the line that belongs to `init`.
pub const RUN: &str = "run=";
/// Starts the name of a first program: `elf=MEMBER[,type=fs][,abi=lab4]`.
pub const ELF: &str = "elf=";
/// Starts the name of a [`SelfTest`].
pub const SELF_TEST: &str = "selftest=";

/// For the kernel: report processes as JOS does.
pub const JOS: &str = "jos";
/// For `init`: start the disk's driver.
pub const DISK: &str = "disk";
/// For `init`: the pager may put pages on that disk.
pub const SWAP: &str = "swap";
/// For `init`: the program of `run=` is a driver.
pub const TRUST: &str = "trust";
/// For `init`: the program of `run=` gets the boot archive.
pub const ARCHIVE: &str = "archive";

/// For the kernel: record events ([`crate::trace`]).
pub const TRACE: &str = "trace";

/// Every word that stands alone.
pub const PLAIN: [&str; 6] = [JOS, DISK, SWAP, TRUST, ARCHIVE, TRACE];

/// How the kernel fails on request, so that tests can watch it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SelfTest {
    /// It panics.
    Panic,
    /// It records events, as the word `trace` says, and panics in the 300th of them.
    PanicLater,
    /// It reads an address that is not mapped.
    Fault,
    /// It uses up its stack.
    Stack,
    /// It raises an exception without an interrupt table: a triple fault.
    Triple,
    /// It loops for ever.
    Hang,
}

impl SelfTest {
    /// Every test with its name on the command line.
    pub const ALL: [(&'static str, Self); 6] = [
        ("panic", Self::Panic),
        ("panic-later", Self::PanicLater),
        ("fault", Self::Fault),
        ("stack", Self::Stack),
        ("triple", Self::Triple),
        ("hang", Self::Hang),
    ];

    /// The test that a word asks for.
    #[must_use]
    pub fn asked(word: &[u8]) -> Option<Self> {
        let name = word.strip_prefix(SELF_TEST.as_bytes())?;
        Self::ALL.iter().find(|(known, _)| known.as_bytes() == name).map(|(_, test)| *test)
    }
}

/// The words of a line, without the kernel's file name, up to `run=`.
pub fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    let before_run = |word: &&[u8]| !word.starts_with(RUN.as_bytes());
    split(line).take_while(before_run).skip(words_of_file_name(line))
}

/// Whether the kernel or `init` reads this word. What follows `elf=` is judged when the program is
/// started.
#[must_use]
pub fn is_known(word: &[u8]) -> bool {
    PLAIN.iter().any(|plain| plain.as_bytes() == word)
        || word.starts_with(ELF.as_bytes())
        || SelfTest::asked(word).is_some()
}

/// The words of a line that neither the kernel nor `init` reads.
pub fn unknown(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    words(line).filter(|word| !is_known(word))
}

fn split(line: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    line.split(|byte| *byte == b' ').filter(|word| !word.is_empty())
}

/// How many of the first words are the kernel's file name, which may have spaces in it.
///
/// A first word that starts with `/` or ends in `.elf` is a file name, or the start of one that
/// ends with the first word in `.elf`.
fn words_of_file_name(line: &[u8]) -> usize {
    let ends = |word: &[u8]| word.ends_with(b".elf") && !is_known(word);
    match split(line).next() {
        Some(first) if ends(first) => 1,
        Some(first) if first.starts_with(b"/") => {
            let before_run = |word: &&[u8]| !word.starts_with(RUN.as_bytes());
            split(line).take_while(before_run).position(ends).map_or(1, |last| last + 1)
        }
        Some(_) | None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn unknown_of(line: &str) -> Vec<&str> {
        unknown(line.as_bytes()).map(|word| core::str::from_utf8(word).unwrap()).collect()
    }

    #[test]
    fn every_word_of_the_list_is_known_and_no_word_beside_it() {
        for word in PLAIN {
            assert!(is_known(word.as_bytes()), "{word}");
            assert!(!is_known(&word.as_bytes()[1..]), "{word} without its first letter");
            assert!(!is_known(std::format!("{word}s").as_bytes()), "{word}s");
            assert!(!is_known(std::format!("{word}=1").as_bytes()), "{word}=1");
        }
        for (name, test) in SelfTest::ALL {
            let word = std::format!("{SELF_TEST}{name}");
            assert_eq!(SelfTest::asked(word.as_bytes()), Some(test));
            assert!(is_known(word.as_bytes()) && !is_known(name.as_bytes()), "{name}");
        }
        assert!(is_known(b"elf=elf0/hello,type=fs"));
        for word in [&b"selftest="[..], b"selftest=panics", b"selftest", b"elf", b"", b"\xFF"] {
            assert!(!is_known(word), "{}", word.escape_ascii());
        }
    }

    #[test]
    fn an_unknown_word_is_found_before_run_only() {
        for (line, expected) in [
            ("", &[][..]),
            ("disk nonsense=1 swap", &["nonsense=1"]),
            ("kernel.elf quiet  jos x run=nonsense y", &["quiet", "x"]),
            ("run=nonsense", &[]),
            ("drun=a", &["drun=a"]),
        ] {
            assert_eq!(unknown_of(line), expected, "{line}");
        }
    }

    #[test]
    fn the_kernels_file_name_is_no_word() {
        for line in [
            "kernel.elf jos",
            "/boot/vitrine jos",
            "/home/disk swap/my kernel.elf jos",
            "/a tree, mine/kernel.elf jos run=x.elf",
            "jos",
            "jos run=b.elf",
        ] {
            assert_eq!(words(line.as_bytes()).collect::<Vec<_>>(), [&b"jos"[..]], "{line}");
        }
        assert_eq!(unknown_of("/boot/kernel.elf /boot/kernel.elf"), ["/boot/kernel.elf"]);
        assert_eq!(unknown_of("disk kernel.elf"), ["kernel.elf"]);
        assert_eq!(words(b"elf=elf0/a.elf jos").count(), 2);
        assert_eq!(words(b"/boot/kernel run=a b.elf").count(), 0);
    }
}
