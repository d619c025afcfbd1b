//! What a transaction is: a list of operations on pages, each with what the caller has seen there.
//!
//! A program reads its entries through the window, decides, and sends what it saw together with
//! what it wants. The list is a row of words in the caller's memory. An operation is a head of
//! [`Operation::HEAD`] words, and then one or two words for each of its pages:
//!
//! | word | bits 12 to 31 | bits 0 to 11 |
//! | --- | --- | --- |
//! | 0 | the first page | W and marks to add; [`Kind`] (bits 2 and 3), [`SCATTERED`], [`BOTH`] |
//! | 1 | how many pages | W and marks to drop |
//! | 2 | a map's first source page, otherwise 0 | 0 |
//!
//! The pages of an operation lie under one table, and so do its source pages. They follow each
//! other, and each has one word: the entry that is expected there. With [`SCATTERED`] each has a
//! word before that: the page's address, of which bits 12 to 21 count, and in bits 0 to 9 the index
//! of the source page in its table. Words 0 and 2 then name the first pages of the tables.

use crate::address::UserPage;
use crate::entry::{EntryFlags, Permissions};
use crate::error::Error;
use crate::layout::ENTRIES;

/// The most words of a list.
pub const LIST: u32 = 1024;

/// Bit of word 0: each page has a word for its place.
pub const SCATTERED: u32 = 0x10;
/// Bit of word 0 of a map: the source's entry drops and adds the same bits.
pub const BOTH: u32 = 0x20;
/// Bits of word 0: the [`Kind`].
const KIND: u32 = 0xC;
/// Bits that say which entry of a table.
pub const INDEX: u32 = 0x3FF;
/// The low bits of a word, beside a page's address.
const LOW: u32 = 0xFFF;

/// What an operation does with each of its pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Kind {
    /// Drops and adds W and marks. A and D stay.
    Protect = 0,
    /// Unmaps the page and leaves the added marks.
    Unmap = 4,
    /// Maps a page of the caller's own there as well, with its W and marks, of which some are
    /// dropped and marks are added. The entry that is expected is that of the caller's page.
    Map = 8,
}

/// What is to happen to a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wish {
    /// The kind of the operation.
    pub kind: Kind,
    /// Bits to drop.
    pub drop: Permissions,
    /// Bits to add then; those that an unmapped page leaves.
    pub add: Permissions,
    /// Of a map: whether the source's entry changes in the same way.
    pub both: bool,
}

/// The head of an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Operation {
    /// What happens to each page.
    pub wish: Wish,
    /// The first page; the first one of the table, if the pages are scattered.
    pub page: UserPage,
    /// Of a map: the first source page, as `page`. Otherwise page 0.
    pub source: UserPage,
    /// How many pages.
    pub pages: u32,
    /// Whether each page has a word for its place.
    pub scattered: bool,
}

impl Operation {
    /// How many words the head has.
    pub const HEAD: usize = 3;

    /// Reads the head of the first operation of a list.
    ///
    /// # Errors
    /// `InvalidArgument`: the head is incomplete; or an address is not below UTOP; or a bit is
    /// unknown; or pages lie under two tables, or there are none; or W is added by another kind
    /// than a protect; or bits are dropped, or a source named, where the kind has no use for it.
    #[inline(always)]
    pub fn read(list: &[u32]) -> Result<Self, Error> {
        let &[first, second, third, ..] = list else { return Err(Error::InvalidArgument) };
        let (pages, scattered, both) = (second >> 12, first & SCATTERED != 0, first & BOTH != 0);
        let adds_write = first & Permissions::WRITE.bits() != 0;
        let (kind, is_right) = match first & KIND {
            0 => (Kind::Protect, third == 0 && !both),
            4 => (Kind::Unmap, third == 0 && !both && second & LOW == 0 && !adds_write),
            8 => (Kind::Map, !adds_write),
            _ => return Err(Error::InvalidArgument),
        };
        // The pages of a scattered operation may be anywhere in their tables.
        let indices = if scattered { 0 } else { pages - pages.min(1) };
        let is_under_one_table = |first: u32| {
            let index = first >> 12 & INDEX;
            index + indices < ENTRIES && (index == 0 || !scattered)
        };
        let is_right = is_right
            && pages.wrapping_sub(1) < ENTRIES
            && is_under_one_table(first)
            && is_under_one_table(third);
        let drop = Permissions::new(second & LOW)?;
        let add = Permissions::new(first & LOW & !(KIND | SCATTERED | BOTH))?;
        let (page, source) = (UserPage::new(first & !LOW)?, UserPage::new(third)?);
        let wish = Wish { kind, drop, add, both };
        let operation = Self { wish, page, source, pages, scattered };
        if is_right { Ok(operation) } else { Err(Error::InvalidArgument) }
    }

    /// The words of the head.
    #[must_use]
    pub const fn words(&self) -> [u32; Self::HEAD] {
        let Wish { kind, drop, add, both } = self.wish;
        let flags = if self.scattered { SCATTERED } else { 0 } | if both { BOTH } else { 0 };
        let first = self.page.address() | add.bits() | kind as u32 | flags;
        [first, self.pages << 12 | drop.bits(), self.source.address()]
    }

    /// How many words the operation's pages have.
    #[must_use]
    pub const fn page_words(&self) -> usize {
        self.pages as usize * if self.scattered { 2 } else { 1 }
    }
}

/// The bits of an entry that are compared with what is expected: all but A and D.
pub const COMPARED: u32 = !EntryFlags::ACCESSED_DIRTY.bits();

#[cfg(test)]
mod tests {
    use super::*;

    const A: u32 = 0x1000_0000;
    const B: u32 = 0x2000_0000;

    #[test]
    fn a_head_is_the_same_after_reading_and_writing() {
        let heads = [
            [A | 0x002, 1 << 12 | 0xE00, 0],
            [A | 0x3F_F000, 1 << 12, 0],
            [A | 0xC14, 1024 << 12, 0],
            [A | 0x838, 1024 << 12 | 0x002, B],
            [A | 0x028, 1 << 12 | 0x002, B | 0x3F_F000],
        ];
        for head in heads {
            assert_eq!(Operation::read(&head).map(|read| read.words()), Ok(head), "{head:#x?}");
        }
    }

    #[test]
    fn what_is_malformed_is_refused() {
        let wrong = [
            [A, 0, 0],
            [A, 1025 << 12, 0],
            [A | 0x1000, 1024 << 12, 0],
            [A | 0x10, 1025 << 12, 0],
            [A | 0x1010, 1 << 12, 0],
            [A | 0x01, 1 << 12, 0],
            [A | 0x40, 1 << 12, 0],
            [A | 0x0C, 1 << 12, 0],
            [A, 1 << 12 | 0x1, 0],
            [A | 0x20, 1 << 12, 0],
            [A, 1 << 12, B],
            [A | 0x04, 1 << 12, B],
            [A | 0x06, 1 << 12, 0],
            [A | 0x04, 1 << 12 | 0x2, 0],
            [A | 0x0A, 1 << 12, B],
            [A | 0x08, 1 << 12, B | 1],
            [A | 0x08, 2 << 12, B | 0x3F_F000],
            [A | 0x18, 1 << 12, B | 0x1000],
            [0xEEC0_0000, 1 << 12, 0],
            [A | 0x08, 1 << 12, 0xEEC0_0000],
        ];
        for head in wrong {
            assert_eq!(Operation::read(&head), Err(Error::InvalidArgument), "{head:#x?}");
        }
        assert_eq!(Operation::read(&[A, 1 << 12]), Err(Error::InvalidArgument));
    }
}
