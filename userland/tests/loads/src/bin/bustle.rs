//! `bustle [SECONDS]`: keeps a dozen processes running side by side, for those who watch the
//! machine.
//!
//! Each time a program ends, the next one of the list is started; some are ended early, by a random
//! number that is the same in every run. Without an argument it runs until it is ended.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;

use libsys::call::Ended;
use libsys::process::start::usage;
use libsys::process::{Command, wait};
use libsys::{Error, ProcessId, Target, args, clock, destroy, sleep};

libsys::main!(main, arguments);
libsys::about!("a dozen processes side by side, for watchers", "bustle [SECONDS]");

/// The programs with their arguments. Each prints little, or ends soon.
const JOBS: [&[&str]; 9] = [
    &["hog", "2M"],
    &["tiny_pager"],
    &["pingpong", "50"],
    &["cow"],
    &["peek", "hog", "1M"],
    &["faults"],
    &["hog", "3M", "--fork"],
    &["forktree"],
    &["lazy"],
];
/// How many programs run at a time.
const SIDE_BY_SIDE: usize = 6;
/// One program in so many is ended early.
const ENDED_EARLY: u32 = 4;

fn main() -> Result<u8, Error> {
    let mut arguments = args().skip(1);
    let seconds = match (arguments.next().map(str::parse::<u64>), arguments.next()) {
        (None, _) => u64::MAX / 2_000_000,
        (Some(Ok(seconds)), None) => seconds,
        (Some(_), _) => {
            return Ok(usage());
        }
    };
    let end = clock() + seconds * 1_000_000;
    let mut random = Random(1);
    let mut running: Vec<ProcessId> = Vec::new();
    let mut jobs = JOBS.iter().cycle();
    while clock() < end {
        while running.len() < SIDE_BY_SIDE {
            let Some((name, arguments)) = jobs.next().and_then(|job| job.split_first()) else {
                return Ok(1);
            };
            match Command::new(name).args(arguments).spawn() {
                Ok(child) => running.push(child),
                // There is no memory for the program now. When another one ends, it is tried again.
                Err(_) => break,
            }
        }
        if running.is_empty() {
            sleep(1);
            continue;
        }
        if random.next().is_multiple_of(ENDED_EARLY) {
            let victim = running[random.next() as usize % running.len()];
            sleep(random.next() % 8);
            // The program may have ended by itself; `wait` gets its end either way.
            let _ = destroy(Target::Process(victim), true);
        }
        let Ended { child, .. } = wait(None)?;
        running.retain(|other| *other != child);
    }
    for child in running {
        let _ = destroy(Target::Process(child), true);
        wait(Some(child))?;
    }
    Ok(0)
}

/// Numbers that look random and are the same in every run (a linear congruential generator).
struct Random(u32);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0 >> 16
    }
}
