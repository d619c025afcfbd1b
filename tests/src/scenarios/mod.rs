//! What is claimed about the running system, one file for each part of it.

use libtest_mimic::Trial;
use xtask::test::EMULATOR;

use crate::differences::{DIFFERENCES, Difference};
use crate::{claim, emulator};

mod boot;
mod c;
mod census;
mod checks;
mod conformance;
mod disk;
mod docs;
mod exhaust;
mod failures;
mod first;
mod fuzz;
mod machines;
mod oracle;
mod own;
mod picture;
mod programs;
mod runs;
mod shell;
mod swap;
mod trace;
mod vm;

/// The claims that are tried: all on QEMU, or those that should hold on every emulator on the one
/// that is named.
#[must_use]
pub fn chosen() -> Vec<Trial> {
    if std::env::var_os(EMULATOR).is_some() { on_every_emulator() } else { all() }
}

fn on_every_emulator() -> Vec<Trial> {
    let trials = [checks::in_groups(), conformance::trials(), programs::trials()];
    let mut trials: Vec<_> = trials.into_iter().flatten().collect();
    let is_tried = |row: &&Difference| trials.iter().any(|trial| trial.name() == row.claim);
    let rows = DIFFERENCES.iter().filter(|row| row.on == emulator());
    let stray: Vec<_> = rows.filter(|row| !is_tried(row)).map(|row| row.claim).collect();
    trials.push(claim("differences::every_row_names_a_claim", move || {
        if stray.is_empty() { Ok(()) } else { Err(format!("no claims: {stray:?}").into()) }
    }));
    trials
}

fn all() -> Vec<Trial> {
    [
        boot::trials(),
        programs::trials(),
        runs::trials(),
        shell::trials(),
        census::trials(),
        docs::trials(),
        exhaust::trials(),
        first::trials(),
        fuzz::trials(),
        oracle::trials(),
        own::trials(),
        picture::trials(),
        c::trials(),
        checks::trials(),
        disk::trials(),
        failures::trials(),
        machines::trials(),
        swap::trials(),
        trace::trials(),
        vm::trials(),
        conformance::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
