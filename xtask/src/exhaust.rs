//! `cargo xtask exhaust`: makes the k-th allocation of a scenario fail, for every k, and judges
//! what is left.
//!
//! The machine runs the program `exhaust`, which waits for a key before each scenario and after it.
//! While it waits, the word for failures in the kernel's memory is written from outside
//! ([`abi::debug::Table::failing`]), so the next k needs no other boot. A scenario has to end as
//! its failed call documents. Afterwards as many frames, clients and processes are there as before,
//! and no rule of the oracle is violated. k grows until the scenario ends before its k-th
//! allocation.
//!
//! The same is done for a quota of k frames and for k process slots. There the program arranges the
//! shortage itself.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Result, bail};
use clap::Args;

use crate::bad_input::BadInput;
use crate::system::Part;
use crate::workspace::Workspace;
use crate::{build, setup};

mod guest;
mod shortage;

pub use shortage::Shortage;

use guest::{Census, End, Guest, Round};

/// What `cargo xtask exhaust` is asked.
#[derive(Args)]
pub struct Options {
    /// Only this scenario: map, range, fork, exofork, spawn, message, view, swap, pager or driver
    scenario: Option<String>,
    /// Only this shortage: once, lasting, quota or slots
    #[arg(long, value_name = "SHORTAGE")]
    of: Option<String>,
    /// Only every N-th k
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    every: u32,
}

/// The scenarios of the program `exhaust`.
pub const SCENARIOS: [&str; 10] =
    ["map", "range", "fork", "exofork", "spawn", "message", "view", "swap", "pager", "driver"];

/// What was seen of one scenario with one shortage.
pub struct Row {
    scenario: &'static str,
    shortage: Shortage,
    /// How many k were tried.
    tried: u32,
    /// How often the scenario ended so.
    ends: BTreeMap<End, u32>,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, shortage, tried, ends } = self;
        write!(f, "  {scenario:<8} {:<8} {tried:>5}", shortage.name())?;
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
    use Shortage::{Lasting, Once, Quota, Slots};
    const OUT_OF_FRAMES: u32 = 4;
    const OUT_OF_PROCESSES: u32 = 5;
    const QUOTA_EXCEEDED: u32 = 34;
    const NOT_STARTED: u32 = 98;
    const PAGE_FAULT: u32 = 128 + 14;
    let End { killed, status } = round.end;
    match (shortage, status) {
        // A fault that cannot be served ends its process; its parent passes the status on.
        (Once | Lasting | Quota, PAGE_FAULT) => true,
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
const MOST: u32 = 5_000;

/// Runs the scenarios that the options name.
///
/// # Errors
/// A name that does not exist; a scenario that ended otherwise than documented, lost something, or
/// left a machine that violates a rule.
pub fn exhaust(workspace: &Workspace, options: &Options) -> Result<()> {
    let scenarios = chosen("scenario", options.scenario.as_deref(), &SCENARIOS, |name| name)?;
    let shortages = chosen("shortage", options.of.as_deref(), &Shortage::ALL, Shortage::name)?;
    setup::ensure(&[Part::Emulator])?;
    build::build(workspace)?;
    println!("  scenario shortage     k  ended so");
    let rows = run(workspace, &scenarios, &shortages, options.every)?;
    let tried: u32 = rows.iter().map(|row| row.tried).sum();
    println!("exhaust: {tried} rounds, each with an error that is documented, and nothing lost");
    Ok(())
}

/// Runs scenarios with shortages on one machine; prints each row when it is done.
///
/// # Errors
/// As [`exhaust`].
pub fn run(
    workspace: &Workspace,
    scenarios: &[&'static str],
    shortages: &[Shortage],
    every: u32,
) -> Result<Vec<Row>> {
    let mut guest = Guest::boot(workspace)?;
    let mut rows = Vec::new();
    for shortage in shortages {
        for scenario in scenarios {
            let row = sweep(&mut guest, scenario, *shortage, every)?;
            println!("{row}");
            rows.push(row);
        }
    }
    guest.exit()?;
    Ok(rows)
}

/// The entries of a list that a name asks for: all without one.
fn chosen<T: Copy>(
    kind: &str,
    name: Option<&str>,
    all: &[T],
    name_of: impl Fn(T) -> &'static str,
) -> Result<Vec<T>, BadInput> {
    let Some(name) = name else { return Ok(all.to_vec()) };
    let found = all.iter().find(|entry| name_of(**entry) == name);
    found.map(|entry| vec![*entry]).ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|entry| name_of(*entry)).collect();
        BadInput(format!("there is no {kind} `{name}`; there are {}", names.join(", ")))
    })
}

/// Tries every k until one is not reached.
fn sweep(guest: &mut Guest, scenario: &'static str, shortage: Shortage, every: u32) -> Result<Row> {
    // The first rounds fill what the servers and the program keep: tables, pages of the archive.
    let mut calm = || guest.round(scenario, shortage, shortage.plenty());
    for _ in 0..2 {
        let end = calm()?.end;
        if end.status != 0 {
            bail!("{scenario}: without a shortage it ends with {end}");
        }
    }
    let before = calm()?.census;
    let mut row = Row { scenario, shortage, tried: 0, ends: BTreeMap::new() };
    for k in (shortage.first()..MOST).step_by(every as usize) {
        let round = guest.round(scenario, shortage, k)?;
        let place = format!("{scenario}, {} {k}", shortage.name());
        if !allows(shortage, scenario, &round) {
            let tail = guest.tail();
            bail!("{place}: ended with {}, which is not documented:\n{tail}", round.end);
        }
        judge(guest, &place, before, round.census)?;
        row.tried += 1;
        *row.ends.entry(round.end).or_default() += 1;
        let through = match shortage {
            Shortage::Once | Shortage::Lasting => !round.reached,
            Shortage::Quota | Shortage::Slots => round.end.status == 0,
        };
        if through {
            return Ok(row);
        }
    }
    bail!("{scenario}: {} of {MOST} is still not enough", shortage.name())
}

/// Compares the census, and asks the oracle.
fn judge(guest: &mut Guest, place: &str, before: Census, after: Census) -> Result<()> {
    if before != after {
        bail!("{place}: {before} before, {after} after");
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
        use Shortage::{Lasting, Once, Quota, Slots};
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
            assert_eq!(allowed(shortage, "map", true, 142, ""), shortage != Slots);
            assert!(allowed(shortage, "pager", false, 1, shortage.words()));
            assert!(!allowed(shortage, "pager", false, 1, "bytes were lost"));
        }
        assert!(allowed(Quota, "exofork", false, 4, ""));
    }

    #[test]
    fn an_unknown_name_is_one_line() {
        let error = chosen("scenario", Some("forks"), &SCENARIOS, |name| name).unwrap_err();
        assert!(error.to_string().contains("`forks`; there are map"), "{error}");
        assert_eq!(chosen("shortage", None, &Shortage::ALL, Shortage::name).unwrap().len(), 4);
    }
}
