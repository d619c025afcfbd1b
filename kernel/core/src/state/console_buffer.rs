//! The console's input buffer, and the owner of the console.
//!
//! The owner is the process that is notified of Ctrl-C. The buffer must not keep Ctrl-C from it:
//! input that the buffer does not take stays in the device, and a Ctrl-C behind that input stays
//! there as well. So a buffer that is full and has an owner drops input after a while.

use crate::state::process::Index;

/// Bytes that the buffer holds.
const ROOM: usize = 4096;
/// How long the buffer stays full without a read before further input is dropped, in microseconds.
const PATIENCE: u64 = 1_000_000;
/// Input that was typed and not yet read, as a ring of bytes.
///
/// A full buffer first leaves further input in the device. If the console has an owner and nothing
/// is read for `PATIENCE` microseconds, further input is dropped.
pub struct ConsoleBuffer {
    bytes: [u8; ROOM],
    first: usize,
    length: usize,
    /// The process that is notified of Ctrl-C. Without an owner, Ctrl-C is a byte like any other.
    owner: Option<Index>,
    /// The first tick since the last read at which the buffer was full, in microseconds since boot.
    full_since: Option<u64>,
    /// Further input is dropped, because nothing was read for too long.
    drops: bool,
    /// The console has shown the line that says so.
    reported: bool,
}

impl ConsoleBuffer {
    /// An empty buffer without an owner.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bytes: [0; ROOM],
            first: 0,
            length: 0,
            owner: None,
            full_since: None,
            drops: false,
            reported: false,
        }
    }

    /// Whether the buffer takes the next byte: it has room, or it drops what does not fit.
    #[must_use]
    pub const fn takes_input(&self) -> bool {
        self.length < ROOM || self.drops
    }

    /// Whether there is nothing to read.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Whether to show that input was dropped: `true` the first time since the last read.
    pub fn report_drop(&mut self) -> bool {
        !core::mem::replace(&mut self.reported, true)
    }

    /// Stores a byte if there is room. Returns whether there was.
    pub fn push(&mut self, byte: u8) -> bool {
        let fits = self.length < ROOM;
        if fits {
            self.bytes[(self.first + self.length) % ROOM] = byte;
            self.length += 1;
        }
        fits
    }

    /// Decides at each timer tick whether further input is dropped.
    pub fn tick(&mut self, now: u64) {
        if self.length == ROOM {
            let since = *self.full_since.get_or_insert(now);
            self.drops = self.owner.is_some() && now - since >= PATIENCE;
        }
    }

    /// Removes and returns the oldest byte.
    pub fn pop(&mut self) -> Option<u8> {
        if self.length == 0 {
            return None;
        }
        let byte = self.bytes[self.first];
        self.first = (self.first + 1) % ROOM;
        self.length -= 1;
        (self.full_since, self.drops, self.reported) = (None, false, false);
        Some(byte)
    }

    /// The process that is notified of Ctrl-C.
    #[must_use]
    pub const fn owner(&self) -> Option<Index> {
        self.owner
    }

    /// Whether `process` may set the owner: there is no owner, or `process` is the owner.
    #[must_use]
    pub fn may_set_owner(&self, process: Index) -> bool {
        self.owner.is_none_or(|owner| owner == process)
    }

    /// Sets or removes the owner.
    pub const fn set_owner(&mut self, owner: Option<Index>) {
        self.owner = owner;
    }

    /// Removes the owner if it is `process`, which ends.
    pub fn forget_owner(&mut self, process: Index) {
        if self.owner == Some(process) {
            self.owner = None;
        }
    }
}

impl Default for ConsoleBuffer {
    fn default() -> Self {
        Self::new()
    }
}
