//! What the word before the cursor may become when Tab is pressed.
//!
//! The first word of a program is the program. The others are what its usage line says:
//! `--options`, words between which there is a `|`, and words in capitals that stand for something
//! the shell knows: `PROGRAM` and `PROCESS`.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// What the shell knows.
pub trait Knowledge {
    /// The names of all programs, and of the shell's own commands.
    fn commands(&self) -> Vec<String>;
    /// The usage lines of a program, or of a command of the shell's own.
    fn usage(&self, command: &str) -> Option<String>;
    /// How processes can be named.
    fn processes(&self) -> Vec<String>;
}

/// What Tab does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Completion {
    /// No word begins so.
    Nothing,
    /// This is inserted.
    Text(String),
    /// Several words begin so, and differ right after it.
    Choices(Vec<String>),
}

/// Commands of the shell's whose first argument is another command.
const BEFORE_A_COMMAND: [&str; 2] = ["run", "time"];

/// Completes the last word of a line.
#[must_use]
pub fn complete(before: &str, knowledge: &impl Knowledge) -> Completion {
    // Quoted words are rare, and where an operator in them begins is not worth knowing.
    if before.contains(['\'', '"', '\\']) {
        return Completion::Nothing;
    }
    let program = before.rsplit([';', '&']).next().unwrap_or(before);
    let mut words: Vec<&str> = program.split_whitespace().collect();
    let begun = if program.ends_with(char::is_whitespace) { "" } else { words.pop().unwrap_or("") };
    while words.first().is_some_and(|first| BEFORE_A_COMMAND.contains(first)) {
        words.remove(0);
    }
    let mut choices = match words.first() {
        None => knowledge.commands(),
        Some(command) => of_usage(&knowledge.usage(command).unwrap_or_default(), knowledge),
    };
    choices.retain(|choice| choice.starts_with(begun));
    choices.sort();
    choices.dedup();
    let Some(common) = common_start(&choices) else { return Completion::Nothing };
    let rest = &common[begun.len()..];
    match choices.as_slice() {
        [_] => Completion::Text(rest.to_string() + " "),
        _ if rest.is_empty() => Completion::Choices(choices),
        _ => Completion::Text(rest.to_string()),
    }
}

/// The words that a usage line names.
fn of_usage(usage: &str, knowledge: &impl Knowledge) -> Vec<String> {
    let mut choices = Vec::new();
    let words = usage.lines().flat_map(|line| line.split([' ', '[', ']', '(', ')', ',']));
    for group in words {
        let alternatives: Vec<&str> = group.split('|').collect();
        for word in &alternatives {
            let word = word.trim_end_matches("...");
            let is_plain = || word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
            match word {
                "PROGRAM" => choices.extend(knowledge.commands()),
                "PROCESS" => choices.extend(knowledge.processes()),
                "" => {}
                word if word.len() > 2 && word.starts_with("--") => choices.push(word.into()),
                word if alternatives.len() > 1 && is_plain() => choices.push(word.into()),
                _ => {}
            }
        }
    }
    choices
}

/// The longest text with which all begin; `None` if there are none.
fn common_start(choices: &[String]) -> Option<&str> {
    let mut common = choices.first()?.as_str();
    for choice in choices {
        let same = common.char_indices().zip(choice.chars()).find(|((_, a), b)| a != b);
        let end = same.map_or(common.len().min(choice.len()), |((at, _), _)| at);
        common = &common[..end];
    }
    Some(common)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    struct Known;

    impl Knowledge for Known {
        fn commands(&self) -> Vec<String> {
            ["hog", "hello", "help", "leave", "map", "time", "walk"].map(String::from).into()
        }

        fn usage(&self, command: &str) -> Option<String> {
            let usage = match command {
                "hog" => "hog SIZE [--fork] [--two]\n  --fork   forks, too",
                "leave" => "leave owner|reader|many",
                "map" => "map [--plain] [--hold | --watch] [PROCESS | PROGRAM [ARGUMENTS...]]",
                _ => return None,
            };
            Some(usage.into())
        }

        fn processes(&self) -> Vec<String> {
            ["%1", "00001003"].map(String::from).into()
        }
    }

    #[test]
    fn a_word_is_completed_as_far_as_it_is_clear() {
        let choices =
            |words: &[&str]| Completion::Choices(words.iter().map(|w| (*w).into()).collect());
        let text = |text: &str| Completion::Text(text.into());
        for (line, expected) in [
            ("w", text("alk ")),
            ("h", choices(&["hello", "help", "hog"])),
            ("he", text("l")),
            ("hel", choices(&["hello", "help"])),
            ("free; wa", text("lk ")),
            ("free&&wa", text("lk ")),
            ("time run hog --f", text("ork ")),
            ("time wa", text("lk ")),
            ("hog --", choices(&["--fork", "--two"])),
            ("hog --fork --t", text("wo ")),
            ("hog x", Completion::Nothing),
            ("leave ", choices(&["many", "owner", "reader"])),
            ("leave o", text("wner ")),
            ("map --h", text("old ")),
            ("map %", text("1 ")),
            ("map le", text("ave ")),
            ("map map wa", text("lk ")),
            ("nonesuch ", Completion::Nothing),
            ("'w", Completion::Nothing),
        ] {
            assert_eq!(complete(line, &Known), expected, "{line}");
        }
        let Completion::Choices(all) = complete("", &Known) else { panic!("all commands") };
        assert_eq!(all.len(), Known.commands().len());
    }

    #[test]
    fn what_is_common_ends_between_two_characters() {
        let common = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).into()).collect();
            common_start(&words).map(String::from)
        };
        assert_eq!(common(&[]), None);
        assert_eq!(common(&["aé", "aè"]), Some("a".into()));
        assert_eq!(common(&["ab", "abc", "ab"]), Some("ab".into()));
        assert_eq!(vec![common(&["a", "b"])], vec![Some(String::new())]);
    }
}
