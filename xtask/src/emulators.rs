//! The emulators that boot the image, so that no claim rests on one emulator's idea of a processor.
//!
//! QEMU ([`crate::machine`]) can be any machine that a description asks for. Bochs
//! ([`crate::bochs`]) and v86 ([`crate::v86`]) are plain machines: memory, a serial line, and a CPU
//! that they alone have written.

use std::io::{self, Read, Write};
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use shared_child::SharedChild;

use crate::bad_input::BadInput;
use crate::bochs::{self, Log};
use crate::machine::Machine;
use crate::system::Part;
use crate::verdict::End;
use crate::workspace::Workspace;
use crate::{command, leash, v86};

/// One of the emulators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmulatorKind {
    /// QEMU with its translator, TCG.
    Qemu,
    /// Bochs, an interpreter.
    Bochs,
    /// v86, which translates to WebAssembly.
    V86,
}

impl EmulatorKind {
    /// All emulators.
    pub const ALL: [Self; 3] = [Self::Qemu, Self::Bochs, Self::V86];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Qemu => "qemu",
            Self::Bochs => "bochs",
            Self::V86 => "v86",
        }
    }

    /// The emulator of this name.
    ///
    /// # Errors
    /// There is none.
    pub fn named(name: &str) -> Result<Self, BadInput> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            BadInput(format!("--on {name}: no such machine; there are {names}"))
        })
    }

    /// What has to be installed for it.
    #[must_use]
    pub fn parts(self) -> &'static [Part] {
        match self {
            Self::Qemu => &[Part::Emulator],
            Self::Bochs => &[Part::Bochs, Part::DiscTools],
            Self::V86 => &[Part::Node],
        }
    }
}

/// A running machine.
pub struct Guest {
    /// The emulator.
    pub process: Process,
    /// What the guest writes to its serial line.
    pub from_guest: Box<dyn Read + Send>,
    /// Where the guest's serial line reads.
    pub to_guest: Box<dyn Write + Send>,
}

/// A running emulator.
pub struct Process {
    child: SharedChild,
    log: Option<Log>,
}

impl Guest {
    /// Starts a machine with both directions of its serial line open.
    ///
    /// # Errors
    /// The emulator does not start, or cannot be the machine that is described.
    pub fn start(kind: EmulatorKind, workspace: &Workspace, machine: &Machine) -> Result<Self> {
        if kind != EmulatorKind::Qemu
            && let Some(part) = machine.beyond_plain()
        {
            bail!("{} has no {part} here", kind.name());
        }
        match kind {
            EmulatorKind::Qemu => {
                let mut command = machine.command();
                command.stdin(Stdio::piped()).stdout(Stdio::piped());
                let child =
                    leash::spawn(&mut command).with_context(|| command::cannot_start(&command))?;
                Ok(Self::on_streams(child))
            }
            EmulatorKind::V86 => Ok(Self::on_streams(v86::start(workspace, machine)?)),
            EmulatorKind::Bochs => {
                let bochs::Guest { child, serial, log } = bochs::start(machine)?;
                let to_guest = Box::new(serial.try_clone().context("cannot use a connection")?);
                let process = Process { child, log: Some(log) };
                Ok(Self { process, from_guest: Box::new(serial), to_guest })
            }
        }
    }

    fn on_streams(child: SharedChild) -> Self {
        let from_guest = Box::new(child.take_stdout().expect("standard output is a pipe"));
        let to_guest = Box::new(child.take_stdin().expect("standard input is a pipe"));
        Self { process: Process { child, log: None }, from_guest, to_guest }
    }
}

impl Process {
    /// Waits until the emulator ends, or kills it when its time is up. The status is what QEMU's
    /// would be, whichever emulator it is.
    ///
    /// # Errors
    /// The system cannot wait for it or kill it.
    pub fn finish(&self, deadline: Instant) -> io::Result<End> {
        let Some(status) = self.child.wait_deadline(deadline)? else {
            self.child.kill()?;
            self.child.wait()?;
            return Ok(End::TimedOut);
        };
        let end = End::from(status);
        Ok(self.log.as_ref().map_or(end, |log| log.end(end)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_machine_is_one_line_that_names_those_that_there_are() {
        let line = EmulatorKind::named("virtualbox").unwrap_err().to_string();
        assert_eq!(line, "--on virtualbox: no such machine; there are qemu, bochs, v86");
        for kind in EmulatorKind::ALL {
            assert_eq!(EmulatorKind::named(kind.name()).unwrap(), kind);
        }
    }
}
