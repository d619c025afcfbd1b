//! How one program is started and how its end is told.

use libsys::abi::layout::PROCESSES;
use libsys::abi::message::Reason;
use libsys::call::Ended;
use libsys::process::{Command, Finished, SpawnError};
use libsys::{ProcessId, machine, println};

use crate::jobs::Jobs;

/// Process slots that no job gets.
const RESERVED_PROCESSES: u32 = 32;

/// Exit statuses of commands that did not run, or that did not end by themselves. Other shells use
/// the same numbers.
pub const USAGE: u8 = 2;
pub const NOT_STARTED: u8 = 127;
pub const INTERRUPTED: u8 = 130;
const DESTROYED: u8 = 137;

/// Where a program runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// The shell waits for it.
    Fore,
    /// The shell goes on.
    Back,
}

/// Starts a program, or prints why not.
///
/// # Errors
/// The exit status.
pub fn start(name: &str, arguments: &[&str], jobs: &Jobs, ground: Ground) -> Result<ProcessId, u8> {
    let most = most_processes(jobs, ground);
    match Command::new(name).args(arguments).quota(0, most).spawn() {
        Ok(child) => return Ok(child),
        Err(SpawnError::NoSuchProgram) => println!("no such program: {name}"),
        Err(error) => println!("{name}: {error}"),
    }
    Err(NOT_STARTED)
}

/// How many processes the next job may have. Those that the other jobs may still make are not there
/// any more; a job in the background leaves half of the rest.
fn most_processes(jobs: &Jobs, ground: Ground) -> u32 {
    let (are, may) = jobs.processes();
    let taken = machine().processes.saturating_sub(are) + may + RESERVED_PROCESSES;
    let rest = PROCESSES.saturating_sub(taken);
    match ground {
        Ground::Fore => rest.max(1),
        Ground::Back => (rest / 2).max(1),
    }
}

/// The exit status of a command.
pub fn status_of(finished: Finished) -> u8 {
    match finished {
        Finished::Interrupted => INTERRUPTED,
        Finished::Ended(Ended { reason: Reason::Destroyed, .. }) => DESTROYED,
        // The kernel gives 0 to 255.
        Finished::Ended(Ended { status, reason: Reason::Exited | Reason::Killed, .. }) => {
            (status & 0xFF) as u8
        }
    }
}

/// Prints how a program has ended, unless all is well.
pub fn say_how(name: &str, finished: Finished) {
    match finished {
        Finished::Interrupted => println!("^C"),
        Finished::Ended(Ended { status: 0, reason: Reason::Exited, .. }) => {}
        Finished::Ended(Ended { status, reason: Reason::Exited, .. }) => {
            println!("{name}: exit status {status}")
        }
        Finished::Ended(Ended { status, reason: Reason::Killed, .. }) => {
            println!("{name}: killed, status {status}")
        }
        Finished::Ended(Ended { reason: Reason::Destroyed, .. }) => println!("{name}: destroyed"),
    }
}
