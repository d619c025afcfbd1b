//! What a boot may be asked for: `--run`, `--append`, `--memory`, `--timeout`.
//!
//! Each function checks one option before anything is built, so that a mistake costs one line and
//! no waiting. The tests describe machines by [`crate::machine::Machine`] and may boot what is
//! refused here.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::time::Duration;

use abi::boot_line::{self, PLAIN, RUN, SELF_TEST, SelfTest};
use libsys::process::steps;

use crate::bad_input::BadInput;

/// The least memory that the documentation promises to work, in MiB.
const LEAST: u32 = 16;
/// The most memory that QEMU puts below 4 GiB, in MiB. From one more on, it moves all memory above
/// 3 GiB to above 4 GiB, where a 32-bit kernel without PAE does not reach it.
const MOST: u32 = 3583;

/// The words of `--run`'s first program: its name and its arguments. Others may follow, as in
/// Vitrine's shell.
///
/// # Errors
/// There is no program, a quote is not closed, there is an operator that the shell does not have,
/// or a control character.
pub fn run(text: &str) -> Result<Vec<String>, BadInput> {
    let bad = |why: String| BadInput(format!("--run: {why}"));
    if text.chars().any(|c| c.is_control() && c != '\t') {
        return Err(bad("a control character cannot stand on the kernel's command line".into()));
    }
    let steps = steps::read(text).map_err(|why| bad(why.to_string()))?;
    let words = steps.into_iter().next().map_or_else(Vec::new, |step| step.words);
    if words.first().is_none_or(String::is_empty) {
        return Err(bad("no program is named".into()));
    }
    Ok(words)
}

/// The words of `--append`.
///
/// # Errors
/// Neither the kernel nor `init` knows a word, or it is `run=`.
pub fn append(text: &str) -> Result<Vec<&str>, BadInput> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    for word in &words {
        if word.starts_with(RUN) {
            let why =
                "--append: `run=` is what --run \"PROGRAM ARGS\" puts there; say that instead";
            return Err(BadInput(why.to_owned()));
        }
        if !boot_line::is_known(word.as_bytes()) {
            let (word, known) = (word.escape_debug(), known_words());
            return Err(BadInput(format!("--append: unknown word `{word}`; there are {known}")));
        }
    }
    Ok(words)
}

fn known_words() -> String {
    let tests: Vec<&str> = SelfTest::ALL.iter().map(|(name, _)| *name).collect();
    format!("{}, elf=MEMBER, {SELF_TEST}{}", PLAIN.join(", "), tests.join("|"))
}

/// Memory in MiB.
///
/// # Errors
/// The text is no number from 16 to 3583.
pub fn memory(text: &str) -> Result<u32, BadInput> {
    let bad = |why: &str| Err(BadInput(format!("--memory {}: {why}", text.escape_debug())));
    match text.parse::<u32>() {
        Ok(mib @ LEAST..=MOST) => Ok(mib),
        Ok(mib) if mib > MOST => bad(&format!(
            "at most {MOST} MiB; with more, the PC moves what is above 3 GiB to above 4 GiB, \
             out of a 32-bit kernel's reach"
        )),
        Ok(_) => bad(&format!("at least {LEAST} MiB are needed")),
        Err(_) => bad(&format!("a number of MiB from {LEAST} to {MOST} is wanted")),
    }
}

/// How long a boot may take.
///
/// # Errors
/// It is zero seconds.
pub fn timeout(seconds: u64) -> Result<Duration, BadInput> {
    if seconds == 0 {
        let why = "at least 1 second; without --timeout the machine has no limit";
        return Err(BadInput(format!("--timeout 0: {why}")));
    }
    Ok(Duration::from_secs(seconds))
}

/// The port of 127.0.0.1 where a debugger is awaited.
///
/// # Errors
/// The text is no number from 1 to 65535, or the port cannot be had.
pub fn gdb(text: &str) -> Result<u16, BadInput> {
    let bad = |why: &str| BadInput(format!("--gdb {}: {why}", text.escape_debug()));
    let port = text.parse().ok().filter(|port| *port != 0);
    let port = port.ok_or_else(|| bad("a port from 1 to 65535 is wanted"))?;
    // QEMU would say so after the build. It takes the port later, so it is given back.
    match TcpListener::bind(("127.0.0.1", port)) {
        Ok(_) => Ok(port),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            Err(bad("another program has this port; name another one"))
        }
        Err(error) => Err(bad(&error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes sure that a refusal is one line with this in it.
    fn refused<T: std::fmt::Debug>(result: Result<T, BadInput>, part: &str) {
        let line = result.unwrap_err().to_string();
        assert!(line.contains(part) && line.lines().count() == 1, "{part}: {line}");
    }

    #[test]
    fn a_command_has_a_program_and_closed_quotes() {
        assert_eq!(run(r#"walk "0x10" 'a b'"#).unwrap(), ["walk", "0x10", "a b"]);
        assert_eq!(run("walk 1 && free; ps").unwrap(), ["walk", "1"]);
        for (text, part) in [
            ("", "no program"),
            (" \t", "no program"),
            ("\"\"", "no program"),
            ("walk \"0x10", "closing \""),
            ("walk '0x10", "closing '"),
            ("walk \\", "last \\"),
            ("ps | walk", "no pipes"),
            ("ps > file", "no files"),
            ("ps ||", "`||`"),
            ("&& ps", "before `&&`"),
            ("walk\n0x10", "control character"),
            ("walk \u{1b}", "control character"),
        ] {
            refused(run(text), part);
        }
    }

    #[test]
    fn an_appended_word_is_one_of_the_list() {
        for word in PLAIN {
            assert_eq!(append(word).unwrap(), [word]);
            let longer = format!("{word}=1");
            refused(append(&longer), &format!("unknown word `{longer}`"));
        }
        assert_eq!(append(" trust  selftest=hang").unwrap(), ["trust", "selftest=hang"]);
        assert_eq!(append("").unwrap(), [""; 0]);
        refused(append("trust nonsense=1"), "unknown word `nonsense=1`; there are jos, ");
        refused(append("trust run=cow"), "--run");
        refused(append("selftest=panik"), "selftest=panic|panic-later|fault|stack|triple|hang");
        refused(append("kernel.elf"), "unknown");
        refused(append("a\u{1b}b"), "`a\\u{1b}b`");
    }

    #[test]
    fn memory_has_two_bounds() {
        for mib in [LEAST, LEAST + 1, crate::machine::DEFAULT_MEMORY, MOST - 1, MOST] {
            assert_eq!(memory(&mib.to_string()).unwrap(), mib);
        }
        for (text, part) in [
            ("0", "at least 16"),
            ("15", "at least 16"),
            ("3584", "above 4 GiB"),
            ("99999", "at most 3583"),
            ("4294967295", "at most 3583"),
            ("4294967296", "from 16 to 3583"),
            ("-16", "from 16 to 3583"),
            ("128M", "from 16 to 3583"),
            ("", "from 16 to 3583"),
        ] {
            refused(memory(text), part);
        }
    }

    #[test]
    fn a_debugger_is_awaited_at_a_free_port() {
        let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        refused(gdb(&port.to_string()), "another program has this port");
        drop(taken);
        assert_eq!(gdb(&port.to_string()).unwrap(), port);
        for text in ["", "0", "65536", "-1", "1234x", "localhost:1234"] {
            refused(gdb(text), "from 1 to 65535");
        }
    }

    #[test]
    fn no_boot_ends_before_it_begins() {
        assert_eq!(timeout(1).unwrap(), Duration::from_secs(1));
        assert_eq!(timeout(u64::MAX).unwrap(), Duration::from_secs(u64::MAX));
        refused(timeout(0), "at least 1 second");
    }
}
