//! What is kept in `tests/mutants`: a line for each function, and the mutants that no test notices.
//!
//! `results.txt` has a line for each function: its hash, how many lines it has, what came of its
//! mutants, its file and its name. What came of them is `noticed/viable+unviable`, or `-/all` if
//! they have not been judged. Mutants that do not compile are not viable.
//!
//! `survivors.txt` has two lines for each mutant that no test notices: the hash and the file of
//! its function, its place relative to the function's first line, and what it changes; and below,
//! indented, the reason why no test can notice it, or `open`.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;

use super::judge::Outcome;
use super::list::{Function, Mutant, holds};

/// The reason of a survivor for which nobody has found one.
const OPEN: &str = "open";

const RESULTS: &str =
    "# What the host tests notice, a line for each function: hash, lines, outcome, file, name.
# An outcome is noticed/viable+unviable; -/all is not judged yet. Written by `cargo xtask mutants`.
";

const SURVIVORS: &str = "# The mutants that no host test notices: hash and file of the function, place in it, what is changed.
# The line below is the reason why no test can notice it, or `open`. Mutants are added by `cargo xtask mutants`,
# reasons by hand; `cargo xtask check` compares with results.txt and with the sources.
";

/// What came of a function's mutants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tally {
    NotRun { all: usize },
    Run { caught: usize, viable: usize, unviable: usize },
}

impl Tally {
    pub fn of(outcomes: &[Outcome]) -> Self {
        let count = |wanted| outcomes.iter().filter(|outcome| **outcome == wanted).count();
        let (caught, unviable) = (count(Outcome::Caught), count(Outcome::Unviable));
        Self::Run { caught, viable: outcomes.len() - unviable, unviable }
    }

    const fn all(self) -> usize {
        match self {
            Self::NotRun { all } => all,
            Self::Run { viable, unviable, .. } => viable + unviable,
        }
    }

    fn read(text: &str) -> Option<Self> {
        let (caught, rest) = text.split_once('/')?;
        if caught == "-" {
            return Some(Self::NotRun { all: rest.parse().ok()? });
        }
        let (viable, unviable) = rest.split_once('+').unwrap_or((rest, "0"));
        let (caught, viable) = (caught.parse().ok()?, viable.parse().ok()?);
        (caught <= viable).then_some(())?;
        Some(Self::Run { caught, viable, unviable: unviable.parse().ok()? })
    }
}

impl Display for Tally {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRun { all } => write!(f, "-/{all}"),
            Self::Run { caught, viable, unviable: 0 } => write!(f, "{caught}/{viable}"),
            Self::Run { caught, viable, unviable } => write!(f, "{caught}/{viable}+{unviable}"),
        }
    }
}

/// A function's line.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Line {
    lines: usize,
    tally: Tally,
    name: String,
}

/// A mutant that no test notices.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Survivor {
    file: String,
    hash: String,
    /// Where it is in the function, and what it changes.
    what: String,
    reason: String,
}

impl Survivor {
    fn of(function: &Function, mutant: &Mutant) -> Self {
        let line = mutant.from.line.saturating_sub(function.first);
        let what = format!("+{line}:{} {}", mutant.from.column, mutant.what);
        let (file, hash) = (function.file.clone(), function.hash.clone());
        Self { file, hash, what, reason: OPEN.to_owned() }
    }

    fn is_open(&self) -> bool {
        self.reason.starts_with(OPEN)
    }

    /// Its first line.
    pub fn line(&self) -> String {
        format!("{} {} {}", self.hash, self.file, self.what)
    }
}

/// The two files.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Kept {
    /// By file and hash.
    lines: BTreeMap<(String, String), Line>,
    survivors: Vec<Survivor>,
}

impl Kept {
    /// Reads both files; one that is not there is empty.
    ///
    /// # Errors
    /// A line has not the form above: the message has it.
    pub fn read(workspace: &Workspace) -> Result<Self> {
        let [results, survivors] =
            files(workspace).map(|file| fs::read_to_string(file).unwrap_or_default());
        Self::parse(&results, &survivors)
    }

    fn parse(results: &str, survivors: &str) -> Result<Self> {
        let mut kept = Self::default();
        for line in without_comments(results) {
            let (key, value) = read_line(line).with_context(|| format!("results.txt: {line}"))?;
            if kept.lines.insert(key, value).is_some() {
                bail!("results.txt has this function twice: {line}");
            }
        }
        for line in without_comments(survivors) {
            if let Some(reason) = line.strip_prefix("    ") {
                let last = kept.survivors.last_mut().filter(|last| last.reason.is_empty());
                last.with_context(|| format!("survivors.txt: {line}"))?.reason = reason.to_owned();
            } else {
                let mut words = line.splitn(3, ' ');
                let mut word = || words.next().map(str::to_owned).filter(|word| !word.is_empty());
                let (Some(hash), Some(file), Some(what)) = (word(), word(), word()) else {
                    bail!("survivors.txt: {line}");
                };
                kept.survivors.push(Survivor { file, hash, what, reason: String::new() });
            }
        }
        Ok(kept)
    }

    /// Writes both files.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn write(&self, workspace: &Workspace) -> Result<()> {
        let texts = [self.results(), self.listed_survivors()];
        for (file, text) in files(workspace).into_iter().zip(texts) {
            // A renamed file is whole, whenever we are interrupted.
            let new = file.with_extension("new");
            let failed = || format!("cannot write {}", file.display());
            fs::write(&new, text).with_context(failed)?;
            fs::rename(&new, &file).with_context(failed)?;
        }
        Ok(())
    }

    fn results(&self) -> String {
        let mut text = RESULTS.to_owned();
        for ((file, hash), Line { lines, tally, name }) in &self.lines {
            text += &format!("{hash} {lines} {tally} {file} {name}\n");
        }
        text
    }

    fn listed_survivors(&self) -> String {
        let mut sorted: Vec<_> = self.survivors.iter().collect();
        sorted.sort_by_key(|survivor| (&survivor.file, &survivor.hash, &survivor.what));
        let entry =
            |survivor: &&Survivor| format!("{}\n    {}\n", survivor.line(), survivor.reason);
        SURVIVORS.to_owned() + &sorted.iter().map(entry).collect::<String>()
    }

    /// What came of this function's mutants; `None` if the function is new or changed, or
    /// cargo-mutants has other mutants of it now.
    pub fn tally(&self, function: &Function) -> Option<Tally> {
        let line = self.lines.get(&(function.file.clone(), function.hash.clone()))?;
        (line.tally.all() == function.mutants.len()).then_some(line.tally)
    }

    /// How many survivors have no reason.
    pub fn open(&self) -> usize {
        self.survivors.iter().filter(|survivor| survivor.is_open()).count()
    }

    /// Whether one of this function's survivors has no reason.
    pub fn is_open(&self, function: &Function) -> bool {
        let of_function = |survivor: &Survivor| function.is_same(&survivor.file, &survivor.hash);
        self.survivors.iter().any(|survivor| of_function(survivor) && survivor.is_open())
    }

    /// Forgets functions that are gone.
    pub fn forget_but(&mut self, functions: &[Function]) {
        let known =
            |file: &str, hash: &str| functions.iter().any(|function| function.is_same(file, hash));
        self.lines.retain(|(file, hash), _| known(file, hash));
        self.survivors.retain(|survivor| known(&survivor.file, &survivor.hash));
    }

    /// Enters what came of a function's mutants. Returns the survivors that were not listed.
    pub fn enter(&mut self, function: &Function, outcomes: &[Outcome]) -> Vec<Survivor> {
        let tally = Tally::of(outcomes);
        self.set(function, tally);
        let mut listed = Vec::new();
        self.survivors.retain(|survivor| {
            let of_function = function.is_same(&survivor.file, &survivor.hash);
            if of_function {
                listed.push(survivor.clone());
            }
            !of_function
        });
        let mut new = Vec::new();
        let missed = function.mutants.iter().zip(outcomes);
        for (mutant, _) in missed.filter(|(_, outcome)| **outcome == Outcome::Missed) {
            let survivor = Survivor::of(function, mutant);
            let known = listed.iter().find(|other| other.what == survivor.what);
            if known.is_none() {
                new.push(survivor.clone());
            }
            self.survivors.push(known.cloned().unwrap_or(survivor));
        }
        new
    }

    /// If nothing is known at all, notes every function as known and not judged: later, a function
    /// that is not known has been changed, or is new.
    pub fn begin(&mut self, functions: &[Function]) {
        if self.lines.is_empty() {
            for function in functions {
                self.set(function, Tally::NotRun { all: function.mutants.len() });
            }
        }
    }

    fn set(&mut self, function: &Function, tally: Tally) {
        let line = Line { lines: function.lines, tally, name: function.name.clone() };
        self.lines.insert((function.file.clone(), function.hash.clone()), line);
    }

    /// One line for each thing that is not true.
    fn faults(&self, source: impl Fn(&str) -> Option<String>) -> Vec<String> {
        let mut faults = Vec::new();
        for survivor in &self.survivors {
            let line = self.lines.get(&(survivor.file.clone(), survivor.hash.clone()));
            let lines = line.map_or(0, |line| line.lines);
            if !source(&survivor.file).is_some_and(|text| holds(&text, lines, &survivor.hash)) {
                faults.push(format!("no function has this text any more: {}", survivor.line()));
            }
            if survivor.reason.is_empty() {
                faults.push(format!("this survivor has no reason: {}", survivor.line()));
            }
        }
        for ((file, hash), line) in &self.lines {
            let listed = |survivor: &&Survivor| survivor.file == *file && survivor.hash == *hash;
            let listed = self.survivors.iter().filter(listed).count();
            let missed = match line.tally {
                Tally::NotRun { .. } => 0,
                Tally::Run { caught, viable, .. } => viable - caught,
            };
            if missed != listed {
                let name = &line.name;
                faults.push(format!("{file} {name}: {missed} survive, {listed} are listed"));
            }
        }
        faults
    }
}

/// Sees that the two files are true: each survivor is a mutant of a function that is there, and
/// each mutant that was not noticed is listed.
///
/// # Errors
/// They are not: one line for each fault.
pub fn check(workspace: &Workspace) -> Result<()> {
    let kept = Kept::read(workspace)?;
    let faults = kept.faults(|file| fs::read_to_string(workspace.root().join(file)).ok());
    if faults.is_empty() {
        return Ok(());
    }
    let faults = faults.join("\n");
    bail!("tests/mutants is not true (cargo xtask mutants --changed renews it):\n{faults}")
}

fn files(workspace: &Workspace) -> [PathBuf; 2] {
    let folder = workspace.root().join("tests/mutants");
    [folder.join("results.txt"), folder.join("survivors.txt")]
}

fn without_comments(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty())
}

fn read_line(line: &str) -> Option<((String, String), Line)> {
    let mut words = line.splitn(5, ' ');
    let hash = words.next()?.to_owned();
    let lines = words.next()?.parse().ok()?;
    let tally = Tally::read(words.next()?)?;
    let file = words.next()?.to_owned();
    Some(((file, hash), Line { lines, tally, name: words.next()?.to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::super::list::{hash, tests::function};
    use super::*;
    use Outcome::{Caught, Missed, Unviable};

    #[test]
    fn what_is_written_is_read_again() {
        let mut kept = Kept::default();
        kept.begin(&[function("b.rs", "g", 7)]);
        kept.begin(&[function("b.rs", "h", 7)]);
        let new = kept
            .enter(&function("a.rs", "<impl A for B>::f", 4), &[Caught, Missed, Unviable, Missed]);
        assert_eq!(new.len(), 2);
        assert!(new[0].line().ends_with(" a.rs +1:2 replace 1 in <impl A for B>::f"), "{new:?}");
        let read = Kept::parse(&kept.results(), &kept.listed_survivors()).unwrap();
        assert_eq!(read, kept);
        assert_eq!((read.open(), read.lines.len()), (2, 2));
        let text = kept.results();
        assert!(text.contains(" 3 1/3+1 a.rs <impl A") && text.contains(" 3 -/7 b.rs g"), "{text}");
    }

    #[test]
    fn a_line_of_another_form_is_named() {
        for line in [
            "x",
            "h 3 2/1 a.rs f",
            "h 3 1 a.rs f",
            "h x 1/1 a.rs f",
            "h 3 1/1+ a.rs f",
            "h 3 1/1 a.rs",
        ] {
            let error = Kept::parse(line, "").unwrap_err().to_string();
            assert_eq!(error, format!("results.txt: {line}"));
        }
        for text in ["    a reason", "h a.rs", "h a.rs +1:1 x\n    a\n    b"] {
            assert!(Kept::parse("", text).is_err(), "{text}");
        }
        assert!(Kept::parse("h 3 1/1 a.rs f\nh 3 2/2 a.rs f", "").is_err());
    }

    #[test]
    fn a_known_survivor_keeps_its_reason_and_a_noticed_one_goes() {
        let f = function("a.rs", "f", 3);
        let mut kept = Kept::default();
        kept.enter(&f, &[Missed, Missed, Caught]);
        kept.survivors[0].reason = "the same".to_owned();
        let new = kept.enter(&f, &[Missed, Caught, Missed]);
        assert_eq!(new.len(), 1);
        assert!(new[0].what.contains("replace 2"), "{new:?}");
        let reasons: Vec<_> = kept.survivors.iter().map(|s| s.reason.as_str()).collect();
        assert_eq!(reasons, ["the same", OPEN]);
        assert_eq!(kept.tally(&function("a.rs", "f", 4)), None, "other mutants, other result");
        kept.forget_but(&[function("a.rs", "g", 3)]);
        assert_eq!(kept, Kept::default());
    }

    #[test]
    fn each_untruth_is_told() {
        let f = function("a.rs", "f", 2);
        let text = |_: &str| Some("fn f() {\n    1\n}\n".to_owned());
        let f = Function { hash: hash(&["fn f() {", "    1", "}"]), ..f };
        let mut kept = Kept::default();
        kept.enter(&f, &[Missed, Caught]);
        assert_eq!(kept.faults(text), [""; 0]);
        let changed = |_: &str| Some("fn f() {\n    2\n}\n".to_owned());
        let gone = kept.faults(changed);
        assert!(gone[0].starts_with("no function has this text") && gone.len() == 1, "{gone:?}");
        assert_eq!(kept.faults(|_| None).len(), 1);
        kept.survivors[0].reason.clear();
        assert!(kept.faults(text)[0].starts_with("this survivor has no reason"));
        kept.survivors.clear();
        assert_eq!(kept.faults(text), ["a.rs f: 1 survive, 0 are listed"]);
    }

    #[test]
    fn the_kept_files_are_true() {
        check(&Workspace::locate()).unwrap();
    }
}
