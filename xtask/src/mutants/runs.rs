//! Which tests ask for which switch, and what they say with it.
//!
//! Every test runs once without a mutant, in a process of its own, and notes the switches that it
//! asks for. A mutant that no test asks for is missed by all of them; of the others, only those
//! tests run that ask for it, the shortest first.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command;

use super::copy::{TIME, ends_well, seconds_of_children, test, timed_test};
use super::judge::Outcome;
use super::parallel::in_parallel;
use super::suite::{Program, Suite};
use super::switched::Switched;

/// One test, or one run of a program of the model.
struct Unit {
    file: PathBuf,
    folder: PathBuf,
    arguments: Vec<String>,
    /// Whether it is a test that can share a process with others.
    is_test: bool,
    /// How long the CPU took for it, without a mutant and while it noted what it reaches.
    seconds: f64,
    /// The numbers of the switches that it asks for.
    reached: BTreeSet<u32>,
}

/// All tests, and what they reach.
pub struct Runs {
    units: Vec<Unit>,
    /// The tests of each suite, by their places above, the shortest first.
    of_suite: BTreeMap<Suite, Vec<usize>>,
}

/// Tests share a process if together they take less than so many seconds: the first failure ends a
/// mutant, but only between two processes.
const SHORT: f64 = 0.3;

/// How many seconds of a CPU a run may take whose tests took so many seconds without a mutant. To
/// note what they reach took up to half of these.
fn allowed(seconds: f64) -> u32 {
    (2.0 + 2.0 * seconds) as u32
}

impl Runs {
    /// Builds the suites, and runs each test once.
    ///
    /// # Errors
    /// One cannot be built, or fails without a mutant.
    pub fn set_up(switched: &Switched, suites: &BTreeSet<Suite>, jobs: usize) -> Result<Self> {
        let (mut units, mut of_suite) = (Vec::new(), BTreeMap::<_, Vec<usize>>::new());
        for suite in suites {
            let of_suite = of_suite.entry(*suite).or_default();
            for judge in suite.judges() {
                eprintln!("vitrine: building {:?}", judge.program);
                for (file, folder) in switched.build(judge.program)? {
                    for unit in tests(judge.program, &file, &folder)? {
                        let same = |other: &Unit| {
                            (&other.file, &other.arguments) == (&unit.file, &unit.arguments)
                        };
                        let place = units.iter().position(same).unwrap_or(units.len());
                        if place == units.len() {
                            units.push(unit);
                        }
                        if !of_suite.contains(&place) {
                            of_suite.push(place);
                        }
                    }
                }
            }
        }
        eprintln!("vitrine: {} tests without a mutant", units.len());
        let mut jobs = vec![(); jobs];
        in_parallel(&mut jobs, units.iter_mut(), |(), unit| reach(unit))?;
        let mut runs = Self { units, of_suite };
        for places in runs.of_suite.values_mut() {
            places.sort_by(|a, b| runs.units[*a].seconds.total_cmp(&runs.units[*b].seconds));
        }
        Ok(runs)
    }

    /// What the tests say of the mutant with this number.
    ///
    /// # Errors
    /// One cannot be started.
    pub fn outcome(&self, suite: Suite, number: u32) -> Result<Outcome> {
        for mut run in self.runs(suite, number) {
            if !ends_well(run.env("VITRINE_MUTANT", number.to_string()), TIME)? {
                return Ok(Outcome::Caught);
            }
        }
        Ok(Outcome::Missed)
    }

    /// What has to be run for it, the shortest first.
    fn runs(&self, suite: Suite, number: u32) -> Vec<Command> {
        let units = self.of_suite[&suite].iter().map(|place| &self.units[*place]);
        let groups = groups(units.filter(|unit| unit.reached.contains(&number)));
        groups
            .iter()
            .map(|group| {
                let arguments: Vec<_> = group.iter().flat_map(|unit| &unit.arguments).collect();
                let [first, ..] = group[..] else { unreachable!("a group has a test") };
                let seconds = allowed(seconds(group));
                let mut run = test(&first.file, &first.folder, &arguments, seconds);
                if first.is_test {
                    run.args(["--exact", "--test-threads=1"]);
                }
                run
            })
            .collect()
    }
}

/// What runs together, the shortest first. The units come in this order, too.
fn groups<'a>(units: impl Iterator<Item = &'a Unit>) -> Vec<Vec<&'a Unit>> {
    let mut groups: Vec<Vec<&Unit>> = Vec::new();
    for unit in units {
        let fits = |group: &&mut Vec<&Unit>| {
            let share = unit.is_test && group[0].is_test && group[0].file == unit.file;
            share && seconds(group) + unit.seconds < SHORT
        };
        match groups.iter_mut().find(fits) {
            Some(group) => group.push(unit),
            None => groups.push(vec![unit]),
        }
    }
    groups.sort_by(|a, b| seconds(a).total_cmp(&seconds(b)));
    groups
}

/// How long they took together, without a mutant.
fn seconds(group: &[&Unit]) -> f64 {
    group.iter().map(|unit| unit.seconds).sum()
}

/// The tests in a program.
fn tests(program: Program, file: &Path, folder: &Path) -> Result<Vec<Unit>> {
    let unit = |arguments: Vec<String>, is_test| Unit {
        file: file.to_owned(),
        folder: folder.to_owned(),
        arguments,
        is_test,
        seconds: 0.0,
        reached: BTreeSet::new(),
    };
    if let Program::Model(_, arguments) = program {
        return Ok(vec![unit(arguments.iter().map(|text| (*text).to_owned()).collect(), false)]);
    }
    let mut list = Command::new(file);
    list.args(["--list", "--format", "terse"]).current_dir(folder);
    let listed = command::run_quietly(&mut list)?;
    let names = listed.lines().filter_map(|line| line.strip_suffix(": test"));
    Ok(names.map(|name| unit(vec![name.to_owned()], true)).collect())
}

/// Runs a test without a mutant, and notes what it reaches.
fn reach(unit: &mut Unit) -> Result<()> {
    let folder = tempfile::tempdir().context("cannot make a folder")?;
    let [reached, times] = ["reached", "times"].map(|name| folder.path().join(name));
    let mut run = timed_test(&unit.file, &unit.folder, &unit.arguments, &times);
    if unit.is_test {
        run.args(["--exact", "--test-threads=1"]);
    }
    run.env("VITRINE_REACHED", &reached);
    if !ends_well(&mut run, TIME)? {
        bail!("without a mutant, this fails:\n  {}", command::line(&run));
    }
    let times = fs::read_to_string(&times).unwrap_or_default();
    unit.seconds = seconds_of_children(&times).context("the shell tells no times")?;
    let numbers = fs::read_to_string(&reached).unwrap_or_default();
    unit.reached = numbers.lines().filter_map(|line| line.parse().ok()).collect();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_tests_of_a_program_share_a_process_and_the_shortest_come_first() {
        let unit = |file: &str, name: &str, is_test, seconds| Unit {
            file: file.into(),
            folder: "/".into(),
            arguments: vec![name.to_owned()],
            is_test,
            seconds,
            reached: BTreeSet::new(),
        };
        let units = [
            unit("a", "1", true, 0.1),
            unit("b", "2", true, 0.1),
            unit("c", "3", false, 0.1),
            unit("c", "4", false, 0.1),
            unit("a", "5", true, 0.15),
            unit("a", "6", true, 0.16),
            unit("b", "7", true, 9.0),
        ];
        let groups = groups(units.iter());
        let names = |group: &Vec<&Unit>| -> String {
            group.iter().map(|unit| unit.arguments[0].as_str()).collect()
        };
        let names: Vec<_> = groups.iter().map(names).collect();
        assert_eq!(names, ["2", "3", "4", "6", "15", "7"]);
        assert_eq!((allowed(0.0), allowed(10.0)), (2, 22));
    }
}
