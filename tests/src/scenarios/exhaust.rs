//! What runs short is reported as documented, and nothing is lost: a share of `cargo xtask
//! exhaust`.

use libtest_mimic::Trial;
use xtask::exhaust::{self, JOS, SCENARIOS, Shortage};
use xtask::workspace::Workspace;

use crate::{Claim, claim};

/// Of the allocations of a scenario, one in so many fails. No divisor of 64, the pages of a call,
/// nor of 1,024, those of a table.
const EVERY: u32 = 9;

/// The same for the disk and for JOS programs, where each is a boot.
const EVERY_BOOT: u32 = 31;

/// The claims of this file.
pub fn trials() -> Vec<Trial> {
    let one = |(name, shortage): (&str, Shortage)| {
        let claimed = format!("exhaust::a_shortage_{name}_is_reported_and_loses_nothing");
        claim(&claimed, move || loses_nothing(shortage))
    };
    let shortages = [
        ("of_one_frame", Shortage::Once),
        ("of_all_frames", Shortage::Lasting),
        ("of_quota", Shortage::Quota),
        ("of_slots", Shortage::Slots),
        ("of_disk_space", Shortage::Disk),
        ("of_disk_writes", Shortage::Writes),
        ("of_disk_reads", Shortage::Reads),
    ];
    let frames = [("of_one_frame", Shortage::Once), ("of_all_frames", Shortage::Lasting)];
    let of_jos = frames.map(|(name, shortage)| {
        let claimed = format!("exhaust::jos_programs_are_told_of_a_shortage_{name}");
        claim(&claimed, move || run(&[JOS], shortage, EVERY_BOOT))
    });
    shortages.map(one).into_iter().chain(of_jos).collect()
}

fn loses_nothing(shortage: Shortage) -> Claim {
    let others: Vec<_> = SCENARIOS.into_iter().filter(|scenario| *scenario != JOS).collect();
    let every = if shortage.is_of_the_disk() { EVERY_BOOT } else { EVERY };
    run(&others, shortage, every)
}

fn run(scenarios: &[&'static str], shortage: Shortage, every: u32) -> Claim {
    exhaust::run(&Workspace::locate(), scenarios, &[shortage], every)?;
    Ok(())
}
