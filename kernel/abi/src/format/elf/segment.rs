//! The segments of a program, and the pieces of the file that make up a page.

use crate::address::Page;
use crate::layout::PAGE_SIZE;

/// Part of a program: `memory_length` bytes at `address`, of which the first `file_length` come
/// from the file at `file_offset`; the others are zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// First address.
    pub address: u32,
    /// Offset of the first byte in the file.
    pub file_offset: u32,
    /// Bytes that the file has: at most `memory_length`.
    pub file_length: u32,
    /// Bytes in memory: at least 1. Neither sum of this with `address` nor of `file_length` with
    /// `file_offset` wraps.
    pub memory_length: u32,
    /// The program may write it.
    pub writable: bool,
}

impl Segment {
    pub(super) const NONE: Self =
        Self { address: 0, file_offset: 0, file_length: 0, memory_length: 0, writable: false };

    pub(super) const fn end(&self) -> u32 {
        self.address + self.memory_length
    }

    pub(super) const fn covers(&self, page: Page) -> bool {
        let first = Page::containing(self.address).number();
        let last = Page::containing(self.end() - 1).number();
        first <= page.number() && page.number() <= last
    }

    pub(super) fn piece(&self, page: Page) -> Option<Piece> {
        let from = page.address().max(self.address);
        let to = (page.address() + PAGE_SIZE).min(self.address + self.file_length);
        (from < to).then(|| Piece {
            page_offset: from - page.address(),
            file_offset: self.file_offset + (from - self.address),
            length: to - from,
        })
    }
}

/// Bytes of the file that belong into a page. What no piece covers is zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Piece {
    /// Offset in the page: below 4,096, also after adding `length - 1`.
    pub page_offset: u32,
    /// Offset in the file.
    pub file_offset: u32,
    /// Bytes: 1 to 4,096.
    pub length: u32,
}
