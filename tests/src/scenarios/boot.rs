//! The machine comes up, uses the memory it has, and refuses a bad image with one clear line.

use libtest_mimic::{Failed, Trial};
use xtask::workspace::Workspace;
use xtask::{iso, setup};

use crate::{Boot, Claim, Outcome, claim};

/// Frames in one MiB.
const FRAMES: u32 = 256;

/// Memory that is not handed out at any size: what lies below 1 MiB, the kernel, the archive and
/// the tables, with room for them to grow.
const OVERHEAD: u32 = 12;

/// The claims of this file.
pub fn trials() -> Vec<Trial> {
    let mut trials = vec![
        claim("boot::says_its_name_and_ends_with_the_programs_status", status_is_passed_on),
        claim("boot::a_missing_archive_is_one_line_and_status_1", missing_archive),
        claim("boot::a_damaged_archive_is_one_line_and_status_1", damaged_archive),
    ];
    let no_disc_tools = setup::grub_mkrescue().is_none();
    let disc = claim("boot::a_cd_with_grub_boots_too", boots_from_a_disc);
    trials.push(disc.with_ignored_flag(no_disc_tools));
    // QEMU puts RAM below 0xE000_0000 up to 3583 MiB; from 3584 MiB on, all above 3 GiB moves.
    let sizes = [(16, 16), (128, 128), (257, 257), (1024, 1024), (3583, 3583), (3584, 3072)];
    trials.extend(sizes.map(|(memory, low)| {
        let name = format!("boot::uses_the_memory_of_a_machine_with_{memory}_mib");
        claim(&name, move || uses_memory(memory, low))
    }));
    trials
}

fn status_is_passed_on() -> Claim {
    let outcome = Boot::new().run("walk 0xef7bd000").boot()?;
    outcome.exits(0)?.shows(&["memory: * usable"])?.lacks(&["kernel panic"])?;
    Ok(())
}

/// The banner counts what the loader reports below 4 GiB, and says if there is more above.
fn uses_memory(memory: u32, low: u32) -> Claim {
    let outcome = Boot::new().memory(memory).run("walk 0xef7bd000").boot()?;
    outcome.exits(0)?;
    let (frames, mib) = banner(&outcome)?;
    let plausible = (low - OVERHEAD) * FRAMES..=low * FRAMES;
    outcome.demand(plausible.contains(&frames), || format!("{frames} not in {plausible:?}"))?;
    outcome.demand(frames / FRAMES == mib, || format!("{frames} frames are not {mib} MiB"))?;
    if memory > low {
        outcome.shows(&["memory: * left above 4 GiB"])?;
    } else {
        outcome.lacks(&["above 4 GiB"])?;
    }
    Ok(())
}

fn banner(outcome: &Outcome) -> Result<(u32, u32), Failed> {
    Ok((outcome.number("memory: ", " frames")?, outcome.number(" frames (", " MiB) usable")?))
}

fn boots_from_a_disc() -> Claim {
    let directory = tempfile::tempdir()?;
    let disc = directory.path().join("vitrine.iso");
    iso::write(&Workspace::locate(), "run=walk 0xef7bd000", &disc).map_err(|e| format!("{e:#}"))?;
    let outcome = Boot::new().disc(disc).boot()?;
    outcome.exits(0)?.shows(&["memory: * usable"])?.lacks(&["kernel panic"])?;
    Ok(())
}

fn missing_archive() -> Claim {
    let outcome = Boot::new().archive(None).boot()?;
    outcome.exits(1)?.lacks(&["kernel panic"])?;
    Ok(())
}

fn damaged_archive() -> Claim {
    let directory = tempfile::tempdir()?;
    let archive = directory.path().join("boot.tar");
    std::fs::write(&archive, [0xA5; 4096])?;
    let outcome = Boot::new().archive(Some(archive)).boot()?;
    outcome.exits(1)?.lacks(&["kernel panic"])?;
    Ok(())
}
