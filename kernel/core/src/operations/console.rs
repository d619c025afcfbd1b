//! Input of the console: each byte goes to the process that reads, and Ctrl-C goes to the console's
//! owner.
//!
//! Typed bytes go into a buffer, and readers take them from there. While the buffer is full, the
//! kernel leaves the next bytes in the device, and the device makes the sender wait. So no byte is
//! lost at any speed, as long as some process reads.
//!
//! There is one exception. If the console has an owner and the buffer has been full for a second
//! without a read, bytes are taken from the device and dropped. Otherwise a Ctrl-C behind them
//! would never arrive, and a program that does not read could not be interrupted. The console then
//! shows a BEL and one line; the next read ends the dropping.

use abi::Error;
use abi::process::Target;

use crate::hardware::Hardware;
use crate::kernel::{After, Kernel};
use crate::state::process::{Index, State};
use crate::state::process_table::QueueName;

/// What the console shows when the first byte is dropped.
const DROPPED: &str = "\x07\ninput is dropped: nobody has read for a second (Ctrl-C still works)\n";
/// The most bytes that one call prints or reads.
pub(crate) const BYTES_AT_ONCE: u32 = 256;
/// Ctrl-C, as a byte.
const INTERRUPT: u8 = 3;

impl<H: Hardware> Kernel<H> {
    /// Handles a byte that was typed. Ctrl-C is an interrupt on line 0 if the console has an owner,
    /// and a byte like others if it has none.
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

    /// Handles a tick of the timer: wakes a reader if there are bytes, and notes how long the
    /// buffer has been full.
    pub(crate) fn console_tick(&mut self) {
        if !self.console.is_empty() {
            self.console.tick(self.cpu.hardware.now());
            self.wake_reader();
        }
    }

    /// Wakes the reader that has waited longest, if the buffer has a byte.
    ///
    /// Called for each byte and again at each tick, because a reader that was woken may end, be
    /// stopped, or wait for its pager before it reads. The byte then goes to the next reader.
    pub(crate) fn wake_reader(&mut self) {
        if !self.console.is_empty()
            && let Some(reader) = self.processes.pop(QueueName::Readers)
        {
            self.make_ready(reader);
        }
    }

    /// Sets the console's owner: the process that gets Ctrl-C and that may set the next owner.
    /// `None`: Ctrl-C becomes a byte like others, and any process may set an owner.
    ///
    /// # Errors
    /// `NoSuchProcess`: the new owner is neither the caller nor its child, or another process is
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
            // A Ctrl-C that was typed before this call was not meant for what the owner does now.
            self.processes[owner].messages.interrupts &= !1;
        }
        self.succeed(caller)
    }

    /// Writes the first bytes of a buffer in the caller's memory to the console, at most
    /// [`BYTES_AT_ONCE`]. Returns how many.
    ///
    /// # Errors
    /// `Fault`: the buffer does not lie below UTOP.
    pub(crate) fn console_write(
        &mut self,
        caller: Index,
        address: u32,
        length: u32,
    ) -> Result<(), Error> {
        let length = length.min(BYTES_AT_ONCE);
        if !self.check_buffer(caller, (address, length), false)? {
            return Ok(());
        }
        for offset in 0..length {
            let byte = self.cpu.hardware.read_user_byte(address + offset);
            self.cpu.hardware.console_write(byte);
        }
        self.answer(caller, length)
    }

    /// Reads bytes that were typed, at most [`BYTES_AT_ONCE`], into a buffer in the caller's memory,
    /// or blocks the caller until there are some.
    ///
    /// A reader that is woken makes its call again from the start, because bytes can be stored only
    /// while the reader's own space is loaded.
    ///
    /// # Errors
    /// `Fault`: the buffer does not lie below UTOP.
    pub(crate) fn console_read(
        &mut self,
        caller: Index,
        address: u32,
        length: u32,
    ) -> Result<(), Error> {
        let length = length.min(BYTES_AT_ONCE);
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
