//! How a self map turns tables into memory: the arithmetic of a recursive directory entry.
//!
//! A directory entry `s` that points back at its own directory makes the 4 MiB at `s << 22` show
//! every page table in order, so the entry of page `p` is the word at `(s << 22) + 4 * p`. One
//! level up the same rule applies to itself: the directory is the page at `(s << 22) + (s << 12)`.

use crate::address::{Page, UserSlot};
use crate::error::Error;
use crate::layout::{ALTERNATE_MAP, SELF_MAP, UVPT, directory_index};

/// A directory index that holds a self map (`0..1024`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot(u32);

impl Slot {
    /// The programs' window, `0x3BD`.
    pub const WINDOW: Self = Self::new(directory_index(UVPT));
    /// The kernel's self map of the current space, `0x3FF`.
    pub const CURRENT: Self = Self::new(directory_index(SELF_MAP));
    /// The kernel's self map of another space, `0x3FE`.
    pub const ALTERNATE: Self = Self::new(directory_index(ALTERNATE_MAP));

    /// A self map at directory entry `index`.
    ///
    /// # Panics
    /// If `index` is 1,024 or more.
    #[must_use]
    pub const fn new(index: u32) -> Self {
        assert!(index < 1024, "a directory has 1,024 entries");
        Self(index)
    }

    /// The directory entry that holds the self map.
    #[must_use]
    pub const fn index(self) -> u32 {
        self.0
    }

    /// First address of the 4 MiB.
    #[must_use]
    pub const fn base(self) -> u32 {
        self.0 << 22
    }

    /// Where the entry of `page` can be read: a multiple of 4.
    #[must_use]
    pub const fn entry_address(self, page: Page) -> u32 {
        self.base() + page.number() * 4
    }

    /// First address of the table under directory entry `index` (`0..1024`).
    #[must_use]
    pub const fn table_address(self, index: u32) -> u32 {
        self.base() + (index << 12)
    }

    /// First address of the directory.
    #[must_use]
    pub const fn directory_address(self) -> u32 {
        self.table_address(self.0)
    }

    /// Where directory entry `index` (`0..1024`) can be read.
    #[must_use]
    pub const fn directory_entry_address(self, index: u32) -> u32 {
        self.directory_address() + index * 4
    }
}

/// A directory index below the kernel's (`0..0x3BB`, see [`UserSlot`]): where a process may put a
/// view of another process.
///
/// The 4 MiB there show the other one's tables as [`Slot::entry_address`] says. Its directory is
/// the table under *its* entry 0x3BD, not the one under the view's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ViewSlot(Slot);

impl ViewSlot {
    /// Checks a directory index that came from a program.
    ///
    /// # Errors
    /// `InvalidArgument`: at or above `0x3BB`, where the kernel's entries begin.
    // Inlined: see `address.rs`.
    #[inline(always)]
    pub const fn new(index: u32) -> Result<Self, Error> {
        match UserSlot::new(index) {
            Some(slot) => Ok(Self(Slot(slot.index()))),
            None => Err(Error::InvalidArgument),
        }
    }

    /// The directory entry (`0..0x3BB`).
    #[must_use]
    pub const fn index(self) -> u32 {
        self.0.0
    }

    /// The 4 MiB, with the arithmetic of a self map.
    #[must_use]
    pub const fn slot(self) -> Slot {
        self.0
    }

    /// Where the other process's directory begins.
    #[must_use]
    pub const fn directory_address(self) -> u32 {
        self.0.table_address(Slot::WINDOW.index())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_view_lies_below_the_kernel_and_shows_the_directory_where_the_window_would() {
        for index in [0x3BB, 0x3BD, 0x3FF, 0x400, u32::MAX] {
            assert_eq!(ViewSlot::new(index), Err(Error::InvalidArgument), "{index:#x}");
        }
        let view = ViewSlot::new(0x0C0).unwrap();
        assert_eq!(view.slot().base(), 0x3000_0000);
        assert_eq!(view.slot().entry_address(Page::containing(0x0080_0000)), 0x3000_2000);
        assert_eq!(view.directory_address(), 0x303B_D000);
        assert_eq!(ViewSlot::new(0x3BA).unwrap().index(), 0x3BA);
    }

    #[test]
    fn known_answers_for_three_slots() {
        // slot, base, directory, entry of page 0x0080_0000, last directory entry
        let answers = [
            (0x3FF, 0xFFC0_0000_u32, 0xFFFF_F000_u32, 0xFFC0_2000_u32, 0xFFFF_FFFC_u32),
            (0x300, 0xC000_0000, 0xC030_0000, 0xC000_2000, 0xC030_0FFC),
            (0x3BD, 0xEF40_0000, 0xEF7B_D000, 0xEF40_2000, 0xEF7B_DFFC),
        ];
        for (index, base, directory, text, last) in answers {
            let slot = Slot::new(index);
            assert_eq!(slot.base(), base);
            assert_eq!(slot.directory_address(), directory);
            assert_eq!(slot.entry_address(Page::containing(0x0080_0000)), text);
            assert_eq!(slot.directory_entry_address(0x3FF), last);
        }
    }

    #[test]
    fn the_alternate_directory_lies_where_the_design_says() {
        assert_eq!(Slot::ALTERNATE.table_address(0x3FE), 0xFFBF_E000);
        assert_eq!(Slot::CURRENT.directory_entry_address(0x3FE), 0xFFFF_FFF8);
    }

    proptest! {
        #[test]
        fn a_directory_entry_is_the_leaf_of_its_own_window_page(slot in 0u32..1024, index in 0u32..1024) {
            let slot = Slot::new(slot);
            let window_page = Page::containing(slot.table_address(index));
            prop_assert_eq!(slot.entry_address(window_page), slot.directory_entry_address(index));
        }

        #[test]
        fn the_entry_of_a_page_lies_in_the_table_that_covers_it(slot in 0u32..1024, address: u32) {
            let slot = Slot::new(slot);
            let page = Page::containing(address);
            let expected = slot.table_address(page.directory_index()) + page.table_index() * 4;
            prop_assert_eq!(slot.entry_address(page), expected);
        }
    }
}
