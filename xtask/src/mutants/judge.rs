//! Judges a mutant that has no switch: makes it in a copy of the tree, builds it, and runs the
//! tests that judge its package. It costs what building its package and the tests costs.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::{self, host_cargo};
use crate::workspace::Workspace;

use super::copy::{TIME, build, ends_well, mirror, test};
use super::list::{Function, Mutant};
use super::rewrite::alone;
use super::suite::{Judge, Suite};

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

/// Makes sure that nobody else makes mutants in the copies, as long as the file is open.
///
/// # Errors
/// Somebody does.
pub fn lock(workspace: &Workspace) -> Result<fs::File> {
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
        mirror(workspace.root(), &folder, true, &BTreeSet::new())?;
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

    /// Judges one mutant of a function.
    ///
    /// # Errors
    /// A file cannot be written, or a program not be started.
    pub fn judge(&self, function: &Function, mutant: &Mutant) -> Result<Outcome> {
        let path = self.folder.join(&function.file);
        let sound = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        if !function.is_in(&sound) {
            bail!("{} has been changed meanwhile: start again", function.file);
        }
        let text = alone(&sound, mutant);
        let text = text.with_context(|| format!("{}: no place of a mutant", function.line()))?;
        fs::write(&path, text)?;
        let outcome = self.outcome(function.suite);
        fs::write(&path, &sound)?;
        outcome
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
        let mut cargo = host_cargo(&self.workspace);
        cargo.current_dir(&self.folder).env("CARGO_TARGET_DIR", self.folder.join("target"));
        cargo.env("CARGO_INCREMENTAL", "1").env("RUSTFLAGS", "--cap-lints=allow");
        cargo.env("CARGO_PROFILE_DEV_OPT_LEVEL", "1").env("CARGO_PROFILE_DEV_DEBUG", "0");
        let Ok(built) = build(cargo, &self.folder, judge.program)? else { return Ok(None) };
        let arguments = judge.program.arguments();
        let test =
            |(file, folder): &(PathBuf, PathBuf)| test(file, folder, arguments, judge.seconds);
        Ok(Some(built.iter().map(test).collect()))
    }
}
