//! How a check is run: in a forked child, with a census of all frames around it.

use libsys::abi::layout::{PAGE_SIZE, PROGRAM_TEXT};
use libsys::abi::message::Reason;
use libsys::pager_protocol::{Request, Statistics};
use libsys::process::wait;
use libsys::{
    Target, destroy, dma_reclaim, driver_allow, identity, machine, message_call, println, usage,
};

use crate::expect::{Check, Verdict, equal};
use crate::{family, machine::image_end, machine::load, memory::children};

/// Touches the whole program once, so that no check meets a page of it that is not there yet.
pub fn prepare() {
    let pages = (PROGRAM_TEXT..image_end()).step_by(PAGE_SIZE as usize);
    pages.for_each(|page| {
        load(page);
    });
    // So that all that the first check would leave behind for good is there before it.
    report("", try_it(&Check { name: "", run: || Ok(()) }));
}

/// Runs a check and says how it went.
pub fn run(check: &Check) -> bool {
    report(check.name, try_it(check))
}

fn report(name: &str, verdict: Verdict) -> bool {
    match verdict {
        Ok(()) if name.is_empty() => true,
        Ok(()) => {
            println!("ok {name}");
            true
        }
        Err(why) => {
            println!("FAILED {name}: {why}");
            false
        }
    }
}

fn try_it(check: &Check) -> Verdict {
    let before = census();
    let child = family::child(check.run)?;
    if check.name.starts_with("a_driver") {
        // Refused if this process is none; then the check says so.
        let _ = driver_allow(child, true);
    }
    let ended = wait(Some(child))?;
    // It had no device that would write its frames; if it had frames.
    let _ = dma_reclaim(child);
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
