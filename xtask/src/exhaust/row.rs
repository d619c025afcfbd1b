//! What a round may end with, and what is noted of all rounds of a scenario with one shortage.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Result, bail};

use super::guest::{Census, End, Guest, Round};
use super::shortage::Shortage;

/// What was seen of one scenario with one shortage.
pub struct Row {
    pub(super) scenario: &'static str,
    pub(super) shortage: Shortage,
    /// How many k were tried.
    pub(super) tried: u32,
    /// How often the scenario ended so.
    ends: BTreeMap<End, u32>,
}

impl Row {
    pub(super) const fn new(scenario: &'static str, shortage: Shortage) -> Self {
        Self { scenario, shortage, tried: 0, ends: BTreeMap::new() }
    }

    pub(super) fn count(&mut self, end: End) {
        self.tried += 1;
        *self.ends.entry(end).or_default() += 1;
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, shortage, tried, ends } = self;
        write!(f, "  {scenario:<12} {:<8} {tried:>5}", shortage.name())?;
        let mut separator = "  ";
        for (end, count) in ends {
            write!(f, "{separator}{count} {end}")?;
            separator = ", ";
        }
        Ok(())
    }
}

/// Whether a scenario may end so. The numbers are those of ARCHITECTURE.md, "Errors".
fn allows(shortage: Shortage, scenario: &str, round: &Round) -> bool {
    use Shortage::{Lasting, Once, Quota, Reads, Slots};
    const OUT_OF_FRAMES: u32 = 4;
    const OUT_OF_PROCESSES: u32 = 5;
    const QUOTA_EXCEEDED: u32 = 34;
    const NOT_STARTED: u32 = 98;
    const PAGE_FAULT: u32 = 128 + 14;
    let End { killed, status } = round.end;
    match (shortage, status) {
        // A fault that cannot be served ends its process; its parent passes the status on.
        (Once | Lasting | Quota | Reads, PAGE_FAULT) => true,
        _ if killed => false,
        (_, 0) => true,
        // A program that has printed the error.
        (_, 1) => scenario == "pager" && round.printed.contains(shortage.words()),
        // The pager has no memory for the records of another client.
        (Once | Lasting, OUT_OF_FRAMES | NOT_STARTED) => true,
        // JOS has one number for both.
        (Quota, OUT_OF_FRAMES) => scenario == "exofork",
        (Quota, QUOTA_EXCEEDED) | (Slots, OUT_OF_PROCESSES) => true,
        _ => false,
    }
}

/// More k than any scenario needs: a scenario that never gets through is a finding.
pub(super) const MOST: u32 = 5_000;

/// Judges a round: its end, the census, and what the oracle says.
pub(super) fn judge(
    guest: &mut Guest,
    row: &Row,
    k: u32,
    before: Census,
    round: &Round,
) -> Result<()> {
    let place = format!("{}, {} {k}", row.scenario, row.shortage.name());
    if !allows(row.shortage, row.scenario, round) {
        let tail = guest.tail();
        bail!("{place}: ended with {}, which is not documented:\n{tail}", round.end);
    }
    if before != round.census {
        bail!("{place}: {before} before, {} after", round.census);
    }
    let violations = guest.violations()?;
    if let Some(first) = violations.first() {
        bail!("{place}: {} violations; the first: {first}", violations.len());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(
        shortage: Shortage,
        scenario: &str,
        killed: bool,
        status: u32,
        printed: &str,
    ) -> bool {
        let census = Census::parse("1 1 1").unwrap();
        let end = End { killed, status };
        let printed = printed.to_owned();
        super::allows(shortage, scenario, &Round { end, reached: true, printed, census })
    }

    #[test]
    fn a_shortage_allows_its_own_errors_alone() {
        use Shortage::{Disk, Lasting, Once, Quota, Reads, Slots, Writes};
        for shortage in Shortage::ALL {
            assert!(allowed(shortage, "map", false, 0, ""));
            for status in [1, 2, 33, 39, 99, 101, 141, 143] {
                assert!(!allowed(shortage, "map", false, status, "out of frames"), "{status}");
            }
            for status in [0, 1, 4, 5, 34, 141] {
                assert!(!allowed(shortage, "map", true, status, ""), "killed {status}");
            }
            for (status, allowing) in [(4, &[Once, Lasting][..]), (34, &[Quota]), (5, &[Slots])] {
                let allowed = allowed(shortage, "map", false, status, "");
                assert_eq!(allowed, allowing.contains(&shortage), "{shortage:?} {status}");
            }
            let is_bearable = [Slots, Disk, Writes].contains(&shortage);
            assert_eq!(allowed(shortage, "map", true, 142, ""), !is_bearable);
            assert!(allowed(shortage, "pager", false, 1, shortage.words()));
            assert!(!allowed(shortage, "pager", false, 1, "bytes were lost"));
        }
        assert!(allowed(Quota, "exofork", false, 4, ""));
        assert!(allowed(Reads, "swap", true, 142, ""));
    }
}
