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
//! shortage itself. For the swap disk (`disk`) and for JOS programs (`jos`), each k is another boot.

use anyhow::{Result, bail, ensure};
use clap::Args;

use crate::bad_input::BadInput;
use crate::system::Part;
use crate::workspace::Workspace;
use crate::{build, setup};

mod disk;
mod guest;
mod jos;
mod row;
mod shortage;

pub use jos::SCENARIO as JOS;
pub use row::Row;
pub use shortage::Shortage;

use guest::{Guest, Round};
use row::{MOST, judge};

/// What `cargo xtask exhaust` is asked.
#[derive(Args)]
pub struct Options {
    /// Only this scenario: map, range, fork, exofork, spawn, message, view, swap, pager, driver or
    /// jos
    scenario: Option<String>,
    /// Only this shortage: once, lasting, quota, slots, disk, writes or reads
    #[arg(long, value_name = "SHORTAGE")]
    of: Option<String>,
    /// Only every N-th k
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    every: u32,
}

/// The scenarios: those of the program `exhaust`, and JOS programs without it.
pub const SCENARIOS: [&str; 11] =
    ["map", "range", "fork", "exofork", "spawn", "message", "view", "swap", "pager", "driver", JOS];

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
    println!("  scenario     shortage     k  ended so");
    let rows = run(workspace, &scenarios, &shortages, options.every)?;
    let tried: u32 = rows.iter().map(|row| row.tried).sum();
    println!("exhaust: {tried} rounds, each with an error that is documented, and nothing lost");
    Ok(())
}

/// Runs scenarios with shortages; prints each row when it is done.
///
/// # Errors
/// As [`exhaust`].
pub fn run(
    workspace: &Workspace,
    scenarios: &[&'static str],
    shortages: &[Shortage],
    every: u32,
) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut done = |row: Row| {
        println!("{row}");
        rows.push(row);
    };
    let (of_disk, others): (Vec<_>, Vec<_>) =
        shortages.iter().copied().partition(|shortage: &Shortage| shortage.is_of_the_disk());
    let (of_jos, guests): (Vec<&'static str>, Vec<_>) =
        scenarios.iter().copied().partition(|scenario| *scenario == JOS);
    if !others.is_empty() && !guests.is_empty() {
        let mut guest = Guest::boot(workspace)?;
        for shortage in &others {
            for scenario in &guests {
                done(sweep(&mut guest, scenario, *shortage, every)?);
            }
        }
        guest.exit()?;
    }
    if !of_jos.is_empty() {
        for shortage in others.into_iter().filter(|shortage| jos::can_lack(*shortage)) {
            jos::sweep(workspace, shortage, every, &mut done)?;
        }
    }
    for shortage in of_disk {
        for scenario in scenarios.iter().filter(|scenario| **scenario == disk::SCENARIO) {
            done(disk::sweep(workspace, scenario, shortage, every)?);
        }
    }
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
    let mut calm = || {
        let Round { end, census, .. } = guest.round(scenario, shortage, shortage.plenty())?;
        ensure!(end.status == 0, "{scenario}: without a shortage it ends with {end}");
        Ok(census)
    };
    calm()?;
    calm()?;
    let before = calm()?;
    let mut row = Row::new(scenario, shortage);
    for k in (shortage.first()..MOST).step_by(every as usize) {
        let round = guest.round(scenario, shortage, k)?;
        judge(guest, &row, k, before, &round)?;
        row.count(round.end);
        let through = match shortage {
            Shortage::Once | Shortage::Lasting => !round.reached,
            Shortage::Quota
            | Shortage::Slots
            | Shortage::Disk
            | Shortage::Writes
            | Shortage::Reads => round.end.status == 0,
        };
        if through {
            let end = round.end;
            ensure!(
                end.status == 0,
                "{scenario}: {} {k} is not reached, but {end}",
                shortage.name()
            );
            return Ok(row);
        }
    }
    bail!("{scenario}: {} of {MOST} is still not enough", shortage.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_is_one_line() {
        let error = chosen("scenario", Some("forks"), &SCENARIOS, |name| name).unwrap_err();
        assert!(error.to_string().contains("`forks`; there are map"), "{error}");
        assert_eq!(chosen("shortage", None, &Shortage::ALL, Shortage::name).unwrap().len(), 7);
    }
}
