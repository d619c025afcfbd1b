//! `cargo xtask mutants`: changes one operator, branch or result of the code at a time, and asks
//! the host tests which of these *mutants* they notice.
//!
//! cargo-mutants lists the mutants. Each is made in a copy of the tree, built, and run by the tests
//! that judge its package. What came of it is kept in `tests/mutants`, by a hash of the function's
//! text: a function that has a result is not judged again before its text changes, on whichever
//! machine the result was found. A mutant that no test notices is a *survivor*: it is listed with
//! the reason why no test can notice it, or as `open`.

use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;

use crate::bad_input::BadInput;
use crate::workspace::Workspace;

use self::judge::{Bench, Outcome};
use self::kept::{Kept, Survivor, Tally};

pub use self::kept::check;
use self::list::Function;
use self::parallel::in_parallel;
use self::runs::Runs;
use self::switched::{Fate, Switched};

mod constants;
mod copy;
mod culprit;
mod judge;
mod kept;
mod list;
mod parallel;
mod rewrite;
mod runs;
mod sites;
mod suite;
mod switched;
pub mod tool;

/// What `cargo xtask mutants` is asked. Numbers are read here, so that a mistake is one line.
#[derive(Args)]
pub struct Options {
    /// Only functions that are new or changed since the results were written
    #[arg(long)]
    changed: bool,
    /// Functions that have a result, too: after a change of the tests
    #[arg(long, conflicts_with = "changed")]
    again: bool,
    /// Functions with an open survivor, too: after new tests
    #[arg(long, conflicts_with = "changed")]
    open: bool,
    /// Print what would be judged, and judge nothing
    #[arg(long)]
    list: bool,
    /// Only files whose paths contain this
    #[arg(long, value_name = "PATH")]
    file: Option<String>,
    /// One share of the functions: the K-th of N
    #[arg(long, value_name = "K/N", default_value = "1/1")]
    shard: String,
    /// Each mutant in a build of its own: slow, and a check of the one build for all
    #[arg(long)]
    alone: bool,
    /// Begin no mutant after so many minutes of judging
    #[arg(long, value_name = "N")]
    minutes: Option<String>,
    /// Judge so many mutants at a time
    #[arg(long, value_name = "N", default_value = "2")]
    jobs: String,
}

/// The numbers among the options.
#[derive(Debug, PartialEq, Eq)]
struct Numbers {
    /// Counted from 0.
    shard: usize,
    shards: usize,
    jobs: usize,
    time: Option<Duration>,
}

impl Options {
    fn numbers(&self) -> Result<Numbers, BadInput> {
        let (shard, shards) = shard(&self.shard)?;
        let jobs = number("--jobs", &self.jobs)?;
        let minutes = self.minutes.as_deref().map(|text| number("--minutes", text)).transpose()?;
        let time = minutes.map(|minutes| Duration::from_secs(60 * minutes as u64));
        Ok(Numbers { shard, shards, jobs, time })
    }
}

/// Reads K/N; the K that is returned is counted from 0.
fn shard(text: &str) -> Result<(usize, usize), BadInput> {
    let wrong = || {
        let text = text.escape_debug();
        BadInput(format!("--shard {text}: K/N is wanted, with K from 1 to N"))
    };
    let (index, of) = text.split_once('/').ok_or_else(wrong)?;
    let read = |text: &str| text.parse::<usize>().map_err(|_| wrong());
    let (index, of) = (read(index)?, read(of)?);
    if (1..=of).contains(&index) { Ok((index - 1, of)) } else { Err(wrong()) }
}

fn number(option: &str, text: &str) -> Result<usize, BadInput> {
    text.parse().ok().filter(|number| (1..=9999).contains(number)).ok_or_else(|| {
        BadInput(format!("{option} {}: a number from 1 to 9999 is wanted", text.escape_debug()))
    })
}

/// Judges the mutants of the functions that are asked for.
///
/// # Errors
/// No file is meant, cargo-mutants cannot be had, the tests fail without a mutant, or there is a
/// survivor that was not listed before.
pub fn mutants(workspace: &Workspace, options: &Options) -> Result<()> {
    let numbers = options.numbers()?;
    let functions = list::functions(workspace.root(), &tool::list(workspace)?)?;
    let mut kept = Kept::read(workspace)?;
    let due = chosen(&functions, &kept, options, &numbers)?;
    if options.list {
        due.iter().for_each(|function| println!("{}", function.line()));
    } else if !due.is_empty() {
        let _alone = judge::lock(workspace)?;
        kept.forget_but(&functions);
        kept.begin(&functions);
        kept.write(workspace)?;
        let new = judge_all(workspace, &due, &numbers, options.alone)?;
        println!("{}", summary(&functions, &Kept::read(workspace)?));
        if !new.is_empty() {
            bail!("no test notices these mutants:\n{}", new.join("\n"));
        }
        return Ok(());
    }
    println!("{}", summary(&functions, &kept));
    Ok(())
}

/// The functions that are asked for.
fn chosen<'a>(
    functions: &'a [Function],
    kept: &Kept,
    options: &Options,
    numbers: &Numbers,
) -> Result<Vec<&'a Function>, BadInput> {
    let file = options.file.as_deref().unwrap_or_default();
    let of_file: Vec<_> =
        functions.iter().filter(|function| function.file.contains(file)).collect();
    if of_file.is_empty() {
        let file = file.escape_debug();
        return Err(BadInput(format!("--file {file}: no such file has mutants")));
    }
    let is_due = |function: &&Function| match kept.tally(function) {
        None => true,
        Some(Tally::NotRun { .. }) => !options.changed,
        Some(Tally::Run { .. }) => options.again || options.open && kept.is_open(function),
    };
    // A function belongs to the same shard whatever has been judged before.
    let in_shard = of_file.into_iter().skip(numbers.shard).step_by(numbers.shards);
    Ok(in_shard.filter(is_due).collect())
}

/// A function, and what has come of its mutants until now.
struct Judged<'a> {
    function: &'a Function,
    outcomes: Vec<Option<Outcome>>,
}

impl<'a> Judged<'a> {
    fn begin(function: &'a Function) -> Self {
        Self { function, outcomes: vec![None; function.mutants.len()] }
    }
}

/// What is common to all functions that are judged.
struct Round<'a> {
    workspace: &'a Workspace,
    time: Option<Duration>,
    /// When the first mutant began to be judged: what is built before takes none of the time.
    began: OnceLock<Instant>,
    all: usize,
    /// How many mutants are done, and the survivors that were not listed.
    done_and_new: Mutex<(usize, Vec<Survivor>)>,
}

/// Judges each function, and keeps its result at once. Returns the new survivors.
///
/// First come the mutants with a switch, which need no build of their own; then, of the functions
/// that have others, the others.
fn judge_all(
    workspace: &Workspace,
    due: &[&Function],
    numbers: &Numbers,
    alone: bool,
) -> Result<Vec<String>> {
    let round = Round {
        workspace,
        time: numbers.time,
        began: OnceLock::new(),
        all: due.iter().map(|function| function.mutants.len()).sum(),
        done_and_new: Mutex::default(),
    };
    eprintln!("vitrine: {} mutants of {} functions", round.all, due.len());
    let left = if alone {
        due.iter().map(|function| Judged::begin(function)).collect()
    } else {
        round.with_switches(due, numbers.jobs)?
    };
    round.alone(left, numbers.jobs)?;
    let (done, new) = round.done_and_new.into_inner().expect("no thread panics with the results");
    let left = round.all - done;
    if left > 0 {
        eprintln!("vitrine: the time is over: {left} of {} mutants are left", round.all);
    }
    Ok(new.iter().map(Survivor::line).collect())
}

impl<'a> Round<'a> {
    fn elapsed(&self) -> Duration {
        self.began.get().map_or(Duration::ZERO, Instant::elapsed)
    }

    fn is_over(&self) -> bool {
        self.time.is_some_and(|time| self.elapsed() >= time)
    }

    /// Judges the mutants with a switch. Returns the functions that have others.
    fn with_switches(&self, due: &[&'a Function], jobs: usize) -> Result<Vec<Judged<'a>>> {
        let switched = Switched::set_up(self.workspace, due)?;
        let suites = due.iter().map(|function| function.suite).collect();
        let runs = Runs::set_up(&switched, &suites, jobs)?;
        self.began.get_or_init(Instant::now);
        let left = Mutex::new(Vec::new());
        in_parallel(&mut vec![(); jobs], due.iter().enumerate(), |(), (place, function)| {
            let mut judged = Judged::begin(function);
            for (mutant, outcome) in judged.outcomes.iter_mut().enumerate() {
                if self.is_over() {
                    return Ok(());
                }
                *outcome = match switched.fates[&(place, mutant)] {
                    Fate::Unviable => Some(Outcome::Unviable),
                    Fate::Alone => None,
                    Fate::Switch { number, in_constants } => {
                        let outcome = runs.outcome(function.suite, number)?;
                        Some(outcome).filter(|it| !(in_constants && *it == Outcome::Missed))
                    }
                };
            }
            if let Some(judged) = self.finish(judged)? {
                left.lock().expect("no thread panics with the list").push(judged);
            }
            Ok(())
        })?;
        Ok(left.into_inner().expect("no thread panics with the list"))
    }

    /// Judges what is left, each mutant in a build of its own.
    fn alone(&self, left: Vec<Judged<'a>>, jobs: usize) -> Result<()> {
        let count = |judged: &Judged| judged.outcomes.iter().filter(|it| it.is_none()).count();
        let mutants: usize = left.iter().map(count).sum();
        if mutants == 0 || self.is_over() {
            return Ok(());
        }
        let functions = left.len();
        eprintln!("vitrine: {mutants} mutants of {functions} functions need a build each");
        let suites = left.iter().map(|judged| judged.function.suite).collect();
        let mut benches: Vec<Bench> = (1..=jobs.min(functions))
            .map(|job| Bench::set_up(self.workspace, job, &suites))
            .collect::<Result<_>>()?;
        self.began.get_or_init(Instant::now);
        in_parallel(&mut benches, left.into_iter(), |bench, mut judged| {
            for (mutant, outcome) in judged.function.mutants.iter().zip(&mut judged.outcomes) {
                if self.is_over() {
                    return Ok(());
                }
                if outcome.is_none() {
                    *outcome = Some(bench.judge(judged.function, mutant)?);
                }
            }
            self.finish(judged).map(drop)
        })
    }

    /// Keeps the result of a function, if each of its mutants has one; or else returns it.
    fn finish(&self, judged: Judged<'a>) -> Result<Option<Judged<'a>>> {
        let Some(outcomes) = judged.outcomes.iter().copied().collect::<Option<Vec<_>>>() else {
            return Ok(Some(judged));
        };
        let function = judged.function;
        let (done, new) =
            &mut *self.done_and_new.lock().expect("no thread panics with the results");
        // Somebody may have written a reason meanwhile.
        let mut kept = Kept::read(self.workspace)?;
        new.extend(kept.enter(function, &outcomes));
        kept.write(self.workspace)?;
        *done += function.mutants.len();
        let progress = progress(function, &outcomes, (*done, self.all), self.elapsed());
        eprintln!("vitrine: {progress}");
        Ok(None)
    }
}

/// One line after a function.
fn progress(
    function: &Function,
    outcomes: &[Outcome],
    (done, all): (usize, usize),
    time: Duration,
) -> String {
    let left = time.as_secs_f64() / done as f64 * (all - done) as f64 / 60.0;
    let tally = Tally::of(outcomes);
    format!("{done} of {all}, {left:.0} min left: {} {tally}", function.line())
}

/// How much of the scope has a result, and which.
fn summary(functions: &[Function], kept: &Kept) -> String {
    let mutants = |functions: &mut dyn Iterator<Item = &Function>| -> usize {
        functions.map(|function| function.mutants.len()).sum()
    };
    let all = mutants(&mut functions.iter());
    let mut judged = (0, 0, 0);
    for function in functions {
        if let Some(Tally::Run { caught, viable, unviable }) = kept.tally(function) {
            judged = (judged.0 + caught, judged.1 + viable, judged.2 + unviable);
        }
    }
    let (caught, viable, unviable) = judged;
    let open = kept.open();
    format!(
        "{all} mutants of {} functions: {} judged ({caught} noticed, {unviable} do not compile, {} \
         survive, of which {open} are open), {} not yet",
        functions.len(),
        viable + unviable,
        viable - caught,
        all - viable - unviable,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        Options {
            changed: false,
            again: false,
            open: false,
            list: false,
            file: None,
            shard: "1/1".to_owned(),
            minutes: None,
            jobs: "2".to_owned(),
            alone: false,
        }
    }

    #[test]
    fn what_cannot_be_used_is_told_in_one_line() {
        for text in ["", "1", "0/2", "3/2", "a/b", "1/", "-1/2", "1/0", "1/2\n"] {
            let line = shard(text).unwrap_err().to_string();
            assert!(line.starts_with("--shard") && line.lines().count() == 1, "{line}");
        }
        for (minutes, jobs) in [("0", "1"), ("1", "0"), ("x", "1"), ("1", "10000"), ("1.5", "1")] {
            let (minutes, jobs) = (Some(minutes.to_owned()), jobs.to_owned());
            let line = Options { minutes, jobs, ..options() }.numbers().unwrap_err().to_string();
            assert!(line.contains("from 1 to 9999") && line.lines().count() == 1, "{line}");
        }
        let functions = [list::tests::function("a.rs", "f", 1)];
        let options = Options { file: Some("b.rs".to_owned()), ..options() };
        let numbers = options.numbers().unwrap();
        let error = chosen(&functions, &Kept::default(), &options, &numbers).unwrap_err();
        assert_eq!(error.to_string(), "--file b.rs: no such file has mutants");
    }

    #[test]
    fn the_shards_share_all_functions_out_and_none_twice() {
        let functions: Vec<_> =
            (0..10).map(|n| list::tests::function("a.rs", &format!("f{n}"), 1)).collect();
        let mut names = Vec::new();
        for text in ["1/3", "2/3", "3/3"] {
            let options = Options { shard: text.to_owned(), ..options() };
            let numbers = options.numbers().unwrap();
            let due = chosen(&functions, &Kept::default(), &options, &numbers).unwrap();
            assert!((3..=4).contains(&due.len()), "{text}: {}", due.len());
            names.extend(due.iter().map(|function| function.name.clone()));
        }
        names.sort();
        let all: Vec<_> = functions.iter().map(|function| function.name.clone()).collect();
        assert_eq!(names, all);
    }

    #[test]
    fn a_result_counts_until_the_text_changes() {
        let [run, not_run, changed] =
            ["run", "not_run", "changed"].map(|name| list::tests::function("a.rs", name, 2));
        let mut kept = Kept::default();
        kept.begin(std::slice::from_ref(&not_run));
        kept.enter(&run, &[Outcome::Caught, Outcome::Unviable]);
        let functions = [run, not_run, changed];
        let names = |options: &Options| -> Vec<String> {
            let due = chosen(&functions, &kept, options, &options.numbers().unwrap()).unwrap();
            due.iter().map(|function| function.name.clone()).collect()
        };
        assert_eq!(names(&options()), ["not_run", "changed"]);
        assert_eq!(names(&Options { changed: true, ..options() }), ["changed"]);
        assert_eq!(names(&Options { again: true, ..options() }), ["run", "not_run", "changed"]);
        assert_eq!(names(&Options { open: true, ..options() }), ["not_run", "changed"]);
        let mut open = kept.clone();
        open.enter(&functions[0], &[Outcome::Caught, Outcome::Missed]);
        let wanted = Options { open: true, ..options() };
        let due = chosen(&functions, &open, &wanted, &wanted.numbers().unwrap()).unwrap();
        assert_eq!(due.len(), 3, "one survives");
        let summary = summary(&functions, &kept);
        assert!(summary.contains("6 mutants of 3 functions: 2 judged (1 noticed, 1"), "{summary}");
        assert!(summary.ends_with("0 survive, of which 0 are open), 4 not yet"), "{summary}");
    }
}
