//! What the kernel's command line says to init: which program to run, if not the shell.

/// The words after `run=`, which takes the rest of the line; `None` without it, or if nothing follows.
#[must_use]
pub fn program_to_run(line: &str) -> Option<impl Iterator<Item = &str> + Clone> {
    const RUN: &str = "run=";
    let start = line
        .match_indices(RUN)
        .map(|(at, _)| at)
        .find(|at| *at == 0 || line[..*at].ends_with(' '))?;
    let mut words = line[start + RUN.len()..].split_ascii_whitespace().peekable();
    words.peek()?;
    Some(words)
}

/// Is `word` among the words before `run=`?
#[must_use]
pub fn has_word(line: &str, word: &str) -> bool {
    let words = line.split_ascii_whitespace().take_while(|it| !it.starts_with("run="));
    words.into_iter().any(|it| it == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_count_only_before_run() {
        for (line, expected) in [
            ("disk", true),
            ("kernel.elf disk run=x", true),
            ("run=x disk", false),
            ("disks", false),
        ] {
            assert_eq!(has_word(line, "disk"), expected, "{line:?}");
        }
    }

    #[test]
    fn all_after_run_is_the_program() {
        let table: [(&str, &[&str]); 7] = [
            ("", &[]),
            ("kernel.elf debug", &[]),
            ("run=walk 0xef7bd000", &["walk", "0xef7bd000"]),
            ("kernel.elf run=walk  a run=b ", &["walk", "a", "run=b"]),
            ("dryrun=no run=cow", &["cow"]),
            ("kernel.elf run=", &[]),
            ("kernel.elf run=  ", &[]),
        ];
        for (line, expected) in table {
            let words: Vec<&str> = program_to_run(line).into_iter().flatten().collect();
            assert_eq!(words, expected, "{line:?}");
        }
    }
}
