//! The first program: starts the disk if the boot line asks for it, then the pager, then one
//! program or the shell; and ends with the status of that program.
//!
//! The kernel turns the machine off when init ends. A process whose parent has ended becomes init's
//! child; init receives its end and does nothing else about it.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

extern crate alloc;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use init::servers::{Servers, StartError};
use libsys::abi::boot_line::{ARCHIVE, DISK, SWAP, TRUST};
use libsys::process::boot_line;
use libsys::process::steps::{self, Step};
use libsys::process::{Command, Finished, SpawnError, attend};
use libsys::{Error, ProcessId, Target, println, set_console_owner};
use shell::builtin::Builtin;

libsys::main!(main, arguments);
libsys::about!("the first program: starts the servers and a shell", "init   (init starts it)");

/// The exit status for a program that Ctrl-C ended: 128 plus the number of POSIX's SIGINT.
const INTERRUPTED: u8 = 130;

/// The exit status if the program cannot be started; shells use the same number.
const NOT_STARTED: u8 = 127;

/// The exit status if the boot line cannot be read.
const UNREADABLE: u8 = 1;

fn main() -> Result<u8, InitError> {
    let line = libsys::args().nth(1).unwrap_or("");
    let has = |word: &str| boot_line::has_word(line, word);
    let servers = Servers::start(has(DISK), has(SWAP))?;
    match boot_line::command_to_run(line) {
        Some(command) => run_command(servers, command, has),
        None => run_shell(servers),
    }
}

/// Runs a program: as a driver if the boot line has `trust`, with the boot archive if it has
/// `archive`. Several programs, and a command of the shell's own, are run by a shell.
fn run_command(servers: Servers, text: &str, has: impl Fn(&str) -> bool) -> Result<u8, InitError> {
    let steps = match steps::read(text) {
        Ok(steps) => steps,
        Err(why) => {
            println!("cannot read run={text}: {why}");
            return Ok(UNREADABLE);
        }
    };
    set_console_owner(Some(Target::Caller))?;
    let words: Vec<&str> = steps.iter().flat_map(|step| &step.words).map(String::as_str).collect();
    let of_shell = ["-c", text];
    let (name, mut command) = match (steps.as_slice(), words.as_slice()) {
        ([Step { in_background: false, .. }], [name, arguments @ ..])
            if Builtin::named(name).is_none() =>
        {
            (*name, Command::new(name).args(arguments))
        }
        _ => ("sh", Command::new("sh").args(&of_shell).with_archive()),
    };
    command = command.pager(servers.pager());
    if has(TRUST) {
        command = command.driver();
    }
    if has(ARCHIVE) {
        command = command.with_archive();
    }
    match command.spawn() {
        Ok(child) => return wait_for(servers, child),
        Err(SpawnError::NoSuchProgram) => println!("no such program: {name}"),
        Err(error) => println!("{name}: {error}"),
    }
    Ok(NOT_STARTED)
}

fn run_shell(servers: Servers) -> Result<u8, InitError> {
    let shell = Command::new("sh").pager(servers.pager()).with_archive().owning_console();
    let child = shell.spawn().map_err(|error| InitError::Spawn("sh", error))?;
    wait_for(servers, child)
}

fn wait_for(mut servers: Servers, child: ProcessId) -> Result<u8, InitError> {
    let finished = attend(child, |event| servers.handle(event))?;
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
    /// A program that the system needs cannot be started.
    Spawn(&'static str, SpawnError),
    /// The pager ended with this status before it was ready.
    PagerEnded(u32),
    /// A call failed.
    Call(Error),
}

impl From<StartError> for InitError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Spawn(error) => Self::Spawn("pager", error),
            StartError::PagerEnded(status) => Self::PagerEnded(status),
            StartError::Call(error) => Self::Call(error),
        }
    }
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
