//! Programs that are larger than memory: every byte comes back, and what cannot be kept ends one
//! program and no other.

use std::fs;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use tempfile::{NamedTempFile, TempDir};

use crate::{Boot, Claim, claim};

/// The claims of this file.
pub fn trials() -> Vec<Trial> {
    vec![
        claim("swap::a_program_of_128_mib_runs_in_32", large),
        claim("swap::pages_in_a_row_come_back_in_requests_of_many", in_a_row),
        claim("swap::two_programs_of_128_mib_run_in_32", two),
        claim("swap::what_compresses_stays_in_memory", compressible),
        claim("swap::without_a_disk_what_compresses_is_kept_all_the_same", no_disk),
        claim("swap::both_sides_of_a_fork_find_every_byte_that_was_swapped_out", fork),
        claim("swap::a_limit_of_one_page_lets_a_program_get_on", limit),
        claim("swap::a_swapped_out_handler_and_its_stack_come_back_for_a_fault", handler),
        claim("swap::no_write_is_lost_when_a_page_is_mapped_or_moved", rewritten),
        claim("swap::pages_of_a_program_that_views_a_child_go_and_come_back", viewer),
        claim("swap::a_full_disk_ends_one_program_with_one_line", full),
        claim("swap::a_page_that_cannot_be_read_ends_one_program_with_one_line", read_errors),
        claim("swap::a_disk_that_cannot_be_written_ends_one_program_with_one_line", write_errors),
        claim("swap::the_disk_that_pages_go_to_is_the_pagers_alone", pagers_alone),
        claim("swap::the_driver_of_that_disk_refuses_a_stranger", stranger),
        claim("swap::a_program_outlives_the_drivers_of_the_disk_that_its_pages_are_on", outlive),
        claim("swap::memory_that_is_taken_by_calls_may_be_larger_than_the_machines", calls),
        claim("swap::after_an_outage_of_the_disk_programs_find_room_again", outage),
        claim("swap::a_pager_of_a_hundred_lines_takes_its_childs_pages_away", own_pager),
    ]
}

/// What no such boot may show.
const NEVER: [&str; 3] = ["kernel panic*", "*panicked*", "init: the pager ended*"];

/// Long work: 256 MiB through a machine of 32.
const PATIENCE: Duration = Duration::from_secs(400);

fn image(mib: u64) -> Result<NamedTempFile, Failed> {
    let file = NamedTempFile::new()?;
    file.as_file().set_len(mib << 20)?;
    Ok(file)
}

/// A machine of 32 MiB that swaps to this image.
fn boot(file: &NamedTempFile) -> Boot {
    Boot::new().memory(32).disk(file.path().to_owned()).append("disk swap").timeout(PATIENCE)
}

fn large() -> Claim {
    let file = image(256)?;
    let outcome = boot(&file).run("hog 128M").boot()?;
    outcome.exits(0)?.lacks(&NEVER)?.shows(&[
        "filled 32768 pages",
        "pages: * resident, * swapped, * compressed, * unstored",
        "read 134217728 bytes back in another order: 0 wrong",
    ])?;
    Ok(())
}

fn in_a_row() -> Claim {
    let file = image(256)?;
    let outcome = boot(&file).run("hog 48M --order rising --measure").boot()?;
    outcome
        .exits(0)?
        .lacks(&NEVER)?
        .shows(&["read 50331648 bytes back in another order: 0 wrong"])?;
    // At least the pages that do not fit in memory come back, one after the other.
    let requests: u32 = outcome.number("reading: ", " reads of")?;
    outcome.demand((200..=1000).contains(&requests), || format!("{requests} requests"))?;
    Ok(())
}

fn two() -> Claim {
    let file = image(256)?;
    let outcome = boot(&file).run("hog 128M --two").boot()?;
    const RIGHT: &str = "read 134217728 bytes back in another order: 0 wrong";
    let lines = [RIGHT, RIGHT, "the other hog ended with status 0"];
    outcome.exits(0)?.lacks(&NEVER)?.shows(&lines)?;
    Ok(())
}

fn compressible() -> Claim {
    let file = image(64)?;
    let outcome = boot(&file).run("hog 16M --compressible --limit 4M").boot()?;
    outcome.exits(0)?.lacks(&NEVER)?.shows(&[
        "pages: * resident, 0 swapped, * compressed, * unstored",
        "read 16777216 bytes back in another order: 0 wrong",
    ])?;
    // A sparse image takes room only where it was written.
    use std::os::unix::fs::MetadataExt;
    let blocks = file.as_file().metadata()?.blocks();
    if blocks > 0 {
        return Err(format!("{blocks} blocks of the image were written").into());
    }
    Ok(())
}

fn no_disk() -> Claim {
    let boot = Boot::new().memory(32).timeout(PATIENCE);
    let outcome = boot.run("hog 48M --compressible").boot()?;
    outcome.exits(0)?.lacks(&NEVER)?.shows(&[
        "pages: * resident, 0 swapped, * compressed, * unstored",
        "read 50331648 bytes back in another order: 0 wrong",
    ])?;
    Ok(())
}

fn fork() -> Claim {
    let file = image(256)?;
    let outcome = boot(&file).run("hog 60M --fork").boot()?;
    outcome.exits(0)?.lacks(&NEVER)?.shows(&[
        "filled 15360 pages",
        "hog: the child found 0 wrong",
        "read 62914560 bytes back in another order: 0 wrong",
    ])?;
    Ok(())
}

fn limit() -> Claim {
    let file = image(64)?;
    let outcome = boot(&file).run("hog 1M --fork --limit 4K").boot()?;
    outcome.exits(0)?.lacks(&NEVER)?.shows(&[
        "hog: the child found 0 wrong",
        "read 1048576 bytes back in another order: 0 wrong",
    ])?;
    Ok(())
}

fn handler() -> Claim {
    let file = image(64)?;
    let outcome = boot(&file).run("squeezed").boot()?;
    outcome.exits(0)?.lacks(&NEVER)?.shows(&[
        "a call with a buffer of two pages: done",
        "the exception stack: paged out",
        "the handler got the fault of the write, and no other",
    ])?;
    Ok(())
}

/// The shell is there before and after.
const REWRITTEN: [&str; 6] = [
    "the page is paged out",
    "only written: right",
    "protected: right",
    "moved there and back: right",
    "mapped onto itself: right",
    "written through a second mapping: right",
];

fn rewritten() -> Claim {
    let file = image(64)?;
    boot(&file).run("rewritten").boot()?.exits(0)?.lacks(&NEVER)?.shows(&REWRITTEN)?;
    Ok(())
}

/// A viewer is not viewed, so the pager asks for its entries one by one.
fn viewer() -> Claim {
    let file = image(64)?;
    boot(&file).run("rewritten view").boot()?.exits(0)?.lacks(&NEVER)?.shows(&REWRITTEN)?;
    Ok(())
}

fn full() -> Claim {
    let file = image(16)?;
    let outcome = boot(&file)
        .answer("vitrine> ", "hog 64M\r")
        .answer("vitrine> ", "hog 8M\r")
        .answer("vitrine> ", "exit\r")
        .boot()?;
    outcome.exits(0)?.lacks(&NEVER)?.shows(&[
        "pager: no page * for [*]: out of frames, and the swap space is full",
        "*user fault*its pager refused",
        "filled 2048 pages",
        "read 8388608 bytes back in another order: 0 wrong",
    ])?;
    Ok(())
}

/// The sector is one that a page of the program's lies on: the shell's few were there first.
fn read_errors() -> Claim {
    errors("iotype = \"read\"\nsector = \"8000\"\n", "the disk cannot be read")
}

fn write_errors() -> Claim {
    errors("iotype = \"write\"\n", "out of frames, and the disk cannot be written")
}

/// The requests fail that this says in the words of QEMU's `blkdebug`.
fn errors(which: &str, why: &str) -> Claim {
    let file = image(64)?;
    let directory = TempDir::new()?;
    let configuration = directory.path().join("errors.conf");
    fs::write(&configuration, format!("[inject-error]\nevent = \"none\"\nerrno = \"5\"\n{which}"))?;
    let outcome = boot(&file)
        .disk_errors(configuration)
        .answer("vitrine> ", "hog 40M\r")
        .answer("vitrine> ", "hog 8M\r")
        .answer("vitrine> ", "exit\r")
        .boot()?;
    let line = format!("pager: no page * for [*]: {why}");
    outcome.exits(0)?.lacks(&NEVER)?.shows(&[
        line.as_str(),
        "*user fault*its pager refused",
        "filled 2048 pages",
        "read 8388608 bytes back in another order: 0 wrong",
    ])?;
    Ok(())
}

/// Whoever could open that disk could read and change the memory of all other programs.
fn pagers_alone() -> Claim {
    let file = image(64)?;
    for words in ["write 1", "read 1", "errors", "refuse", "two"] {
        let outcome = boot(&file).run(&format!("disktest {words}")).boot()?;
        outcome.exits(1)?.lacks(&NEVER)?.shows(&["disktest: *: the disk is the pager's"])?;
    }
    Ok(())
}

/// It knows the driver without init's help.
fn stranger() -> Claim {
    let file = image(64)?;
    let outcome = boot(&file).run("disktest stranger").boot()?;
    outcome.exits(0)?.lacks(&NEVER)?.shows(&["disktest: the disk refuses a stranger"])?;
    Ok(())
}

fn outlive() -> Claim {
    let file = image(256)?;
    let boot = Boot::new().memory(32).disk(file.path().to_owned()).timeout(PATIENCE);
    let outcome = boot.append("trust archive").run("disktest outlive 4 hog 40M").boot()?;
    outcome.exits(0)?.lacks(&NEVER)?.lacks(&["pager: no page*", "*user fault*"])?.shows(&[
        "disk: the driver ended with status 0",
        "disk: 524288 sectors (256 MiB)",
        "disk: the driver ended with status 0",
        "disk: 524288 sectors (256 MiB)",
        "read 41943040 bytes back in another order: 0 wrong",
        "disktest: the program has outlived its drivers",
    ])?;
    Ok(())
}

fn calls() -> Claim {
    let file = image(256)?;
    let outcome = boot(&file).run("hog 60M --calls --fork").boot()?;
    outcome.exits(0)?.lacks(&NEVER)?.lacks(&["hog: out of frames"])?.shows(&[
        "filled 15360 pages",
        "hog: the child found 0 wrong",
        "read 62914560 bytes back in another order: 0 wrong",
    ])?;
    Ok(())
}

/// So many writes fail, from the fifth on: enough to set all slots of the disk aside. The others
/// succeed.
fn outage() -> Claim {
    const FAILURES: std::ops::RangeInclusive<u32> = 5..=1100;
    let file = image(64)?;
    let directory = TempDir::new()?;
    let configuration = directory.path().join("errors.conf");
    let mut text = String::new();
    for state in 1..=*FAILURES.end() {
        let next = state + 1;
        let event = format!("event = \"write_aio\"\nstate = \"{state}\"\n");
        text += &format!("[set-state]\n{event}new_state = \"{next}\"\n");
        if FAILURES.contains(&state) {
            text += &format!("[inject-error]\n{event}errno = \"5\"\nonce = \"on\"\n");
        }
    }
    fs::write(&configuration, text)?;
    let outcome = boot(&file)
        .disk_errors(configuration)
        .answer("vitrine> ", "hog 40M\r")
        .answer("vitrine> ", "hog 40M\r")
        .answer("vitrine> ", "hog 40M\r")
        .answer("vitrine> ", "free\r")
        .answer("vitrine> ", "exit\r")
        .boot()?;
    outcome.exits(0)?.lacks(&NEVER)?.shows(&[
        "read 41943040 bytes back in another order: 0 wrong",
        "* of 16384 slots free on the disk, * set aside",
    ])?;
    Ok(())
}

fn own_pager() -> Claim {
    let outcome = Boot::new().run("tiny_pager").boot()?;
    outcome
        .exits(0)?
        .lacks(&NEVER)?
        .shows(&["tiny_pager: * pages out, * in", "tiny_pager: every byte is right"])?;
    Ok(())
}
