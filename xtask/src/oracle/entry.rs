//! An entry of a page directory or page table, as the manual has it (Intel SDM vol. 3A, tables 4-4
//! to 4-6).
//!
//! This is the oracle's own decoder. It shares none with the kernel, so that one mistake does not
//! hide another.

use std::fmt;

/// One entry of a directory or a table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Entry(pub u32);

impl Entry {
    pub const PRESENT: u32 = 1;
    pub const WRITE: u32 = 1 << 1;
    pub const USER: u32 = 1 << 2;
    pub const WRITE_THROUGH: u32 = 1 << 3;
    pub const NO_CACHE: u32 = 1 << 4;
    pub const ACCESSED: u32 = 1 << 5;
    pub const DIRTY: u32 = 1 << 6;
    /// PS in a directory entry, PAT in a leaf.
    pub const LARGE: u32 = 1 << 7;
    /// G to the CPU, *sealed* to Vitrine.
    pub const SEALED: u32 = 1 << 8;
    /// In a directory entry: a view.
    pub const VIEW: u32 = 1 << 9;
    /// What an absent leaf may hold.
    pub const MARKS: u32 = 7 << 9;

    /// All these bits are set.
    pub const fn has(self, bits: u32) -> bool {
        self.0 & bits == bits
    }

    /// The entry names a frame.
    pub const fn present(self) -> bool {
        self.has(Self::PRESENT)
    }

    /// The frame's number.
    pub const fn frame(self) -> u32 {
        self.0 >> 12
    }

    /// The flags without A and D, which the CPU may set at any moment.
    pub const fn flags(self) -> u32 {
        self.0 & 0xFFF & !(Self::ACCESSED | Self::DIRTY)
    }

    /// The entry without A and D.
    pub const fn steady(self) -> u32 {
        self.0 & !(Self::ACCESSED | Self::DIRTY)
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}
