//! `cargo xtask trust`: the long versions of all that judges the system, one after another.
//!
//! Each run is another command of xtask, so what is done here can be typed as well. What has been
//! done for a commit is kept in `target/vitrine/trust.json`: a run that was interrupted, or has
//! failed, is made again by the next `cargo xtask trust`, and the others are not. A tree with
//! changes has no name for its state, so nothing is kept for it. Inputs that `parsers` has found
//! are no such change, nor is what `mutants` has entered: they come by one of these runs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;
use comfy_table::{Table, presets};
use serde::{Deserialize, Serialize};

use crate::bad_input::BadInput;
use crate::command;
use crate::image;
use crate::workspace::Workspace;

/// What `cargo xtask trust` is asked.
#[derive(Args)]
pub struct Options {
    /// Only these runs, by their names in the table [default: all]
    runs: Vec<String>,
    /// Print the table and what is left, and run nothing
    #[arg(long)]
    list: bool,
}

/// A long run.
struct Run {
    name: &'static str,
    /// The command of xtask with its arguments.
    command: &'static str,
    /// How many minutes it took on two idle cores; an estimate where nobody has measured it yet.
    minutes: u32,
}

const fn run(name: &'static str, command: &'static str, minutes: u32) -> Run {
    Run { name, command, minutes }
}

/// All of them, the shortest judges of the most important first.
const RUNS: [Run; 20] = [
    run("soak", "soak --steps 10000000", 3),
    run("planted", "soak --planted", 12),
    run("paging", "soak --paging --steps 1000000", 8),
    run("planted-paging", "soak --planted --paging --steps 100000", 6),
    run("properties", "test --cases 2000", 15),
    run("words", "exhaustive words", 4),
    run("addresses", "exhaustive addresses", 12),
    run("one-page", "exhaustive one-page", 1),
    run("first-pages", "exhaustive first-pages", 60),
    run("last-pages", "exhaustive last-pages", 6),
    run("table-edge", "exhaustive table-edge", 5),
    run("exhaust", "exhaust", 20),
    run("oracle", "oracle --seconds 1800", 31),
    run("fuzz", "fuzz --calls 5000000 --seconds 3600", 30),
    run("drivers", "fuzz --words trust --calls 1000000 --seconds 3600", 10),
    run("servers", "fuzz --servers --calls 1000000 --seconds 3600", 10),
    run("parsers", "parsers --seconds 600", 95),
    run("bochs", "test --on bochs", 3),
    run("v86", "test --on v86", 2),
    run("mutants", "mutants", 60),
];

/// What came of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Done {
    good: bool,
    seconds: u64,
}

/// What has been done for one commit.
#[derive(Default, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    commit: String,
    done: BTreeMap<String, Done>,
}

impl Record {
    /// The record of this commit: what was read, if it is of the same one.
    fn of(commit: &str, read: Option<Self>) -> Self {
        match read {
            Some(record) if record.commit == commit => record,
            Some(_) | None => Self { commit: commit.to_owned(), done: BTreeMap::new() },
        }
    }

    /// A run that failed is made again.
    fn is_due(&self, run: &Run) -> bool {
        !self.done.get(run.name).is_some_and(|done| done.good)
    }

    /// The minutes of the runs that are due.
    fn minutes_left(&self, runs: &[&Run]) -> u32 {
        runs.iter().filter(|run| self.is_due(run)).map(|run| run.minutes).sum()
    }

    /// The table, a line for each run.
    fn table(&self, runs: &[&Run]) -> String {
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN).set_header(["run", "command", "time", "outcome"]);
        for run in runs {
            let (time, outcome) = match self.done.get(run.name) {
                Some(Done { good, seconds }) => {
                    let time = format!("{} min {:02} s", seconds / 60, seconds % 60);
                    (time, if *good { "good" } else { "failed" })
                }
                None => (format!("about {} min", run.minutes), "not run"),
            };
            table.add_row([run.name, run.command, &time, outcome]);
        }
        table.to_string()
    }
}

/// Makes the runs that are due and prints the table.
///
/// # Errors
/// A name is no run's; a run failed, though the others were made all the same; or the record cannot
/// be written.
pub fn trust(workspace: &Workspace, options: &Options) -> Result<()> {
    let runs = chosen(&options.runs)?;
    let file = workspace.output().join("trust.json");
    let commit = commit(workspace);
    let read = fs::read_to_string(&file).ok().and_then(|text| serde_json::from_str(&text).ok());
    let mut record = Record::of(commit.as_deref().unwrap_or_default(), read);
    if !options.list {
        if commit.is_none() {
            eprintln!("vitrine: the tree is no commit without changes, so nothing is kept");
        }
        let program = command::this_program().context("cannot find this program")?;
        let keep = |record: &Record| keep(&file, commit.as_deref(), record);
        for (index, run) in runs.iter().enumerate() {
            if !record.is_due(run) {
                continue;
            }
            let left = record.minutes_left(&runs[index..]);
            eprintln!("vitrine: {}: cargo xtask {}; {left} minutes left", run.name, run.command);
            let done = perform(Command::new(&program).current_dir(workspace.root()), run)?;
            record.done.insert(run.name.to_owned(), done);
            keep(&record)?;
        }
    }
    println!("{}", record.table(&runs));
    let failed: Vec<_> = runs.iter().filter(|run| record.is_due(run)).map(|run| run.name).collect();
    if !options.list && !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

/// The runs of these names, or all.
fn chosen(names: &[String]) -> Result<Vec<&'static Run>, BadInput> {
    if names.is_empty() {
        return Ok(RUNS.iter().collect());
    }
    let find = |name: &String| {
        RUNS.iter().find(|run| run.name == name).ok_or_else(|| {
            let all: Vec<_> = RUNS.iter().map(|run| run.name).collect();
            BadInput(format!("there is no run `{name}`; there are {}", all.join(", ")))
        })
    };
    names.iter().map(find).collect()
}

/// The commit that is checked out; `None` if the tree differs from it, or is no checkout of git's.
fn commit(workspace: &Workspace) -> Option<String> {
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        let output = git.current_dir(workspace.root()).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let changes =
        git(&["status", "--porcelain", "--", ".", ":!tests/parsers/corpus", ":!tests/mutants"])?;
    let commit = git(&["rev-parse", "HEAD"])?;
    changes.is_empty().then(|| commit.trim().to_owned())
}

/// Makes one run on this terminal.
fn perform(program: &mut Command, run: &Run) -> Result<Done> {
    let start = Instant::now();
    program.args(run.command.split(' '));
    let status = program.status().with_context(|| command::cannot_start(program))?;
    Ok(Done { good: status.success(), seconds: start.elapsed().as_secs() })
}

/// Writes the record in one step, if there is a commit to keep it for. The folder may not be there:
/// the first runs build nothing in it.
fn keep(file: &Path, commit: Option<&str>, record: &Record) -> Result<()> {
    if commit.is_none() {
        return Ok(());
    }
    command::create_directory(file.parent().context("a file has a directory")?)?;
    image::replace(file, serde_json::to_string_pretty(record)?.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(done: &[(&str, bool)]) -> Record {
        let done =
            done.iter().map(|(name, good)| ((*name).to_owned(), Done { good: *good, seconds: 61 }));
        Record { commit: "abc".to_owned(), done: done.collect() }
    }

    #[test]
    fn what_is_good_is_not_run_again_and_what_failed_is() {
        let record = record(&[("soak", true), ("planted", false)]);
        let due: Vec<_> =
            RUNS.iter().filter(|run| record.is_due(run)).map(|run| run.name).collect();
        assert_eq!(due.len(), RUNS.len() - 1);
        assert_eq!(due[0], "planted");
        let first = chosen(&["soak".to_owned(), "planted".to_owned()]).unwrap();
        assert_eq!(record.minutes_left(&first), 12);
        let table = record.table(&first);
        assert!(table.contains("1 min 01 s") && table.contains("good"), "{table}");
        assert!(table.contains("failed") && !table.contains("not run"), "{table}");
    }

    #[test]
    fn a_record_counts_for_its_own_commit_alone() {
        let text = serde_json::to_string(&record(&[("soak", true)])).unwrap();
        let read = || serde_json::from_str::<Record>(&text).ok();
        assert_eq!(Record::of("abc", read()), record(&[("soak", true)]));
        assert_eq!(Record::of("abd", read()).done.len(), 0);
        assert_eq!(Record::of("abc", None).done.len(), 0);
    }

    #[test]
    fn a_record_is_kept_before_anything_was_built() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("vitrine/trust.json");
        keep(&file, None, &record(&[])).unwrap();
        assert!(!file.exists());
        for done in [&[("soak", true)][..], &[("soak", true), ("planted", false)]] {
            keep(&file, Some("abc"), &record(done)).unwrap();
            let text = fs::read_to_string(&file).unwrap();
            assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record(done));
        }
    }

    #[test]
    fn an_unknown_run_is_one_line() {
        let error = chosen(&["mutant".to_owned()]).err().unwrap().to_string();
        assert!(error.contains("`mutant`; there are soak"), "{error}");
    }
}
