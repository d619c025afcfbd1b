//! The disk in user space: bytes that reach the image and come back, errors, and drivers that die.

use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

use libtest_mimic::{Failed, Trial};
use tempfile::{NamedTempFile, TempDir};

use crate::{Boot, Claim, claim};

/// The claims of this file.
pub fn trials() -> Vec<Trial> {
    vec![
        claim("disk::what_is_written_is_in_the_image_and_there_at_the_next_boot", kept),
        claim("disk::a_disk_of_5_gib_is_reached_to_its_last_page", large),
        claim("disk::what_cannot_be_is_refused", refused),
        claim("disk::a_device_that_fails_is_an_error_to_the_client_and_the_disk_serves_on", errors),
        claim("disk::clients_are_served_side_by_side_and_leave_nothing_behind", two),
        claim("disk::after_a_fork_the_disk_still_reads_into_the_parents_page", fork),
        claim("disk::a_dead_drivers_frames_wait_until_its_device_is_off", death),
        claim("disk::without_a_disk_there_is_one_clear_line", none),
        claim("disk::a_program_that_is_not_trusted_is_no_driver", untrusted),
        claim("disk::each_client_has_its_range_and_nobody_else_has_any", ranges),
        claim("disk::another_device_that_holds_the_line_does_not_stop_the_disk", storm),
    ]
}

/// What no such boot may show.
const NEVER: [&str; 2] = ["kernel panic*", "*not so*"];

/// An empty image of so many MiB that takes no room.
fn image(mib: u64) -> Result<NamedTempFile, Failed> {
    let file = NamedTempFile::new()?;
    file.as_file().set_len(mib << 20)?;
    Ok(file)
}

fn boot(file: &NamedTempFile) -> Boot {
    Boot::new().disk(file.path().to_owned())
}

/// What `disktest` writes into word 0 of a page.
fn pattern(seed: u32, page: u32) -> u32 {
    (page << 10 ^ seed).wrapping_mul(0x9E37_79B1).rotate_left(15)
}

fn first_word(file: &NamedTempFile, page: u64) -> Result<u32, Failed> {
    let mut image = fs::File::open(file.path())?;
    let mut word = [0; 4];
    image.seek(SeekFrom::Start(page * 4096))?;
    image.read_exact(&mut word)?;
    Ok(u32::from_le_bytes(word))
}

fn kept() -> Claim {
    let file = image(64)?;
    let wrote = boot(&file).append("disk").run("disktest write 77").boot()?;
    wrote.exits(0)?.lacks(&NEVER)?.shows(&[
        "disk: 131072 sectors (64 MiB)",
        "disktest: wrote 384 pages of 131072 sectors",
        "disktest: read 384 pages, all as written",
    ])?;
    for page in [0_u32, 15, 16_383] {
        let (found, expected) = (first_word(&file, page.into())?, pattern(77, page));
        if found != expected {
            return Err(
                format!("page {page} of the image begins {found:#x}, not {expected:#x}").into()
            );
        }
    }
    let read = boot(&file).append("disk").run("disktest read 77").boot()?;
    read.exits(0)?.lacks(&NEVER)?.shows(&["disktest: read 384 pages, all as written"])?;
    let other = boot(&file).append("disk").run("disktest read 78").boot()?;
    other.exits(1)?.shows(&["disktest: word 0 of page * is *, not *"])?;
    Ok(())
}

/// Sector numbers that need more than 23 bits, and byte offsets that need more than 32.
fn large() -> Claim {
    let file = image(5 << 10)?;
    let outcome = boot(&file).append("disk").run("disktest write 3").boot()?;
    outcome.exits(0)?.shows(&["disk: 10485760 sectors (5120 MiB)", "*all as written"])?;
    let last = 5 * 1024 * 256 - 1;
    if first_word(&file, last.into())? != pattern(3, last) {
        return Err("the last page is not in the image".into());
    }
    Ok(())
}

fn fork() -> Claim {
    let file = image(1)?;
    let outcome = boot(&file).append("disk").run("disktest fork").boot()?;
    outcome.exits(0)?.lacks(&NEVER)?.shows(&["disktest: a fork moved no slot"])?;
    Ok(())
}

fn refused() -> Claim {
    let file = image(1)?;
    let outcome = boot(&file).append("disk").run("disktest refuse").boot()?;
    outcome.exits(0)?.lacks(&NEVER)?.shows(&["disktest: refused what had to be"])?;
    Ok(())
}

/// QEMU's `blkdebug` fails the first read of sector 8 and the first write of sector 16.
fn errors() -> Claim {
    let file = image(1)?;
    let directory = TempDir::new()?;
    let configuration: PathBuf = directory.path().join("errors.conf");
    let fail = |event: &str, sector| {
        format!(
            "[inject-error]\nevent = \"{event}\"\nerrno = \"5\"\nsector = \"{sector}\"\nonce = \"on\"\n"
        )
    };
    fs::write(&configuration, fail("read_aio", 8) + &fail("write_aio", 16))?;
    let boot = boot(&file).disk_errors(configuration).append("disk").run("disktest errors");
    let outcome = boot.boot()?;
    outcome
        .exits(0)?
        .lacks(&NEVER)?
        .shows(&["disktest: errors arrived", "disktest: the disk serves on"])?;
    Ok(())
}

fn two() -> Claim {
    let file = image(16)?;
    let outcome = boot(&file).append("disk").run("disktest two").boot()?;
    outcome.exits(0)?.lacks(&NEVER)?.shows(&["disktest: clients came and went"])?;
    Ok(())
}

fn death() -> Claim {
    let file = image(16)?;
    let outcome = boot(&file).append("trust archive").run("disktest death").boot()?;
    outcome.exits(0)?.lacks(&NEVER)?.shows(&[
        "disk: 32768 sectors (16 MiB)",
        "disktest: read 384 pages, all as written",
        "disktest: the driver has ended, and had 19 frames",
        "disk: 32768 sectors (16 MiB)",
        "disktest: read 384 pages, all as written",
        "disktest: the driver has ended, and had 19 frames",
        "disktest: the hammer's disk is gone",
        "disk: the driver ended with status 0",
        "disk: 32768 sectors (16 MiB)",
        "disktest: read 384 pages, all as written",
        "disktest: drivers ended and others replaced them",
    ])?;
    Ok(())
}

fn none() -> Claim {
    let outcome = Boot::new().append("disk").run("disktest read 1").boot()?;
    outcome
        .exits(1)?
        .lacks(&["kernel panic*", "disk: * sectors *"])?
        .shows(&["disk: no virtio disk is attached", "disktest: open: the disk is gone"])?;
    let silent = Boot::new().run("hello").boot()?;
    silent.exits(0)?.lacks(&["disk*"])?;
    Ok(())
}

fn ranges() -> Claim {
    let file = image(16)?;
    let outcome = boot(&file).append("trust archive").run("disktest ranges").boot()?;
    outcome.exits(0)?.lacks(&NEVER)?.shows(&[
        "disk: 32768 sectors (16 MiB)",
        "disktest: each client has its range, and no other process has any",
    ])?;
    Ok(())
}

/// The network card is four slots behind the disk, so that the two share an interrupt line.
fn storm() -> Claim {
    let file = image(16)?;
    let boot = boot(&file).device("ne2k_pci,addr=6,romfile=").append("trust archive");
    let outcome = boot.run("disktest storm").boot()?;
    outcome
        .exits(0)?
        .lacks(&NEVER)?
        .shows(&["disktest: the disk serves while another device holds its line"])?;
    Ok(())
}

fn untrusted() -> Claim {
    let file = image(1)?;
    let outcome = boot(&file).run("disktest death").boot()?;
    outcome.exits(1)?.lacks(&NEVER)?.shows(&["disktest: not permitted"])?;
    Ok(())
}
