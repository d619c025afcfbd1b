//! The part of the kernel's command line that init reads: the program to run in place of the shell.
//!
//! The words before `run=` are `abi::boot_line`'s. What follows `run=` is a command, with quotes as
//! in the shell; [`crate::process::command_line`] splits it.

use abi::boot_line::{RUN, words};

/// The command after `run=`, which takes the rest of the line; `None` without it, or if nothing
/// follows.
#[must_use]
pub fn command_to_run(line: &str) -> Option<&str> {
    let start = line
        .match_indices(RUN)
        .map(|(at, _)| at)
        .find(|at| *at == 0 || line[..*at].ends_with(' '))?;
    let command = line[start + RUN.len()..].trim_ascii();
    (!command.is_empty()).then_some(command)
}

/// Whether `word` is among the words before `run=`.
#[must_use]
pub fn has_word(line: &str, word: &str) -> bool {
    words(line.as_bytes()).any(|it| it == word.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_count_only_before_run() {
        for (line, expected) in [
            ("disk", true),
            ("kernel.elf disk run=x", true),
            ("/my disk/kernel.elf run=x", false),
            ("run=x disk", false),
            ("disks", false),
        ] {
            assert_eq!(has_word(line, "disk"), expected, "{line:?}");
        }
    }

    #[test]
    fn all_after_run_is_the_command() {
        for (line, expected) in [
            ("", None),
            ("kernel.elf debug", None),
            ("run=walk 0xef7bd000", Some("walk 0xef7bd000")),
            ("kernel.elf run=walk  a run=b ", Some("walk  a run=b")),
            ("run=walk \"a  b\"", Some("walk \"a  b\"")),
            ("dryrun=no run=cow", Some("cow")),
            ("kernel.elf run=", None),
            ("kernel.elf run=  ", None),
        ] {
            assert_eq!(command_to_run(line), expected, "{line:?}");
        }
    }
}
