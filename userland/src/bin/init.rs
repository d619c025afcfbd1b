//! The first program: starts the pager, then one program or the shell under it, and ends with that one's status.
//!
//! The kernel turns the machine off when init ends. Processes whose parents have ended become init's children;
//! receiving their end is all that they need.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;
use core::fmt;

use libsys::message::{Event, next_event};
use libsys::pager_protocol::is_ready;
use libsys::process::{Command, Finished, SpawnError, attend};
use libsys::{Error, ProcessId, Target, boot_line, println, set_console_owner};

libsys::main!(main);

/// Exit status of a program that Ctrl-C ended: as if by signal 2 elsewhere.
const INTERRUPTED: u8 = 130;

/// Exit status when the program to be run does not start: as shells have it elsewhere.
const NOT_STARTED: u8 = 127;

fn main() -> Result<u8, InitError> {
    let pager = start_pager()?;
    match boot_line::program_to_run(libsys::args().nth(1).unwrap_or("")) {
        Some(words) => run_program(pager, words),
        None => run_shell(pager),
    }
}

/// Starts the pager and waits until it serves.
fn start_pager() -> Result<ProcessId, InitError> {
    let failed = |error| InitError::Spawn("pager", error);
    let pager = Command::new("pager").pager(None).with_archive().spawn().map_err(failed)?;
    loop {
        match next_event()? {
            Event::Message { sender, words, .. } if sender == pager && is_ready(words) => {
                return Ok(pager);
            }
            Event::Exit { child, status, .. } if child == pager => {
                return Err(InitError::PagerEnded(status));
            }
            Event::Message { .. }
            | Event::Exit { .. }
            | Event::Interrupt
            | Event::Fault { .. }
            | Event::Clone { .. } => {}
        }
    }
}

fn run_program<'a>(
    pager: ProcessId,
    mut words: impl Iterator<Item = &'a str>,
) -> Result<u8, InitError> {
    let name = words.next().unwrap_or("");
    let arguments: Vec<&str> = words.collect();
    set_console_owner(Some(Target::Caller))?;
    match Command::new(name).args(&arguments).pager(Some(pager)).spawn() {
        Ok(child) => return wait_for(pager, child),
        Err(SpawnError::NoSuchProgram) => println!("no such program: {name}"),
        Err(error) => println!("{name}: {error}"),
    }
    Ok(NOT_STARTED)
}

fn run_shell(pager: ProcessId) -> Result<u8, InitError> {
    let shell = Command::new("sh").pager(Some(pager)).with_archive();
    let child = shell.spawn().map_err(|error| InitError::Spawn("sh", error))?;
    set_console_owner(Some(Target::Process(child)))?;
    wait_for(pager, child)
}

fn wait_for(pager: ProcessId, child: ProcessId) -> Result<u8, InitError> {
    let finished = attend(child, |event| match event {
        Event::Exit { child, status, .. } if child == pager => {
            println!("init: the pager ended with status {status}")
        }
        // Orphans, and what nobody should have sent.
        Event::Exit { .. }
        | Event::Message { .. }
        | Event::Interrupt
        | Event::Fault { .. }
        | Event::Clone { .. } => {}
    })?;
    Ok(match finished {
        // The kernel gives 0 to 255.
        Finished::Ended(ended) => (ended.status & 0xFF) as u8,
        Finished::Interrupted => {
            println!("^C");
            INTERRUPTED
        }
    })
}

/// Why init cannot go on.
enum InitError {
    /// A program that the system needs does not start.
    Spawn(&'static str, SpawnError),
    /// The pager ended with this status before it was ready.
    PagerEnded(u32),
    /// A call failed.
    Call(Error),
}

impl From<Error> for InitError {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

impl fmt::Display for InitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spawn(name, error) => write!(f, "cannot start {name}: {error}"),
            Self::PagerEnded(status) => write!(f, "the pager ended with status {status}"),
            Self::Call(error) => error.fmt(f),
        }
    }
}
