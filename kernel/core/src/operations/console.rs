//! Who gets what is typed: bytes to whoever reads, Ctrl-C to the owner.
//!
//! What does not fit is left in the device for later, and the sender waits: nothing is lost, at whatever speed it comes,
//! while somebody reads. If the console has an owner, who is to be told of Ctrl-C, and nobody has read for a second since
//! the buffer was full, then what comes is taken and dropped, so that a Ctrl-C among it gets through. A BEL and one
//! line say so; the next read ends it.

use abi::Error;
use abi::process::Target;

use crate::hardware::Hardware;
use crate::kernel::{After, Kernel};
use crate::state::process::{Index, State};
use crate::state::process_table::QueueName;

/// What is printed when the first byte is dropped.
const DROPPED: &str = "\x07\ninput is dropped: nobody has read for a second (Ctrl-C still works)\n";
/// Ctrl-C.
const INTERRUPT: u8 = 3;

impl<H: Hardware> Kernel<H> {
    /// A byte was typed.
    pub fn console_input(&mut self, byte: u8) -> After {
        match self.console.owner() {
            Some(owner) if byte == INTERRUPT => {
                self.interrupt(owner, 0);
            }
            _ => {
                if !self.console.push(byte) && self.console.report_drop() {
                    DROPPED.bytes().for_each(|byte| self.cpu.hardware.console_write(byte));
                }
                self.wake_reader();
            }
        }
        self.resume()
    }

    /// A tick of the timer: looks after readers, and after a buffer that nobody reads.
    pub(crate) fn console_tick(&mut self) {
        if !self.console.is_empty() {
            self.console.tick(self.cpu.hardware.now());
            self.wake_reader();
        }
    }

    /// Wakes the reader that has waited longest, if there is anything to read. Called for each byte, and at each tick:
    /// a reader that was woken may end, be stopped, or wait for its pager before it reads, and then the byte is another
    /// one's.
    pub(crate) fn wake_reader(&mut self) {
        if !self.console.is_empty()
            && let Some(reader) = self.processes.pop(QueueName::Readers)
        {
            self.make_ready(reader);
        }
    }

    /// Sets the process that gets Ctrl-C, and the right to name the next one.
    ///
    /// # Errors
    /// `NoSuchProcess`: the new owner is neither the caller nor its child, or the caller may not set
    /// the owner.
    pub(crate) fn set_console_owner(
        &mut self,
        caller: Index,
        owner: Option<Target>,
    ) -> Result<(), Error> {
        let owner = owner.map(|owner| self.self_or_child(caller, owner)).transpose()?;
        if !self.console.may_set_owner(caller) {
            return Err(Error::NoSuchProcess);
        }
        self.console.set_owner(owner);
        if let Some(owner) = owner {
            // A Ctrl-C from before was not meant for what the owner does now.
            self.processes[owner].messages.interrupts &= !1;
        }
        self.succeed(caller)
    }

    /// Native call: writes a buffer that lies in the caller's memory.
    pub(crate) fn console_write(
        &mut self,
        caller: Index,
        address: u32,
        length: u32,
    ) -> Result<(), Error> {
        if !self.check_buffer(caller, (address, length), false)? {
            return Ok(());
        }
        for offset in 0..length {
            let byte = self.cpu.hardware.read_user_byte(address + offset);
            self.cpu.hardware.console_write(byte);
        }
        self.answer(caller, length)
    }

    /// Native call: reads what was typed, or blocks; a blocked reader restarts its call when there is something,
    /// so that bytes are stored while its own space is loaded.
    pub(crate) fn console_read(
        &mut self,
        caller: Index,
        address: u32,
        length: u32,
    ) -> Result<(), Error> {
        if !self.check_buffer(caller, (address, length), true)? {
            return Ok(());
        }
        let mut read = 0;
        while read < length {
            let Some(byte) = self.console.pop() else { break };
            self.cpu.hardware.write_user_byte(address + read, byte);
            read += 1;
        }
        if read == 0 && length > 0 {
            self.restart(caller);
            self.block(caller, State::Reading);
            self.processes.push(QueueName::Readers, caller);
            return Ok(());
        }
        self.answer(caller, read)
    }
}
