//! How live cells are moved: Cheney's copying algorithm, over any memory.
//!
//! Pure: the memory of the programs is `raw_pages`, that of the tests a map. A cell has two words;
//! each is a number, nothing, or the address of a cell. The first word of a cell that has moved
//! holds its new address.

use core::ops::Range;

/// Bytes of a cell. The address of a cell is a multiple of it.
pub const CELL: u32 = 8;

/// Words at addresses.
pub trait Memory {
    /// The word at a multiple of 4.
    fn load(&self, address: u32) -> u32;

    /// Stores a word at a multiple of 4.
    fn store(&mut self, address: u32, word: u32);
}

/// The contents of a field or a root, in a word: bit 0 marks a number, bit 1 the new address of a
/// cell that has moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Value(u32);

impl Value {
    /// Nothing.
    pub const NOTHING: Self = Self(0);

    /// A number. Its highest bit is lost.
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

    /// The value in a word of a cell.
    #[must_use]
    pub const fn from_word(word: u32) -> Self {
        Self(word)
    }

    /// The word for a value.
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

/// Bit 1 of a cell's first word: the other bits are the address to which the cell has moved.
const MOVED: u32 = 2;

/// A collection under way. The live cells in `from` move to `to` and beyond.
#[derive(Debug)]
pub struct Copying<'a, M> {
    memory: &'a mut M,
    from: Range<u32>,
    scanned: u32,
    next: u32,
}

impl<'a, M: Memory> Copying<'a, M> {
    /// A collection that moves cells from a range of addresses to `to` and beyond. There must be
    /// room for all of them, and the two must not overlap.
    pub fn new(memory: &'a mut M, from: Range<u32>, to: u32) -> Self {
        Self { memory, from, scanned: to, next: to }
    }

    /// The new contents of a root. Moves its cell if it has not moved yet.
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

    /// Treats both words of all cells in a range as roots. A word that stays the same is not
    /// written.
    pub fn roots_in(&mut self, cells: Range<u32>) {
        for address in cells.step_by(4) {
            let word = self.memory.load(address);
            let moved = self.root(Value::from_word(word)).word();
            if moved != word {
                self.memory.store(address, moved);
            }
        }
    }

    /// Moves everything that the moved cells refer to, and returns the end of the last cell.
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
