//! The line of a shell, and of `run=`.

use libsys::process::command_line::{Unfinished, split};

pub fn judge(bytes: &[u8]) -> bool {
    let line = String::from_utf8_lossy(bytes);
    match split(&line) {
        Ok(words) => {
            let quoted: Vec<_> = words.iter().map(|word| quoted(word)).collect();
            assert_eq!(split(&quoted.join("\t")).as_ref(), Ok(&words));
            // Nothing is added: quotes, backslashes and white space are all that goes.
            let of_words: usize = words.iter().map(String::len).sum();
            assert!(of_words <= line.len());
            !words.is_empty()
        }
        Err(Unfinished::Backslash) => {
            assert!(split(&format!("{line}x")).is_ok());
            false
        }
        Err(Unfinished::Quote(quote)) => {
            // The last character may be a backslash, which takes the first of the two.
            let closed = [format!("{line}{quote}"), format!("{line}{quote}{quote}")];
            assert!(closed.iter().any(|line| split(line).is_ok()));
            false
        }
    }
}

/// In single quotes, with each single quote of the word behind a backslash and outside.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}
