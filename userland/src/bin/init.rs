//! The first program: starts the disk if the boot line asks for it, and the pager; then one program or the shell under
//! it, and ends with that one's status.
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
use libsys::names::{self, Name, NotFound};
use libsys::pager_protocol::is_ready;
use libsys::process::{Command, Finished, SpawnError, attend};
use libsys::{Error, ProcessId, Target, boot_line, println, reply, set_console_owner};
use programs::disk::Disk;

libsys::main!(main);

/// Exit status of a program that Ctrl-C ended: as if by signal 2 elsewhere.
const INTERRUPTED: u8 = 130;

/// Exit status when the program to be run does not start: as shells have it elsewhere.
const NOT_STARTED: u8 = 127;

fn main() -> Result<u8, InitError> {
    let line = libsys::args().nth(1).unwrap_or("");
    let disk = if boot_line::has_word(line, "disk") { Disk::start_and_wait()? } else { None };
    let swaps = boot_line::has_word(line, "swap");
    let servers = start_pager(disk, swaps)?;
    match boot_line::program_to_run(line) {
        Some(words) => run_program(servers, words, |word| boot_line::has_word(line, word)),
        None => run_shell(servers),
    }
}

/// Who serves all others.
struct Servers {
    pager: ProcessId,
    disk: Option<Disk>,
    /// Pages of programs go to the disk. Then the disk is the pager's alone, because its sectors are their memory.
    swaps: bool,
}

/// Starts the pager and waits until it serves. Until then it may ask for the disk; with `swaps` it puts pages there.
fn start_pager(disk: Option<Disk>, swaps: bool) -> Result<Servers, InitError> {
    let failed = |error| InitError::Spawn("pager", error);
    let arguments: &[&str] = if swaps { &["swap"] } else { &[] };
    let command = Command::new("pager").args(arguments).pager(None).with_archive();
    let pager = command.spawn().map_err(failed)?;
    let servers = Servers { pager, disk, swaps };
    loop {
        match next_event()? {
            Event::Message { sender, words, .. } if sender == pager && is_ready(words) => {
                return Ok(servers);
            }
            Event::Exit { child, status, .. } if child == pager => {
                return Err(InitError::PagerEnded(status));
            }
            Event::Message { sender, words, .. } => servers.answer(sender, words),
            Event::Exit { .. }
            | Event::Interrupt
            | Event::Fault { .. }
            | Event::Clone { .. }
            | Event::Frames { .. } => {}
        }
    }
}

/// Runs a program: with `trust` on the boot line as a driver, with `archive` with the boot archive.
fn run_program<'a>(
    servers: Servers,
    mut words: impl Iterator<Item = &'a str>,
    has: impl Fn(&str) -> bool,
) -> Result<u8, InitError> {
    let name = words.next().unwrap_or("");
    let arguments: Vec<&str> = words.collect();
    set_console_owner(Some(Target::Caller))?;
    let mut command = Command::new(name).args(&arguments).pager(Some(servers.pager));
    if has("trust") {
        command = command.driver();
    }
    if has("archive") {
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
    let shell = Command::new("sh").pager(Some(servers.pager)).with_archive();
    let child = shell.spawn().map_err(|error| InitError::Spawn("sh", error))?;
    set_console_owner(Some(Target::Process(child)))?;
    wait_for(servers, child)
}

fn wait_for(mut servers: Servers, child: ProcessId) -> Result<u8, InitError> {
    let finished = attend(child, |event| servers.hear(event))?;
    Ok(match finished {
        // The kernel gives 0 to 255.
        Finished::Ended(ended) => (ended.status & 0xFF) as u8,
        Finished::Interrupted => {
            println!("^C");
            INTERRUPTED
        }
    })
}

impl Servers {
    /// Answers a message: whoever asks for a server by name learns which one it is, if it serves the process that asks.
    fn answer(&self, sender: ProcessId, words: [u32; 4]) {
        let disk = self.disk.as_ref().and_then(Disk::server);
        let server = match Name::asked(words) {
            None => Err(NotFound::NotUnderstood),
            Some(Name::DISK) if self.swaps && sender != self.pager => {
                Err(disk.map_or(NotFound::Nobody, |_| NotFound::NotPermitted))
            }
            Some(Name::DISK) => disk.ok_or(NotFound::Nobody),
            Some(_) => Err(NotFound::Nobody),
        };
        // `NotWaiting` is no error here: a message that was sent, not called, wants no answer.
        let _ = reply(sender, names::answer(server), None);
    }

    /// Hears of what is not about the program in the foreground.
    fn hear(&mut self, event: Event) {
        match event {
            Event::Exit { child, status, .. } if child == self.pager => {
                println!("init: the pager ended with status {status}");
            }
            Event::Exit { child, status, .. } => {
                // Or an orphan.
                if self.disk.as_ref().is_some_and(|disk| disk.is(child)) {
                    self.disk = self.disk.take().and_then(|disk| disk.restart(status));
                }
            }
            Event::Message { sender, words, .. } => {
                self.answer(sender, words);
                if let Some(disk) = &mut self.disk {
                    disk.hear(sender, words);
                }
            }
            // What nobody should have sent.
            Event::Interrupt | Event::Fault { .. } | Event::Clone { .. } | Event::Frames { .. } => {
            }
        }
    }
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
