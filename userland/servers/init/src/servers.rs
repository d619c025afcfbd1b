//! The servers of a system: the disk's driver and the pager, and which process may ask for which of
//! them.
//!
//! Without `swaps` any program may open the disk. With it the disk is the pager's alone, because
//! its sectors are the memory of all programs. The parent admits the pager to the disk and answers
//! [`NotFound::NotPermitted`] to all others.
//!
//! When the driver ends, another one is started. A process that asks for the disk in the meantime
//! is answered when the next driver serves, or when there will be none.

use alloc::vec::Vec;
use core::mem::take;

use libsys::process::info;
use libsys::process::{Command, SpawnError};
use libsys::service::message::{Event, next_event};
use libsys::service::names::{self, Name, NotFound};
use libsys::service::pager::is_ready;
use libsys::{Error, ProcessId, println, reply};

use crate::disk::{Access, Disk};

/// The pager and, if there is one, the disk. An id is dropped when its process ends, so that none
/// ever names a later process.
pub struct Servers {
    pager: Option<ProcessId>,
    disk: Option<Disk>,
    /// There is a disk, or there was one and it could not be started again.
    has_disk: bool,
    swaps: bool,
    /// The processes that have asked for the disk and are not answered yet.
    waiting: Vec<ProcessId>,
}

/// Why the servers were not started.
pub enum StartError {
    /// The pager cannot be started.
    Spawn(SpawnError),
    /// The pager ended with this status before it served.
    PagerEnded(u32),
    /// A call failed.
    Call(Error),
}

impl From<Error> for StartError {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

impl Servers {
    /// Starts the disk, if there is to be one, then the pager, and waits until the pager serves.
    /// With `swaps` the pager puts pages on the disk. A disk that does not start is no error; its
    /// driver has printed why.
    ///
    /// # Errors
    /// A [`StartError`].
    pub fn start(disk: bool, swaps: bool) -> Result<Self, StartError> {
        let access = if swaps { Access::Only(None) } else { Access::Everyone };
        let disk = if disk { Disk::start_and_wait(access)? } else { None };
        let arguments: &[&str] = if swaps { &["swap"] } else { &[] };
        let command = Command::new("pager").args(arguments).pager(None).with_archive();
        let pager = command.spawn().map_err(StartError::Spawn)?;
        let has_disk = disk.is_some();
        let mut servers = Self { pager: Some(pager), disk, has_disk, swaps, waiting: Vec::new() };
        if let Some(disk) = servers.disk.as_mut().filter(|_| swaps) {
            disk.admit(pager);
        }
        loop {
            match next_event()? {
                Event::Message { sender, words, .. } if sender == pager && is_ready(words) => {
                    return Ok(servers);
                }
                Event::Exit { child, status, .. } if child == pager => {
                    return Err(StartError::PagerEnded(status));
                }
                event => servers.handle(event),
            }
        }
    }

    /// The pager, unless it has ended.
    #[must_use]
    pub const fn pager(&self) -> Option<ProcessId> {
        self.pager
    }

    /// The driver of the disk, if it serves.
    #[must_use]
    pub fn driver(&self) -> Option<ProcessId> {
        self.disk.as_ref().and_then(Disk::server)
    }

    /// Handles an event that does not concern the program in the foreground. Every message is
    /// answered: now, or when the disk serves.
    pub fn handle(&mut self, event: Event) {
        match event {
            Event::Exit { child, status, .. } if Some(child) == self.pager => {
                self.pager = None;
                println!("init: the pager ended with status {status}");
            }
            Event::Exit { child, status, .. } => {
                // Another child is a process whose parent has ended; nothing depends on it.
                if self.disk.as_ref().is_some_and(|disk| disk.is(child)) {
                    self.disk = self.disk.take().and_then(|disk| disk.restart(status));
                    if self.disk.is_none() {
                        self.answer_waiting();
                    }
                }
            }
            Event::Message { sender, words, .. } => {
                let serves = self.disk.as_mut().is_some_and(|disk| disk.handle(sender, words));
                if serves {
                    self.answer_waiting();
                } else {
                    self.answer(sender, words);
                }
            }
            // No process should have sent these.
            Event::Interrupt | Event::Fault { .. } | Event::Clone { .. } | Event::Frames { .. } => {
            }
        }
    }

    /// Answers a process that asks for a server by name with the server's id, if that process may
    /// use it.
    fn answer(&mut self, sender: ProcessId, words: [u32; 4]) {
        let server = match Name::asked(words) {
            None => Err(NotFound::NotUnderstood),
            Some(Name::DISK) if self.has_disk => {
                if self.swaps && Some(sender) != self.pager {
                    Err(NotFound::NotPermitted)
                } else if self.disk.is_none() {
                    Err(NotFound::Ended)
                } else {
                    let Some(driver) = self.driver().filter(|driver| info::is_alive(*driver))
                    else {
                        return self.waiting.push(sender);
                    };
                    Ok(driver)
                }
            }
            Some(_) => Err(NotFound::NoServer),
        };
        // `NotWaiting` is no error here: a message that was not sent by a call wants no answer.
        let _ = reply(sender, names::answer(server), None);
    }

    /// Answers the processes that have asked for the disk: it serves again, or never will.
    fn answer_waiting(&mut self) {
        for sender in take(&mut self.waiting) {
            self.answer(sender, Name::DISK.question());
        }
    }
}
