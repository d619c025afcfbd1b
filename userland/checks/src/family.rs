//! Children by fork: their verdict is their exit status.

use libsys::abi::message::Reason;
use libsys::abi::public::Status;
use libsys::fork::{Fork, fork};
use libsys::process::{exit, wait};
use libsys::{Error, ProcessId, clock, facts, println, sleep};

use crate::expect::{Verdict, Why};

/// Exit status of a process that an exception ended: this and the vector.
pub const KILLED: u32 = 128;
/// Exit status after a page fault that nobody mended.
pub const PAGE_FAULT: u32 = KILLED + 14;
/// Exit status after a general protection fault.
pub const GENERAL_PROTECTION: u32 = KILLED + 13;

/// Microseconds after which a check no longer expects anything to happen.
const PATIENCE: u64 = 3_000_000;

/// A child that does `body` and exits: with 0 if it went well, else with a line and 1.
pub fn child(body: impl FnOnce() -> Verdict) -> Result<ProcessId, Error> {
    match fork()? {
        Fork::Parent { child } => Ok(child),
        Fork::Child => match body() {
            Ok(()) => exit(0),
            Err(why) => {
                println!("    [{}] {why}", libsys::process::id());
                exit(1)
            }
        },
    }
}

/// A child that waits for a message for ever.
pub fn idle_child() -> Result<ProcessId, Error> {
    child(|| {
        loop {
            libsys::receive(None, None)?;
        }
    })
}

/// Waits for a child, which should end for this reason and with this status.
#[track_caller]
pub fn ends(child: ProcessId, reason: Reason, status: u32) -> Verdict {
    let ended = wait(Some(child))?;
    if (ended.child, ended.reason, ended.status) == (child, reason, status) {
        return Ok(());
    }
    Err(Why::new(alloc::format!(
        "child [{child}] ended with {:?} {}, not {reason:?} {status}",
        ended.reason,
        ended.status
    )))
}

/// Waits for a child, which should be content.
#[track_caller]
pub fn ends_well(child: ProcessId) -> Verdict {
    ends(child, Reason::Exited, 0)
}

/// Waits for a child, which an exception should end with this status.
#[track_caller]
pub fn is_killed(child: ProcessId, status: u32) -> Verdict {
    ends(child, Reason::Killed, status)
}

/// Waits until something is so.
#[track_caller]
pub fn until(what: &str, mut so: impl FnMut() -> bool) -> Verdict {
    let end = clock() + PATIENCE;
    while clock() < end {
        if so() {
            return Ok(());
        }
        sleep(1);
    }
    Err(Why::new(alloc::format!("waited in vain until {what}")))
}

/// Waits until a process is blocked.
#[track_caller]
pub fn until_blocked(process: ProcessId) -> Verdict {
    let blocked = Status::NotRunnable as u32;
    until("a process is blocked", || {
        facts::process(process).is_some_and(|facts| facts.status == blocked)
    })
}

/// Waits until a process is gone.
#[track_caller]
pub fn until_gone(process: ProcessId) -> Verdict {
    until("a process is gone", || facts::process(process).is_none())
}
