//! How a check runs: in a forked child. Before and after it, all processes and frames are counted.

use libsys::abi::layout::{PAGE_SIZE, PROGRAM_TEXT};
use libsys::abi::message::Reason;
use libsys::process::wait;
use libsys::service::pager::{Request, Statistics};
use libsys::{Target, destroy, driver_allow, identity, machine, message_call, println, usage};

use crate::expect::{Check, Outcome, equal};
use crate::memory::children;
use crate::needs::Need;
use crate::{drivers, family};
use support::memory::{image_end, load};

/// Touches the whole program once, so that no check faults on a page of it.
pub fn prepare() {
    let pages = (PROGRAM_TEXT..image_end()).step_by(PAGE_SIZE as usize);
    pages.for_each(|page| {
        load(page);
    });
    // After an empty check everything exists that the first check would leave behind for good.
    if let Err(why) = try_it(&Check { name: "", needs: &[], run: || Ok(()) }) {
        println!("FAILED an empty check: {why}");
    }
}

/// How many checks passed, were skipped, and failed.
#[derive(Default)]
pub struct Tally {
    /// Checks that passed.
    pub passed: u32,
    /// Checks that cannot run on this machine.
    pub skipped: u32,
    /// Checks that failed.
    pub failed: u32,
}

/// Runs a check, or skips it if the machine lacks what it needs; prints the outcome and counts it.
pub fn run(check: &Check, tally: &mut Tally) {
    let name = check.name;
    if let Some(reason) = check.needs.iter().find_map(|need| need.missing()) {
        println!("skipped {name}: {reason}");
        tally.skipped += 1;
        return;
    }
    match try_it(check) {
        Ok(()) => {
            println!("ok {name}");
            tally.passed += 1;
        }
        Err(why) => {
            println!("FAILED {name}: {why}");
            tally.failed += 1;
        }
    }
}

fn try_it(check: &Check) -> Outcome {
    let before = census();
    let child = family::child(check.run)?;
    if check.needs.contains(&Need::Driver) {
        // This process is a driver. If the call fails all the same, the check reports it.
        let _ = driver_allow(child, true);
    }
    let ended = wait(Some(child))?;
    // If the check took DMA frames, it had no device that would write them.
    let _ = drivers::reclaim(child);
    // A check that failed leaves processes behind, which become children of this one.
    let mut left = 0;
    for child in children() {
        left += u32::from(destroy(child, true).is_ok());
    }
    // Its memory may still be freed.
    let _ = family::until("all frames are back", || census() == before);
    equal("reason of the end", ended.reason, Reason::Exited)?;
    equal("exit status", ended.status, 0)?;
    equal("processes left behind", left, 0)?;
    equal("processes and frames, as before", census(), before)
}

/// Living processes, and frames that are free or belong to the harness or the pager.
fn census() -> (u32, u32) {
    let machine = machine();
    let own = usage(Target::Caller).map_or(0, |usage| usage.frames);
    (machine.processes, machine.free + own + pager_pages())
}

pub fn pager_pages() -> u32 {
    let Some(pager) = identity().pager else { return 0 };
    let reply = message_call(pager, Request::Statistics.encode(), None);
    reply.map_or(0, |reply| Statistics::decode(reply.words).own_pages)
}
