//! What was typed and has not been read, and who owns the console.

use crate::state::process::Index;

/// Bytes that wait to be read.
const ROOM: usize = 4096;
/// How long the buffer stays full without a read before what comes is dropped, in microseconds.
const PATIENCE: u64 = 1_000_000;
/// The console's input.
pub struct ConsoleBuffer {
    bytes: [u8; ROOM],
    first: usize,
    length: usize,
    /// Who is notified of Ctrl-C; without an owner it is a byte like others.
    owner: Option<Index>,
    /// The first tick at which the buffer was full since the last read, in microseconds since boot.
    full_since: Option<u64>,
    /// Nobody has read for too long: what is typed is dropped.
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

    /// Whether the buffer takes what is typed: it has room, or drops what it has no room for.
    #[must_use]
    pub const fn takes_input(&self) -> bool {
        self.length < ROOM || self.drops
    }

    /// Whether there is nothing to read.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Whether the console has to show that a byte was dropped: `true` once for each time that the buffer overflows.
    pub fn report_drop(&mut self) -> bool {
        !core::mem::replace(&mut self.reported, true)
    }

    /// Keeps a byte, if there is room; says whether there was.
    pub fn push(&mut self, byte: u8) -> bool {
        let fits = self.length < ROOM;
        if fits {
            self.bytes[(self.first + self.length) % ROOM] = byte;
            self.length += 1;
        }
        fits
    }

    /// Notes how long the buffer has been full.
    pub fn tick(&mut self, now: u64) {
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
        (self.full_since, self.drops, self.reported) = (None, false, false);
        Some(byte)
    }

    /// The process that is notified of Ctrl-C.
    #[must_use]
    pub const fn owner(&self) -> Option<Index> {
        self.owner
    }

    /// Whether `process` may change the owner: there is none, or it is the owner.
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
