//! The console: what is typed, what is printed, and whose Ctrl-C it is.

use super::state::{Doing, E, Model, Out, R, Slot};

impl Model {
    /// A byte is typed.
    pub fn key(&mut self, byte: u8) {
        match self.console_owner {
            Some(owner) if byte == 3 => {
                self.interrupt(owner, 0);
            }
            _ => {
                self.input.push_back(byte);
                self.wake_reader();
            }
        }
    }

    /// The reader that has waited longest makes its call again.
    pub fn wake_reader(&mut self) {
        if let Some(reader) = self.readers.pop_front() {
            self.make_ready(reader);
        }
    }

    pub fn console_write(&mut self, me: Slot, address: u32, length: u32) -> R {
        let length = length.min(256);
        if !self.buffer(me, address, length, false)? {
            return Ok(());
        }
        for at in address..address + length {
            let byte = self.read_byte(me, at);
            self.out.push(Out::Byte(byte));
        }
        self.answer(me, length)
    }

    pub fn console_read(&mut self, me: Slot, address: u32, length: u32) -> R {
        let length = length.min(256);
        if !self.buffer(me, address, length, true)? {
            return Ok(());
        }
        let mut read = 0;
        while read < length
            && let Some(byte) = self.input.pop_front()
        {
            self.write_byte(me, address + read, byte);
            read += 1;
        }
        if read == 0 && length > 0 {
            self.restart(me);
            self.block(me, Doing::Reading);
            self.readers.push_back(me);
            return Ok(());
        }
        self.answer(me, read)
    }

    pub fn set_console_owner(&mut self, me: Slot, owner: Option<Option<u32>>) -> R {
        let owner = owner.map(|target| self.self_or_child(me, target)).transpose()?;
        if self.console_owner.is_some_and(|present| present != me) {
            return Err(E::NoSuchProcess);
        }
        self.console_owner = owner;
        if let Some(owner) = owner {
            self.procs[owner].interrupts &= !1;
        }
        self.ok(me)
    }
}
