//! `exhaust`: runs scenarios in which an allocation fails, for `cargo xtask exhaust`.
//!
//! A line on the console names a scenario and what is to run short:
//!
//! ```text
//! fork frames     the tool arranges that an allocation of a frame fails
//! fork quota 7    the process may map seven frames more
//! fork slots 1    one process slot is free
//! exit
//! ```
//!
//! The scenario runs in a child that waits until a key is pressed, so that the tool can ask for the
//! failure when nothing else needs frames. The next key comes after the child's end, and says that
//! no allocation fails any more. Each line for the tool begins with `exhaust:`.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;

use libsys::abi::message::Reason;
use libsys::call::Ended;
use libsys::paging::fork::{Fork, fork, unshare};
use libsys::process::{end, end_all_children, exit, id, info, wait};
use libsys::service::pager::{Request, Statistics, ask};
use libsys::{
    Error, ProcessId, console_read, dma_reclaim, driver_allow, machine, println, process_create,
    receive, send, set_quota, sleep, usage,
};

use scenarios::{SCENARIOS, Scenario};

mod scenarios;

libsys::main!(main);
libsys::about!(
    "scenarios that run short of memory",
    "exhaust    (cargo xtask exhaust runs it, and types on its console)"
);

/// Process slots of the machine.
const SLOTS: u32 = 1024;

/// What runs short.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Short {
    /// Frames of the machine; the tool sees to it.
    Frames,
    /// So many frames are left of the quota.
    Quota(u32),
    /// So many process slots are left.
    Slots(u32),
}

fn main() -> Result<u8, Error> {
    loop {
        println!("exhaust: ready");
        let line = read_line()?;
        let words: Vec<&str> = line.split(' ').collect();
        let short = match words[..] {
            ["exit"] => return Ok(0),
            [_, "frames"] => Some(Short::Frames),
            [_, "quota", count] => count.parse().ok().map(Short::Quota),
            [_, "slots", count] => count.parse().ok().map(Short::Slots),
            _ => None,
        };
        let scenario = SCENARIOS.iter().find(|scenario| scenario.name == words[0]);
        match (scenario, short) {
            (Some(scenario), Some(short)) => round(scenario, short)?,
            _ => println!("exhaust: cannot do `{line}`"),
        }
    }
}

/// Runs a scenario once, and prints its end and the census.
fn round(scenario: &Scenario, short: Short) -> Result<(), Error> {
    let child = start(scenario)?;
    let fillers = arrange(child, short)?;
    println!("exhaust: armed {}", child.bits());
    read_key()?;
    send(child, [0; 4], None)?;
    // Until the key this process needs no page, though the pager may have paged out all of them.
    read_key()?;
    let Ended { reason, status, .. } = wait(Some(child))?;
    reclaim(child);
    let how = if reason == Reason::Killed { "killed" } else { "exit" };
    println!("exhaust: ended {how} {status}");
    for filler in fillers {
        end(filler)?;
    }
    if reason == Reason::Killed || status != 0 {
        // The children of what has failed, also one that was about to be made, are this process's
        // now. A scenario that succeeds has left none.
        end_all_children();
    }
    let pager = Statistics::decode(ask(Request::Statistics)?);
    // While memory is short, the pager may page out pages of this process.
    let frames = machine().free + pager.own_pages + usage(id())?.frames;
    println!("exhaust: census {frames} {} {}", pager.clients, machine().processes);
    Ok(())
}

/// Gives back the DMA frames of a scenario that was a driver.
#[allow(unsafe_code)]
fn reclaim(child: ProcessId) {
    // SAFETY: no scenario tells a device of its frames.
    // Most scenarios have none, which is an error.
    let _ = unsafe { dma_reclaim(child) };
}

/// Forks the child, makes it a driver if this process is one, and waits until it waits. Neither of
/// the two needs a frame afterwards, unless the scenario does.
fn start(scenario: &Scenario) -> Result<ProcessId, Error> {
    let parent = id();
    let child = match fork()? {
        Fork::Parent { child } => child,
        Fork::Child => {
            unshare()?;
            receive(Some(parent), None)?;
            exit((scenario.run)().map_or_else(|why| why.status(), |()| 0))
        }
    };
    unshare()?;
    // Without `trust` on the boot line this process may not make drivers, and says so in `driver`.
    let _ = driver_allow(child, true);
    while info::runs_now(child) {
        sleep(1);
    }
    Ok(child)
}

/// Takes away what is to run short. Returns the processes that take up slots.
fn arrange(child: ProcessId, short: Short) -> Result<Vec<ProcessId>, Error> {
    match short {
        Short::Frames => Ok(Vec::new()),
        Short::Quota(left) => {
            set_quota(child, usage(child)?.frames + left, 0)?;
            Ok(Vec::new())
        }
        Short::Slots(left) => {
            let count = SLOTS.saturating_sub(machine().processes + left);
            (0..count).map(|_| process_create()).collect()
        }
    }
}

fn read_key() -> Result<u8, Error> {
    let mut key = [0];
    while console_read(&mut key)? == 0 {}
    Ok(key[0])
}

fn read_line() -> Result<alloc::string::String, Error> {
    let mut line = alloc::string::String::new();
    loop {
        match read_key()? {
            b'\n' | b'\r' => return Ok(line),
            byte => line.push(char::from(byte)),
        }
    }
}
