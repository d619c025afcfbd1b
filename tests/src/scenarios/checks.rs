//! What the kernel promises, tried from ring 3: each check of the program `checks` in a boot of its
//! own.

use std::time::Duration;

use libtest_mimic::Trial;

use crate::differences::{HANGS, listed};
use crate::{Boot, Claim, claim, emulator};

/// Checks in one boot of a group: their names fit on the kernel's command line, which takes 1,023
/// bytes.
const GROUP: usize = 14;

/// When a check that is listed as one that hangs is taken to hang. Each takes a second where it
/// does not.
const HANG: Duration = Duration::from_secs(15);

/// The claims of this file: as many as the program lists, and one that they all leave nothing
/// behind.
pub fn trials() -> Vec<Trial> {
    let together = [
        claim("checks::all_together_leave_no_frame_behind", all_together),
        claim("checks::what_cannot_run_here_is_skipped_with_its_reason", skipped),
    ];
    match names() {
        Ok(names) => names.into_iter().map(one).chain(together).collect(),
        Err(why) => {
            vec![claim("checks::the_program_lists_its_checks", move || Err(why.clone().into()))]
        }
    }
}

/// The same checks in few boots, for emulators that boot slowly. A check for which a difference is
/// listed has a boot of its own: it may stop the emulator.
pub fn in_groups() -> Vec<Trial> {
    let names = match names() {
        Ok(names) => names,
        Err(why) => {
            return vec![claim("checks::the_program_lists_its_checks", || Err(why.into()))];
        }
    };
    let is_listed = |name: &String| listed(emulator(), &format!("checks::{name}")).is_some();
    let (alone, together): (Vec<_>, Vec<_>) = names.into_iter().partition(is_listed);
    let groups = together.chunks(GROUP).enumerate().map(|(index, names)| group(index + 1, names));
    groups.chain(alone.into_iter().map(one)).collect()
}

fn group(number: usize, names: &[String]) -> Trial {
    let names = names.to_vec();
    claim(&format!("checks::group_{number}_from_{}", names[0]), move || {
        // Room for a chain of 1,020 processes.
        let boot = Boot::new().memory(256).append("trust");
        let outcome = boot.run(&format!("checks {}", names.join(" "))).boot()?;
        for name in &names {
            outcome.shows(&[&format!("ok {name}")])?;
        }
        outcome.exits(0)?.lacks(&["kernel panic", "FAILED"])?;
        Ok(())
    })
}

fn names() -> Result<Vec<String>, String> {
    let outcome = Boot::new().run("checks").boot().map_err(|error| format!("{error:?}"))?;
    let names: Vec<_> = outcome.lines.iter().filter(|line| is_name(line)).cloned().collect();
    if names.is_empty() {
        Err(format!("`checks` lists nothing: {:#?}", outcome.lines))
    } else {
        Ok(names)
    }
}

/// A check is named as its function, in several words.
fn is_name(line: &str) -> bool {
    line.contains('_')
        && line.chars().all(|c| c == '_' || c.is_ascii_lowercase() || c.is_ascii_digit())
}

fn one(name: String) -> Trial {
    let title = format!("checks::{name}");
    claim(&title, move || {
        let trusted = if name.starts_with("a_driver") { "trust" } else { "" };
        let mut boot = Boot::new().append(trusted).run(&format!("checks {name}"));
        if listed(emulator(), &format!("checks::{name}")).is_some_and(|row| row.shows == HANGS) {
            boot = boot.timeout(HANG);
        }
        let outcome = boot.boot()?;
        outcome.exits(0)?.shows(&[&format!("ok {name}")])?.lacks(&["kernel panic", "FAILED"])?;
        Ok(())
    })
}

fn all_together() -> Claim {
    // Room for a chain of 1,020 processes beside what the pager has kept since the checks that used
    // up memory.
    let outcome = Boot::new().memory(144).append("trust").run("checks all").boot()?;
    // This machine has what every check needs, so that a skip here would hide a check that must
    // run.
    outcome.exits(0)?.shows(&[" passed, 0 skipped, 0 failed"])?;
    outcome.lacks(&["kernel panic", "FAILED", "skipped *:"])?;
    Ok(())
}

/// The machine of a plain `cargo xtask qemu`, with little memory: neither `trust` nor free of a
/// swap disk.
fn skipped() -> Claim {
    let disk = tempfile::NamedTempFile::new()?;
    disk.as_file().set_len(64 << 20)?;
    let skips = [
        ("a_driver_maps_device_memory_and_no_ram", "it needs a driver: boot with `trust`"),
        ("a_process_that_needs_memory_ends_alone", "the pager has a swap disk: boot without one"),
        ("fork_until_all_slots_are_taken", "memory would be used up before the process slots are"),
    ];
    let names = skips.map(|(name, _)| name).join(" ");
    let mut expected = skips.map(|(name, why)| format!("skipped {name}: {why}")).to_vec();
    expected.insert(0, "ok nobody_is_a_driver_but_whom_a_driver_made_one".to_owned());
    expected.push("1 passed, 3 skipped, 0 failed".to_owned());
    let program = format!("checks nobody_is_a_driver_but_whom_a_driver_made_one {names}");
    let boot = Boot::new().memory(32).disk(disk.path().to_owned()).append("disk swap");
    let outcome = boot.run(&program).boot()?;
    for line in &expected {
        outcome.shows(&[line])?;
    }
    outcome.exits(0)?.lacks(&["FAILED", "kernel panic"])?;
    let huge = Boot::new().memory(3000).run("checks every_call_says_when_memory_is_gone").boot()?;
    huge.exits(0)?.shows(&[
        "skipped every_call_says_when_memory_is_gone: one process cannot use up so much memory",
        "0 passed, 1 skipped, 0 failed",
    ])?;
    Ok(())
}
