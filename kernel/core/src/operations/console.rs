//! Who gets what is typed: bytes to whoever reads, Ctrl-C to the owner.
//!
//! What does not fit is left in the device for later, and the sender waits: nothing is lost, at whatever speed it comes,
//! while somebody reads. If the console has an owner, who is to be told of Ctrl-C, and nobody has read for a second since
//! the buffer was full, then what comes is taken and dropped, so that a Ctrl-C among it gets through. A BEL and one
//! line say so; the next read ends it.

use abi::Error;
use abi::layout::PAGE_SIZE;

use crate::cpu::Cpu;
use crate::hardware::Hardware;
use crate::kernel::{After, Kernel};
use crate::state::process::{Cputs, Index, State, Unfinished};
use crate::state::process_table::QueueName;

/// Bytes that wait to be read.
const ROOM: usize = 4096;
/// How long the buffer stays full without a read before what comes is dropped, in microseconds.
const PATIENCE: u64 = 1_000_000;
/// What is printed when the first byte is dropped.
const DROPPED: &str = "\x07\ninput is dropped: nobody has read for a second (Ctrl-C still works)\n";
/// Ctrl-C.
const INTERRUPT: u8 = 3;

/// The console's input.
pub(crate) struct Console {
    bytes: [u8; ROOM],
    first: usize,
    length: usize,
    /// Who is told of Ctrl-C; with nobody, it is a byte like others.
    owner: Option<Index>,
    /// The first tick at which the buffer was full since the last read, in microseconds since boot.
    full_since: Option<u64>,
    /// Nobody has read for too long: what comes is dropped.
    drops: bool,
    /// The user has been told of it.
    told: bool,
}

impl Console {
    pub const fn new() -> Self {
        Self {
            bytes: [0; ROOM],
            first: 0,
            length: 0,
            owner: None,
            full_since: None,
            drops: false,
            told: false,
        }
    }

    /// Keeps a byte, if there is room; says whether there was.
    fn push(&mut self, byte: u8) -> bool {
        let fits = self.length < ROOM;
        if fits {
            self.bytes[(self.first + self.length) % ROOM] = byte;
            self.length += 1;
        }
        fits
    }

    /// Notes how long the buffer has been full.
    fn tick(&mut self, now: u64) {
        if self.length == ROOM {
            let since = *self.full_since.get_or_insert(now);
            self.drops = self.owner.is_some() && now - since >= PATIENCE;
        }
    }

    /// The next byte that was typed.
    pub fn pop(&mut self) -> Option<u8> {
        if self.length == 0 {
            return None;
        }
        let byte = self.bytes[self.first];
        self.first = (self.first + 1) % ROOM;
        self.length -= 1;
        (self.full_since, self.drops, self.told) = (None, false, false);
        Some(byte)
    }

    pub const fn has_owner(&self) -> bool {
        self.owner.is_some()
    }

    /// The owner, if `process` may change it: there is none, or it is the owner.
    pub fn may_set_owner(&self, process: Index) -> bool {
        self.owner.is_none_or(|owner| owner == process)
    }

    pub fn set_owner(&mut self, owner: Option<Index>) {
        self.owner = owner;
    }

    pub fn forget_owner(&mut self, process: Index) {
        if self.owner == Some(process) {
            self.owner = None;
        }
    }
}

impl Kernel {
    /// May the device hand over a byte, or shall it keep what it has?
    #[must_use]
    pub const fn takes_input(&self) -> bool {
        self.console.length < ROOM || self.console.drops
    }

    /// A byte was typed.
    pub fn console_input<H: Hardware>(&mut self, cpu: &mut Cpu<H>, byte: u8) -> After {
        match self.console.owner {
            Some(owner) if byte == INTERRUPT => {
                self.interrupt(owner, 0);
            }
            _ => {
                if !self.console.push(byte) && !core::mem::replace(&mut self.console.told, true) {
                    DROPPED.bytes().for_each(|byte| cpu.hardware.console_write(byte));
                }
                self.wake_reader();
            }
        }
        self.resume(cpu)
    }

    /// A tick of the timer: looks after readers, and after a buffer that nobody reads.
    pub(crate) fn console_tick<H: Hardware>(&mut self, cpu: &mut Cpu<H>) {
        if self.console.length > 0 {
            self.console.tick(cpu.hardware.now());
            self.wake_reader();
        }
    }

    /// Wakes the reader that has waited longest, if there is anything to read. Called for each byte, and at each tick:
    /// a reader that was woken may end, be stopped, or wait for its pager before it reads, and then the byte is another
    /// one's.
    pub(crate) fn wake_reader(&mut self) {
        if self.console.length > 0
            && let Some(reader) = self.processes.pop(QueueName::Readers)
        {
            self.make_ready(reader);
        }
    }

    /// Native call: writes a buffer that lies in the caller's memory.
    pub(crate) fn console_write<H: Hardware>(
        &mut self,
        cpu: &mut Cpu<H>,
        caller: Index,
        address: u32,
        length: u32,
    ) -> Result<(), Error> {
        let space = self.space(cpu, caller);
        if let Err(fault) = self.memory(cpu).check_user(space, address, length, false) {
            self.fault_of_call(cpu, caller, fault, false);
            return Ok(());
        }
        for offset in 0..length {
            let byte = cpu.hardware.read_user_byte(address + offset);
            cpu.hardware.console_write(byte);
        }
        self.answer(caller, length)
    }

    /// Native call: reads what was typed, or blocks; a blocked reader restarts its call when there is something,
    /// so that bytes are stored while its own space is loaded.
    pub(crate) fn console_read<H: Hardware>(
        &mut self,
        cpu: &mut Cpu<H>,
        caller: Index,
        address: u32,
        length: u32,
    ) -> Result<(), Error> {
        let space = self.space(cpu, caller);
        if let Err(fault) = self.memory(cpu).check_user(space, address, length, true) {
            self.fault_of_call(cpu, caller, fault, true);
            return Ok(());
        }
        let mut read = 0;
        while read < length {
            let Some(byte) = self.console.pop() else { break };
            cpu.hardware.write_user_byte(address + read, byte);
            read += 1;
        }
        if read == 0 && length > 0 {
            self.restart(caller);
            self.block(cpu, caller, State::Reading);
            self.processes.push(QueueName::Readers, caller);
            return Ok(());
        }
        self.answer(caller, read)
    }

    /// JOS call 0: prints at most `length` bytes, up to a NUL, if all of them can be read. A long one restarts: first
    /// it is checked, [`CHECKED_AT_ONCE`] bytes at a time, then printed, [`PRINTED_AT_ONCE`] at a time.
    pub(crate) fn cputs<H: Hardware>(
        &mut self,
        cpu: &mut Cpu<H>,
        caller: Index,
        address: u32,
        length: u32,
    ) -> Result<(), Error> {
        let progress = match core::mem::take(&mut self.processes[caller].unfinished) {
            Unfinished::Cputs { address: from, length: of, progress }
                if (from, of) == (address, length) =>
            {
                progress
            }
            Unfinished::Cputs { .. } | Unfinished::EnvDestroy { .. } | Unfinished::None => {
                Cputs::Checked(0)
            }
        };
        let (done, slice) = match progress {
            Cputs::Checked(done) => (done, CHECKED_AT_ONCE),
            Cputs::Printed(done) => (done, PRINTED_AT_ONCE),
        };
        let (at, left) = (address.wrapping_add(done), length - done.min(length));
        let now = left.min(slice);
        let space = self.space(cpu, caller);
        if let Err(fault) = self.memory(cpu).check_user(space, at, now, false) {
            // If the pager brings the page, the call goes on from here.
            self.processes[caller].unfinished = Unfinished::Cputs { address, length, progress };
            self.fault_of_jos_call(cpu, caller, fault);
            return Ok(());
        }
        let progress = match progress {
            Cputs::Checked(_) if left > now => Cputs::Checked(done + now),
            Cputs::Checked(_) if length > PRINTED_AT_ONCE => Cputs::Printed(0),
            Cputs::Checked(_) | Cputs::Printed(_) => {
                // What was checked all at once is printed at once.
                let ended = self.print(cpu, address.wrapping_add(done), now);
                if ended || left == now {
                    return self.succeed(caller);
                }
                Cputs::Printed(done + now)
            }
        };
        self.processes[caller].unfinished = Unfinished::Cputs { address, length, progress };
        self.restart(caller);
        Ok(())
    }

    /// Prints bytes that the current process can read, up to a NUL; was there one?
    fn print<H: Hardware>(&mut self, cpu: &mut Cpu<H>, address: u32, length: u32) -> bool {
        for offset in 0..length {
            let byte = cpu.hardware.read_user_byte(address + offset);
            if byte == 0 {
                return true;
            }
            cpu.hardware.console_write(byte);
        }
        false
    }
}

/// Bytes that one step of a cputs checks: 1,024 pages.
const CHECKED_AT_ONCE: u32 = 1024 * PAGE_SIZE;
/// Bytes that one step of a cputs prints.
const PRINTED_AT_ONCE: u32 = PAGE_SIZE;
