//! Makes a mutant in a copy of the tree, builds it, and runs the tests that judge its package.
//!
//! The copy lies in `target/vitrine/mutants`, and is made equal to the tree before each run: the
//! tree itself never holds a mutant, whenever we are interrupted. Compiled packages stay in the
//! copy, so a mutant costs what its package and the tests above it cost.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::command::{self, host_cargo};
use crate::leash;
use crate::workspace::Workspace;

use super::list::{Function, mutated};
use super::suite::{Judge, Program, Suite};

/// What came of a mutant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// A test fails, or does not end.
    Caught,
    /// It does not compile.
    Unviable,
    /// No test notices it.
    Missed,
}

/// How long a build or a test may take, whatever else the machine does.
const TIME: Duration = Duration::from_secs(600);

/// What a test may have of address space, in KiB: a mutant may allocate without end.
const TEST_MEMORY: u32 = 4_000_000;

/// Makes sure that nobody else makes mutants in the copies, as long as the file is open.
///
/// # Errors
/// Somebody does.
pub fn alone(workspace: &Workspace) -> Result<fs::File> {
    let folder = workspace.output().join("mutants");
    command::create_directory(&folder)?;
    let file = fs::File::create(folder.join("lock")).context("cannot make a lock")?;
    file.try_lock().ok().context("another `cargo xtask mutants` runs in this tree")?;
    Ok(file)
}

/// A copy of the tree in which mutants are made.
pub struct Bench {
    folder: PathBuf,
    workspace: Workspace,
}

impl Bench {
    /// Makes the copy equal to the tree, and sees that the suites pass there without a mutant.
    ///
    /// # Errors
    /// They do not, or the copy cannot be made.
    pub fn set_up(workspace: &Workspace, job: usize, suites: &BTreeSet<Suite>) -> Result<Self> {
        let folder = workspace.output().join("mutants").join(job.to_string());
        command::create_directory(&folder)?;
        mirror(workspace.root(), &folder, true)?;
        let bench = Self { folder, workspace: workspace.clone() };
        for suite in suites {
            eprintln!("vitrine: {suite:?} without a mutant, in copy {job}");
            for judge in suite.judges() {
                let Some(tests) = bench.build(*judge)? else {
                    bail!("the tests of {suite:?} do not compile");
                };
                for mut test in tests {
                    if !ends_well(&mut test, TIME)? {
                        bail!("without a mutant, this fails:\n  {}", command::line(&test));
                    }
                }
            }
        }
        Ok(bench)
    }

    /// Judges every mutant of a function; `None` if `over` says so before the last.
    ///
    /// # Errors
    /// A file cannot be written, or a program not be started.
    pub fn judge(
        &self,
        function: &Function,
        over: impl Fn() -> bool,
    ) -> Result<Option<Vec<Outcome>>> {
        let path = self.folder.join(&function.file);
        let sound = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let mut outcomes = Vec::new();
        for mutant in &function.mutants {
            if over() {
                return Ok(None);
            }
            let text = mutated(&sound, mutant);
            let text =
                text.with_context(|| format!("{}: no place of a mutant", function.line()))?;
            fs::write(&path, text)?;
            let outcome = self.outcome(function.suite);
            fs::write(&path, &sound)?;
            outcomes.push(outcome?);
        }
        Ok(Some(outcomes))
    }

    fn outcome(&self, suite: Suite) -> Result<Outcome> {
        for judge in suite.judges() {
            let Some(tests) = self.build(*judge)? else { return Ok(Outcome::Unviable) };
            for mut test in tests {
                if !ends_well(&mut test, TIME)? {
                    return Ok(Outcome::Caught);
                }
            }
        }
        Ok(Outcome::Missed)
    }

    /// Builds a part of a suite, and returns what is to be run; `None` if it does not compile.
    fn build(&self, judge: Judge) -> Result<Option<Vec<Command>>> {
        let mut build = host_cargo(&self.workspace);
        build.current_dir(&self.folder);
        match judge.program {
            Program::Tests(package, options) => {
                build.args(["test", "--no-run", "--package", package]).args(options)
            }
            Program::Model(program, _) => {
                build.args(["build", "--package", "vitrine-model", "--bin", program])
            }
        };
        build.args(["--quiet", "--offline", "--message-format=json"]);
        build.env("CARGO_TARGET_DIR", self.folder.join("target")).env("CARGO_INCREMENTAL", "1");
        build.env("CARGO_PROFILE_DEV_OPT_LEVEL", "1").env("CARGO_PROFILE_DEV_DEBUG", "0");
        let messages = self.folder.join("target/messages.json");
        command::create_directory(&self.folder.join("target"))?;
        build.stdout(fs::File::create(&messages)?);
        if !ends_well(&mut build, TIME)? {
            let named = names_an_error(&fs::read_to_string(&messages)?);
            let command = command::line(&build);
            return if named {
                Ok(None)
            } else {
                bail!("the compiler names no error:\n  {command}")
            };
        }
        let arguments: &[&str] = match judge.program {
            Program::Tests(..) => &[],
            Program::Model(_, arguments) => arguments,
        };
        let built = executables(&fs::read_to_string(&messages)?);
        Ok(Some(
            built
                .iter()
                .map(|(file, folder)| test(file, folder, arguments, judge.seconds))
                .collect(),
        ))
    }
}

/// What runs a test, or a program, in the folder of its package.
fn test(file: &Path, folder: &Path, arguments: &[&str], seconds: u32) -> Command {
    let mut test = Command::new("sh");
    test.arg("-c").arg(format!("ulimit -v {TEST_MEMORY}; ulimit -t {seconds}; exec \"$0\" \"$@\""));
    test.arg(file).args(arguments).current_dir(folder);
    // A failure is enough: it is neither made shorter nor kept.
    test.env("PROPTEST_MAX_SHRINK_ITERS", "0").env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "true");
    test.env("RUST_BACKTRACE", "0").stdout(Stdio::null());
    test
}

/// Whether the compiler refuses the code. An error of the compiler itself has another level.
fn names_an_error(messages: &str) -> bool {
    let mut messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    messages.any(|message| message["message"]["level"] == "error")
}

/// The programs that cargo's messages name, each with the folder of its package.
fn executables(messages: &str) -> Vec<(PathBuf, PathBuf)> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let executable = |message: Value| {
        let manifest = Path::new(message["manifest_path"].as_str()?);
        Some((message["executable"].as_str()?.into(), manifest.parent()?.to_owned()))
    };
    messages.filter_map(executable).collect()
}

/// Runs a command without its output. Whether it ends with 0 within this time; else it is ended.
fn ends_well(command: &mut Command, time: Duration) -> Result<bool> {
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
/// not compile it again. Of the tree's root, neither the build nor hidden files are copied.
fn mirror(from: &Path, to: &Path, is_root: bool) -> Result<()> {
    command::create_directory(to)?;
    let is_copied = |name: &str| !is_root || !(name == "target" || name.starts_with('.'));
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
            mirror(&from, &to, false)?;
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
            ends_well(&mut test(Path::new(file), folder, arguments, 1), time).unwrap()
        };
        assert!(ends("true", &[], long));
        assert!(!ends("false", &[], long));
        assert!(ends("sh", &["-c", "test $PWD = / && test $PROPTEST_MAX_SHRINK_ITERS = 0"], long));
        assert!(!ends("sh", &["-c", "while :; do :; done"], long), "a second of CPU is over");
        assert!(!ends("sleep", &["600"], Duration::from_millis(20)));
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
        let before = fs::metadata(to.join("a/same")).unwrap().modified().unwrap();
        mirror(&from, &to, true).unwrap();
        assert_eq!(fs::read_to_string(to.join("a/changed")).unwrap(), "2");
        assert_eq!(fs::metadata(to.join("a/same")).unwrap().modified().unwrap(), before);
        assert_eq!(names(&to).unwrap(), BTreeSet::from(["a".to_owned(), "target".to_owned()]));
        assert_eq!(names(&to.join("a")).unwrap().len(), 2);
        assert_eq!(names(&to.join("target")).unwrap(), BTreeSet::from(["kept".to_owned()]));
    }
}
