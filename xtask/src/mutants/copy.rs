//! A copy of the tree in which mutants are made, and what is run there.
//!
//! A copy lies in `target/vitrine/mutants`, and is made equal to the tree before each run: the tree
//! itself never holds a mutant, whenever we are interrupted. Compiled packages stay in the copy.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::command;
use crate::leash;
use crate::test::SEED;

use super::suite::Program;

/// How long a build or a test may take, whatever else the machine does.
pub const TIME: Duration = Duration::from_secs(600);

/// What a test may have of address space, in KiB: a mutant may allocate without end.
const TEST_MEMORY: u32 = 4_000_000;

/// What runs a test, or a program, in the folder of its package.
pub fn test(file: &Path, folder: &Path, arguments: &[impl AsRef<OsStr>], seconds: u32) -> Command {
    limited("exec \"$0\" \"$@\"", file, folder, arguments, seconds)
}

/// As `test`, and the time that the CPU takes for it is written into this file.
pub fn timed_test(
    file: &Path,
    folder: &Path,
    arguments: &[impl AsRef<OsStr>],
    times: &Path,
) -> Command {
    let script = "\"$0\" \"$@\"; code=$?; times > \"$VITRINE_TIMES\"; exit $code";
    let mut test = limited(script, file, folder, arguments, TIME.as_secs() as u32);
    test.env("VITRINE_TIMES", times);
    test
}

fn limited(
    script: &str,
    file: &Path,
    folder: &Path,
    arguments: &[impl AsRef<OsStr>],
    seconds: u32,
) -> Command {
    let mut test = Command::new("sh");
    test.arg("-c").arg(format!("ulimit -v {TEST_MEMORY}; ulimit -t {seconds}; {script}"));
    test.arg(file).args(arguments).current_dir(folder);
    // A failure is enough: it is neither made shorter nor kept. Each run tries the same.
    test.env(SEED, "1");
    test.env("PROPTEST_MAX_SHRINK_ITERS", "0").env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "true");
    test.env("RUST_BACKTRACE", "0").stdout(Stdio::null());
    test
}

/// The seconds that the shell's `times` tells of its children: their own, and the system's for
/// them.
pub fn seconds_of_children(times: &str) -> Option<f64> {
    let seconds = |word: &str| {
        let (minutes, seconds) = word.strip_suffix('s')?.split_once('m')?;
        Some(minutes.parse::<f64>().ok()? * 60.0 + seconds.parse::<f64>().ok()?)
    };
    times.lines().nth(1)?.split_whitespace().map(seconds).sum()
}

/// The programs that cargo has built, each with the folder of its package.
pub type Built = Vec<(PathBuf, PathBuf)>;

/// Builds a part of a suite. The inner error is what the compiler says if it refuses the code.
///
/// # Errors
/// Cargo cannot be started, or fails though the compiler names no error.
pub fn build(mut cargo: Command, folder: &Path, program: Program) -> Result<Result<Built, String>> {
    match program {
        Program::Tests(package, options) => {
            cargo.args(["test", "--no-run", "--package", package]).args(options)
        }
        Program::Model(program, _) => {
            cargo.args(["build", "--package", "vitrine-model", "--bin", program])
        }
    };
    cargo.args(["--quiet", "--offline", "--message-format=json"]);
    let (messages, is_good) = messages(&mut cargo, folder)?;
    Ok(if is_good { Ok(executables(&messages)) } else { Err(messages) })
}

/// Runs cargo. Returns its messages, and whether it succeeds.
///
/// # Errors
/// It cannot be started, or fails though the compiler names no error.
pub fn messages(cargo: &mut Command, folder: &Path) -> Result<(String, bool)> {
    let file = folder.join("target/messages.json");
    command::create_directory(&folder.join("target"))?;
    cargo.stdout(fs::File::create(&file)?);
    let is_good = ends_well(cargo, TIME)?;
    let messages = fs::read_to_string(&file)?;
    if !is_good && !names_an_error(&messages) {
        bail!("the compiler names no error:\n  {}", command::line(cargo));
    }
    Ok((messages, is_good))
}

/// The compiler's errors as it shows them.
pub fn rendered(messages: &str) -> String {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let errors = messages.filter(|message| message["message"]["level"] == "error");
    errors.filter_map(|error| Some(error["message"]["rendered"].as_str()?.to_owned())).collect()
}

/// Whether the compiler refuses the code. An error of the compiler itself has another level.
fn names_an_error(messages: &str) -> bool {
    let mut messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    messages.any(|message| message["message"]["level"] == "error")
}

/// The programs that cargo's messages name.
fn executables(messages: &str) -> Built {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let executable = |message: Value| {
        let manifest = Path::new(message["manifest_path"].as_str()?);
        Some((message["executable"].as_str()?.into(), manifest.parent()?.to_owned()))
    };
    messages.filter_map(executable).collect()
}

/// Runs a command without its output. Whether it ends with 0 within this time; else it is ended.
///
/// # Errors
/// It cannot be started.
pub fn ends_well(command: &mut Command, time: Duration) -> Result<bool> {
    command.stdin(Stdio::null()).stderr(Stdio::null());
    let child = leash::spawn(command).with_context(|| command::cannot_start(command))?;
    let Some(status) = child.wait_timeout(time)? else {
        child.kill()?;
        child.wait()?;
        return Ok(false);
    };
    Ok(status.success())
}

/// Makes a folder equal to another one. A file that is equal already keeps its time, so cargo does
/// not compile it again. Of the tree's root, neither the build nor hidden files are copied. What is
/// in `kept`, by its path in the copy, stays as it is.
///
/// # Errors
/// A file cannot be read or written.
pub fn mirror(from: &Path, to: &Path, is_root: bool, kept: &BTreeSet<PathBuf>) -> Result<()> {
    command::create_directory(to)?;
    let is_copied = |name: &str| {
        !(is_root && (name == "target" || name.starts_with('.')) || kept.contains(&to.join(name)))
    };
    let wanted = names(from)?;
    for name in names(to)?.difference(&wanted).filter(|name| is_copied(name)) {
        let gone = to.join(name);
        let removed =
            if gone.is_dir() { fs::remove_dir_all(&gone) } else { fs::remove_file(&gone) };
        removed.with_context(|| format!("cannot remove {}", gone.display()))?;
    }
    for name in wanted.iter().filter(|name| is_copied(name)) {
        let (from, to) = (from.join(name), to.join(name));
        if from.is_dir() {
            mirror(&from, &to, false, kept)?;
            continue;
        }
        let text = fs::read(&from).with_context(|| from.display().to_string())?;
        if fs::read(&to).ok().as_ref() != Some(&text) {
            fs::write(&to, text).with_context(|| to.display().to_string())?;
        }
    }
    Ok(())
}

fn names(folder: &Path) -> Result<BTreeSet<String>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_fails_or_does_not_end_has_noticed() {
        let folder = Path::new("/");
        let long = Duration::from_secs(60);
        let ends = |file: &str, arguments: &[&str], time| {
            ends_well(
                &mut test(
                    Path::new(file),
                    folder,
                    &arguments.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>(),
                    1,
                ),
                time,
            )
            .unwrap()
        };
        assert!(ends("true", &[], long));
        assert!(!ends("false", &[], long));
        assert!(ends("sh", &["-c", "test $PWD = / && test $PROPTEST_MAX_SHRINK_ITERS = 0"], long));
        assert!(!ends("sh", &["-c", "while :; do :; done"], long), "a second of CPU is over");
        assert!(!ends("sleep", &["600"], Duration::from_millis(20)));
    }

    #[test]
    fn a_timed_test_tells_the_time_of_the_cpu_and_how_it_ended() {
        assert_eq!(seconds_of_children("0m0.01s 0m0.02s\n1m2.500000s 0m0.25s\n"), Some(62.75));
        assert_eq!(seconds_of_children("0m0.01s 0m0.02s\n1m2,5s 0m0.25s\n"), None);
        let folder = tempfile::tempdir().unwrap();
        let times = folder.path().join("times");
        for (code, is_good) in [("0", true), ("3", false)] {
            let arguments =
                ["-c", &format!("i=0; while [ $i -lt 99999 ]; do i=$((i+1)); done; exit {code}")];
            let mut run = timed_test(Path::new("sh"), folder.path(), &arguments, &times);
            assert_eq!(ends_well(&mut run, TIME).unwrap(), is_good);
            let seconds = seconds_of_children(&fs::read_to_string(&times).unwrap()).unwrap();
            assert!(seconds > 0.0 && seconds < 600.0, "{seconds}");
        }
    }

    #[test]
    fn programs_are_read_from_cargos_messages() {
        let messages = "{\"reason\": \"compiler-artifact\", \"executable\": null}\nno JSON\n\
            {\"manifest_path\": \"/w/p/Cargo.toml\", \"executable\": \"/w/target/p-1\"}\n";
        let level = |level| format!("{{\"message\": {{\"level\": \"{level}\"}}}}\n{messages}");
        assert!(names_an_error(&level("error")) && !names_an_error(messages));
        assert!(!names_an_error(&level("error: internal compiler error")));
        let expected = [("/w/target/p-1".into(), "/w/p".into())];
        assert_eq!(executables(messages), expected);
    }

    #[test]
    fn a_copy_becomes_equal_and_what_is_equal_keeps_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let [from, to] = ["from", "to"].map(|name| folder.path().join(name));
        let write = |path: PathBuf, text: &str| {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(from.join("a/same"), "1");
        write(from.join("a/changed"), "2");
        write(from.join("target/x"), "3");
        write(from.join(".git/x"), "4");
        write(to.join("a/same"), "1");
        write(to.join("a/changed"), "mutant");
        write(to.join("a/gone/x"), "5");
        write(to.join("target/kept"), "6");
        write(to.join("other/x"), "7");
        let kept = BTreeSet::from([to.join("other")]);
        let before = fs::metadata(to.join("a/same")).unwrap().modified().unwrap();
        mirror(&from, &to, true, &kept).unwrap();
        assert_eq!(fs::read_to_string(to.join("a/changed")).unwrap(), "2");
        assert_eq!(fs::metadata(to.join("a/same")).unwrap().modified().unwrap(), before);
        assert_eq!(names(&to).unwrap(), ["a", "other", "target"].map(str::to_owned).into());
        assert_eq!(names(&to.join("a")).unwrap().len(), 2);
        assert_eq!(names(&to.join("target")).unwrap(), BTreeSet::from(["kept".to_owned()]));
    }
}
