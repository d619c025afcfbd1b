//! The failure matrix: each cell ends with one clear line for each process that ends, and loses no
//! frame.
//!
//! The checks of the same names count the frames themselves. Each runs its cell three times, so
//! each line comes three times. Cells in which pages are away run on a machine of 32 MiB, six times
//! from the shell. In the first three times the pager's page records grow; from the fourth time to
//! the sixth no frame may be lost. (One may be won: a page of the shell's that is away for once.)

use std::time::Duration;

use libtest_mimic::Trial;
use tempfile::NamedTempFile;

use crate::{Boot, Claim, claim};

/// A cell, and how the line ends of each process that it ends.
const CELLS: [(&str, &[&str]); 7] = [
    ("the_pager_exits", &["its pager has ended"]),
    ("the_pager_hangs", &["its pager did not answer in time"]),
    ("the_pager_replies_with_garbage", &["its pager refused"]),
    ("the_pager_faults_on_itself", &["its pager refused", "its pager has ended"]),
    ("the_client_is_killed_while_its_fault_is_served", &[]),
    ("the_outer_of_two_nested_pagers_dies", &["no handler, no pager", "its pager has ended"]),
    ("the_inner_of_two_nested_pagers_dies", &["its pager has ended"]),
];

/// A cell in which pages are away.
struct Away {
    name: &'static str,
    /// MiB of the disk, if there is one.
    disk: Option<u64>,
    /// What is typed when.
    script: &'static [(&'static str, &'static str)],
    /// The line in which it ends.
    ends: &'static str,
}

const AWAY: [Away; 5] = [
    Away {
        name: "a_client_is_killed_while_its_pages_are_written_out",
        disk: Some(256),
        script: &[(PROMPT, "hog 128M\r"), ("filled 16384 of", CONTROL_C)],
        ends: "*filled 16384 of 32768 pages",
    },
    Away {
        name: "a_client_is_killed_while_its_pages_are_read_in",
        disk: Some(256),
        script: &[(PROMPT, "hog 64M\r"), ("read 8192 of", CONTROL_C)],
        ends: "*read 8192 of 16384 pages",
    },
    Away {
        name: "memory_is_exhausted_inside_the_pager",
        disk: None,
        script: &[(PROMPT, "hog 64M\r")],
        ends: "*pager: no page * for [*]: out of frames",
    },
    Away {
        name: "two_clients_share_pages_while_some_are_swapped",
        disk: Some(256),
        script: &[(PROMPT, "hog 40M --fork\r")],
        ends: "*hog: the child found 0 wrong",
    },
    Away {
        name: "a_pager_pages_under_the_pager",
        disk: Some(256),
        script: &[(PROMPT, "tiny_pager\r")],
        ends: "*tiny_pager: every byte is right",
    },
];

const PROMPT: &str = "vitrine> ";
const CONTROL_C: &str = "\x03";
const ROUNDS: usize = 6;

/// The claims of this file.
pub fn trials() -> Vec<Trial> {
    let here = CELLS
        .into_iter()
        .map(|(cell, ends)| claim(&format!("failures::{cell}"), move || run(cell, ends)));
    let away = AWAY
        .into_iter()
        .map(|cell| claim(&format!("failures::{}", cell.name), move || run_away(&cell)));
    here.chain(away).collect()
}

fn run(cell: &str, ends: &[&str]) -> Claim {
    let outcome = Boot::new().run(&format!("checks failure_{cell}")).boot()?;
    let thrice: Vec<_> =
        ends.iter().chain(ends).chain(ends).map(|end| format!("*user fault*{end}")).collect();
    let ok = format!("ok failure_{cell}");
    let expected: Vec<_> = thrice.iter().chain([&ok]).map(String::as_str).collect();
    outcome.exits(0)?.shows(&expected)?.lacks(&["kernel panic", "FAILED"])?;
    let told = outcome.lines.iter().filter(|line| line.contains("user fault")).count();
    outcome.demand(told == thrice.len(), || format!("{told} lines for {} ends", thrice.len()))?;
    Ok(())
}

fn run_away(cell: &Away) -> Claim {
    let file = NamedTempFile::new()?;
    let mut boot = Boot::new().memory(32).timeout(Duration::from_secs(600));
    if let Some(mib) = cell.disk {
        file.as_file().set_len(mib << 20)?;
        boot = boot.disk(file.path().to_owned()).append("disk swap");
    }
    for _ in 0..ROUNDS {
        for (prompt, keys) in cell.script {
            boot = boot.answer(prompt, keys);
        }
        boot = boot.answer(PROMPT, "free\r");
    }
    let outcome = boot.answer(PROMPT, "exit\r").boot()?;
    outcome.exits(0)?.shows(&[cell.ends; ROUNDS])?;
    outcome.lacks(&["kernel panic*", "*panicked*", "init: the pager ended*"])?;
    let free: Vec<u32> = outcome
        .lines
        .iter()
        .filter(|line| line.contains("frames free"))
        .filter_map(|line| line.split(' ').next()?.parse().ok())
        .collect();
    outcome.demand(free.len() == ROUNDS && free[ROUNDS - 1] >= free[ROUNDS - 3], || {
        format!("free frames after each round: {free:?}")
    })?;
    Ok(())
}
