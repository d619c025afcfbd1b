//! What a boot said and how it ended, and what a test may demand of both.

use std::fmt::Write;
use std::str::FromStr;

use libtest_mimic::Failed;
use xtask::event;
use xtask::symbols::Symbols;
use xtask::verdict::Verdict;
use xtask::workspace::Workspace;

use crate::pattern::{first_missing, matches};

/// A boot that is over.
pub struct Outcome {
    /// What was booted, as one would type it.
    pub command: String,
    /// How it ended.
    pub verdict: Verdict,
    /// What the serial line said, without escape sequences.
    pub lines: Vec<String>,
    /// The prompt that never came, of those that the test wanted to answer.
    pub unanswered: Option<String>,
}

impl Outcome {
    /// The machine powered off cleanly, after a program that ended with this status.
    ///
    /// # Errors
    /// It ended otherwise.
    pub fn exits(&self, status: u8) -> Result<&Self, Failed> {
        self.ends(Verdict::Exited(status))
    }

    /// The boot ended like this.
    ///
    /// # Errors
    /// It ended otherwise.
    pub fn ends(&self, verdict: Verdict) -> Result<&Self, Failed> {
        if let Some(prompt) = &self.unanswered {
            return Err(self.failure(&format!("waited in vain for `{prompt}`: {}", self.verdict)));
        }
        let as_expected = self.verdict == verdict;
        self.demand(as_expected, || format!("expected: {verdict}\nbut: {}", self.verdict))
    }

    /// These patterns match lines in this order, each a later line than the one before.
    ///
    /// # Errors
    /// One is missing.
    pub fn shows(&self, patterns: &[&str]) -> Result<&Self, Failed> {
        let missing = first_missing(patterns, &self.lines);
        self.demand(missing.is_none(), || {
            let wanted = patterns.join("\n  ");
            format!("expected in this order:\n  {wanted}\nmissing: {}", missing.unwrap_or_default())
        })
    }

    /// None of these patterns matches any line.
    ///
    /// # Errors
    /// One does.
    pub fn lacks(&self, patterns: &[&str]) -> Result<&Self, Failed> {
        for pattern in patterns {
            let line = self.lines.iter().find(|line| matches(pattern, line));
            self.demand(line.is_none(), || format!("must not be there: {pattern}"))?;
        }
        Ok(self)
    }

    /// The number between two pieces of text on the first line that has both.
    ///
    /// # Errors
    /// There is no such line, or what stands there is no number.
    pub fn number<N: FromStr>(&self, before: &str, after: &str) -> Result<N, Failed> {
        let between = |line: &String| {
            let rest = &line[line.find(before)? + before.len()..];
            rest[..rest.find(after)?].trim().parse().ok()
        };
        let found = self.lines.iter().find_map(between);
        found.ok_or_else(|| self.failure(&format!("no number between `{before}` and `{after}`")))
    }

    /// What xtask adds to the lines that begin so: functions with file and line.
    ///
    /// # Errors
    /// The kernel's symbols cannot be read.
    pub fn notes(&self, beginning: &str) -> Result<Vec<String>, Failed> {
        let symbols = symbols()?;
        let lines = self.lines.iter().filter(|line| line.starts_with(beginning));
        Ok(lines.filter_map(|line| symbols.note(line)).collect())
    }

    /// Anything else that a test may demand, with the transcript if it does not hold.
    ///
    /// # Errors
    /// It does not hold.
    pub fn demand(&self, holds: bool, what: impl FnOnce() -> String) -> Result<&Self, Failed> {
        if holds { Ok(self) } else { Err(self.failure(&what())) }
    }

    fn failure(&self, what: &str) -> Failed {
        let symbols = symbols().ok();
        let mut text = format!("{what}\ntranscript of {}:\n", self.command);
        for line in &self.lines {
            let symbol = || symbols.as_ref().and_then(|symbols| symbols.note(line));
            let note = event::note(line).or_else(symbol);
            let _ = writeln!(text, "  | {line}{}", note.unwrap_or_default());
        }
        let _ = write!(text, "  ({})", self.verdict);
        text.into()
    }
}

/// The symbols of the kernel and of every program.
fn symbols() -> Result<Symbols, Failed> {
    let workspace = Workspace::locate();
    let kernel = Symbols::open(&workspace.kernel(), workspace.root());
    let kernel = kernel.map_err(|error| format!("{error:#}"))?;
    Ok(kernel.with_programs(workspace.programs()))
}
