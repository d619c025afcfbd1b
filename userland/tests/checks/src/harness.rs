//! How a check is run: in a forked child, with a census of all frames around it.

use libsys::abi::layout::{PAGE_SIZE, PROGRAM_TEXT};
use libsys::abi::message::Reason;
use libsys::process::wait;
use libsys::service::pager::{Request, Statistics};
use libsys::{Target, destroy, driver_allow, identity, machine, message_call, println, usage};

use crate::drivers;
use crate::expect::{Check, Outcome, equal};
use crate::family;
use crate::memory::children;
use crate::needs::Need;
use support::memory::{image_end, load};

/// Touches the whole program once, so that no check meets a page of it that is not there yet.
pub fn prepare() {
    let pages = (PROGRAM_TEXT..image_end()).step_by(PAGE_SIZE as usize);
    pages.for_each(|page| {
        load(page);
    });
    // So that all that the first check would leave behind for good is there before it.
    if let Err(why) = try_it(&Check { name: "", needs: &[], run: || Ok(()) }) {
        println!("FAILED an empty check: {why}");
    }
}

/// How many checks came to what.
#[derive(Default)]
pub struct Tally {
    /// Checks that passed.
    pub passed: u32,
    /// Checks that cannot run on this machine.
    pub skipped: u32,
    /// Checks that failed.
    pub failed: u32,
}

/// Runs a check, or skips it if the machine lacks what it needs; says how it went, and counts it.
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
        // This process is a driver. If the call fails all the same, the check says so.
        let _ = driver_allow(child, true);
    }
    let ended = wait(Some(child))?;
    // It had no device that would write its frames; if it had frames.
    let _ = drivers::reclaim(child);
    // A check that failed leaves processes behind, and they come to this one.
    let mut left = 0;
    for orphan in children() {
        left += u32::from(destroy(orphan, true).is_ok());
    }
    // Memory may still be on its way back.
    let _ = family::until("all frames are back", || census() == before);
    equal("reason of the end", ended.reason, Reason::Exited)?;
    equal("exit status", ended.status, 0)?;
    equal("processes left behind", left, 0)?;
    equal("processes and frames, as before", census(), before)
}

/// Live processes, and frames that are free or the harness's or the pager's own.
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
