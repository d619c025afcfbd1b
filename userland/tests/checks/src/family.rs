//! Children made by fork, which report the outcome of their part of a check as their exit status.

use libsys::abi::message::Reason;
use libsys::abi::process_info::Status;
use libsys::paging::fork::{Fork, fork};
use libsys::process::info;
use libsys::process::{exit, wait};
use libsys::{Error, ProcessId, println, sleep};

use crate::expect::{Outcome, Why};

/// Exit status of a process that an exception ended: this plus the vector.
pub const KILLED: u32 = 128;
/// Exit status after an unhandled page fault.
pub const PAGE_FAULT: u32 = KILLED + 14;
/// Exit status after a general protection fault.
pub const GENERAL_PROTECTION: u32 = KILLED + 13;

/// How often a check looks before it gives up: 10 s, as each sleep lasts until the next tick of the
/// timer. Turns are counted and not time, because a busy host may stop the emulator for seconds,
/// and then the clock goes on but no process does. Each turn lets other processes run.
const PATIENCE: u32 = 1000;

/// How often a check is repeated that the host can spoil by stopping the emulator.
const TRIES: u32 = 20;

/// A child that runs `body` and exits: with 0 if its outcome is good, else with a line and 1.
pub fn child(body: impl FnOnce() -> Outcome) -> Result<ProcessId, Error> {
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

/// Waits for a child, and states the reason and the status with which it ended.
#[track_caller]
pub fn ends(child: ProcessId, reason: Reason, status: u32) -> Outcome {
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

/// Waits for a child, and states that its outcome was good.
#[track_caller]
pub fn ends_well(child: ProcessId) -> Outcome {
    ends(child, Reason::Exited, 0)
}

/// Waits for a child, and states that an exception ended it, with this status.
#[track_caller]
pub fn is_killed(child: ProcessId, status: u32) -> Outcome {
    ends(child, Reason::Killed, status)
}

/// Waits until a condition holds.
#[track_caller]
pub fn until(what: &str, mut so: impl FnMut() -> bool) -> Outcome {
    for _ in 0..PATIENCE {
        if so() {
            return Ok(());
        }
        sleep(1);
    }
    Err(Why::new(alloc::format!("waited in vain until {what}")))
}

/// Whether the machine kept time during a try.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Try {
    /// The machine kept time, and the try has an outcome.
    Good,
    /// The clock went on while no process did, most likely because the host stopped the emulator.
    /// The try has no outcome.
    Spoilt,
}

/// Repeats a check that depends on the clock until the machine keeps time.
#[track_caller]
pub fn in_time(mut attempt: impl FnMut() -> Result<Try, Why>) -> Outcome {
    for _ in 0..TRIES {
        if attempt()? == Try::Good {
            return Ok(());
        }
    }
    Err(Why::new(alloc::format!("the machine did not keep time in any of {TRIES} tries")))
}

/// Waits until a process is blocked.
#[track_caller]
pub fn until_blocked(process: ProcessId) -> Outcome {
    let blocked = Status::NotRunnable as u32;
    until("a process is blocked", || {
        info::process(process).is_some_and(|info| info.status == blocked)
    })
}

/// Waits until a process is gone.
#[track_caller]
pub fn until_gone(process: ProcessId) -> Outcome {
    until("a process is gone", || info::process(process).is_none())
}
