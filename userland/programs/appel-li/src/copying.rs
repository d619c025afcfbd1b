//! How live cells are moved: Cheney's copying, over any memory.
//!
//! Pure: the programs' memory is `places`, the tests' a map. A cell has two words; each is a number, nothing
//! or the address of a cell. Where a cell was, its first word says where it is now.

use core::ops::Range;

/// Bytes of a cell, and what its address is a multiple of.
pub const CELL: u32 = 8;

/// Words at addresses.
pub trait Memory {
    /// The word at a multiple of 4.
    fn load(&self, address: u32) -> u32;

    /// Puts a word there.
    fn store(&mut self, address: u32, word: u32);
}

/// What a field or a root holds, in a word: bit 0 marks a number, bit 1 a cell that has moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Value(u32);

impl Value {
    /// Nothing.
    pub const NOTHING: Self = Self(0);

    /// A number; its highest bit is lost.
    #[must_use]
    pub const fn number(number: u32) -> Self {
        Self(number << 1 | 1)
    }

    /// The cell at an address.
    #[must_use]
    pub const fn cell(address: u32) -> Self {
        debug_assert!(address.is_multiple_of(CELL));
        Self(address)
    }

    /// What a word of a cell says.
    #[must_use]
    pub const fn from_word(word: u32) -> Self {
        Self(word)
    }

    /// The word that says it.
    #[must_use]
    pub const fn word(self) -> u32 {
        self.0
    }

    /// The number, if it is one.
    #[must_use]
    pub const fn as_number(self) -> Option<u32> {
        if self.0 & 1 != 0 { Some(self.0 >> 1) } else { None }
    }

    /// The cell's address, if it is one.
    #[must_use]
    pub const fn as_cell(self) -> Option<u32> {
        if self.0 != 0 && self.0.is_multiple_of(CELL) { Some(self.0) } else { None }
    }
}

/// Bit 1 of a cell's first word: the rest of it is where the cell has gone.
const MOVED: u32 = 2;

/// A collection under way: cells in `from` that are still needed move to `to` and beyond.
#[derive(Debug)]
pub struct Copying<'a, M> {
    memory: &'a mut M,
    from: Range<u32>,
    scanned: u32,
    next: u32,
}

impl<'a, M: Memory> Copying<'a, M> {
    /// Cells are to move from a range of addresses to where another one begins. There must be room for all of them, and
    /// the two must not overlap.
    pub fn new(memory: &'a mut M, from: Range<u32>, to: u32) -> Self {
        Self { memory, from, scanned: to, next: to }
    }

    /// What a root must hold from now on. Its cell moves if nobody has moved it before.
    pub fn root(&mut self, value: Value) -> Value {
        let Some(cell) = value.as_cell().filter(|cell| self.from.contains(cell)) else {
            return value;
        };
        let first = self.memory.load(cell);
        if first & (MOVED | 1) == MOVED {
            return Value::cell(first & !MOVED);
        }
        let new = self.next;
        self.memory.store(new, first);
        self.memory.store(new + 4, self.memory.load(cell + 4));
        self.memory.store(cell, new | MOVED);
        self.next += CELL;
        Value::cell(new)
    }

    /// Treats both words of all cells in a range as roots. A word that stays the same is not written.
    pub fn roots_in(&mut self, cells: Range<u32>) {
        for address in cells.step_by(4) {
            let word = self.memory.load(address);
            let moved = self.root(Value::from_word(word)).word();
            if moved != word {
                self.memory.store(address, moved);
            }
        }
    }

    /// Moves everything that the moved cells still refer to, and returns the end of the last cell.
    #[must_use]
    pub fn finish(mut self) -> u32 {
        while self.scanned != self.next {
            let until = self.next;
            self.roots_in(self.scanned..until);
            self.scanned = until;
        }
        self.next
    }
}
