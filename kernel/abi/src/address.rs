//! Pages (virtual) and frames (physical), as types that cannot be mixed up.

use crate::error::Error;
use crate::layout::{ENTRIES, PAGE_SIZE, USER_TOP, directory_index};

/// Any 4 KiB page of the 4 GiB virtual address space, by its number (`0..0x10_0000`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Page(u32);

impl Page {
    /// The page that holds `address`.
    #[must_use]
    pub const fn containing(address: u32) -> Self {
        Self(address / PAGE_SIZE)
    }

    /// Page `number`, which is below 0x10_0000.
    #[must_use]
    // The inlined functions of the contract, in programs: with them a small fork takes 26,933
    // instructions in place of 27,812, and a fault that a pager handles 588 in place of 632.
    #[inline(always)]
    pub const fn numbered(number: u32) -> Self {
        debug_assert!(number < 0x10_0000);
        Self(number)
    }

    /// The page `pages` further on.
    #[must_use]
    #[inline(always)]
    pub const fn plus(self, pages: u32) -> Self {
        Self(self.0 + pages)
    }

    /// The page's number: its address divided by 4,096.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The page's first address.
    #[must_use]
    pub const fn address(self) -> u32 {
        self.0 * PAGE_SIZE
    }

    /// Which directory entry covers the page (`0..1024`).
    #[must_use]
    pub const fn directory_index(self) -> u32 {
        self.0 / ENTRIES
    }

    /// Which entry of its table describes the page (`0..1024`).
    #[must_use]
    pub const fn table_index(self) -> u32 {
        self.0 % ENTRIES
    }
}

/// A 4 KiB-aligned page below [`USER_TOP`]: the only pages that a process may name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct UserPage(Page);

impl UserPage {
    /// Checks an address that came from a program.
    ///
    /// # Errors
    /// `InvalidArgument`: not a multiple of 4,096, or at or above [`USER_TOP`].
    #[inline(always)]
    pub const fn new(address: u32) -> Result<Self, Error> {
        // The offset in the page, rotated to the top, would make the page number too large: one
        // comparison for both.
        let number = address.rotate_right(PAGE_SIZE.trailing_zeros());
        if number < USER_TOP / PAGE_SIZE {
            Ok(Self(Page(number)))
        } else {
            Err(Error::InvalidArgument)
        }
    }

    /// A page known at compile time.
    ///
    /// # Panics
    /// If the address is not one that [`UserPage::new`] takes.
    #[must_use]
    pub const fn known(address: u32) -> Self {
        match Self::new(address) {
            Ok(page) => page,
            Err(_) => panic!("not the address of a user page"),
        }
    }

    /// The user page that holds `address`, or `None` at or above [`USER_TOP`].
    #[must_use]
    pub const fn containing(address: u32) -> Option<Self> {
        if address < USER_TOP { Some(Self(Page::containing(address))) } else { None }
    }

    /// The page `pages` further on; the caller knows that it is one.
    #[must_use]
    #[inline(always)]
    pub const fn plus(self, pages: u32) -> Self {
        let page = Page(self.0.0 + pages);
        debug_assert!(page.0 < USER_TOP / PAGE_SIZE);
        Self(page)
    }

    /// The directory entry that covers the page.
    #[must_use]
    #[inline(always)]
    pub const fn slot(self) -> UserSlot {
        UserSlot(self.0.directory_index())
    }

    /// The page as any page.
    #[must_use]
    pub const fn page(self) -> Page {
        self.0
    }

    /// The page's first address.
    #[must_use]
    pub const fn address(self) -> u32 {
        self.0.address()
    }
}

/// The number of a directory entry below that of [`USER_TOP`] (`0..0x3BB`): the only entries that
/// may name a table of a process's own. The entries above are the kernel's, so a function that
/// takes or frees such a table takes this type.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct UserSlot(u32);

impl UserSlot {
    /// How many there are: 955.
    pub const COUNT: u32 = directory_index(USER_TOP);

    /// Directory entry `index`, or `None` if the entry is the kernel's or there is none.
    #[must_use]
    #[inline(always)]
    pub const fn new(index: u32) -> Option<Self> {
        if index < Self::COUNT { Some(Self(index)) } else { None }
    }

    /// The number (`0..0x3BB`).
    #[must_use]
    #[inline(always)]
    pub const fn index(self) -> u32 {
        self.0
    }

    /// The first page that the entry covers.
    #[must_use]
    #[inline(always)]
    pub const fn first_page(self) -> UserPage {
        UserPage(Page(self.0 * ENTRIES))
    }

    /// This entry and those after it up to, but not with, `end` or the kernel's first entry,
    /// whichever comes first.
    #[inline(always)]
    pub fn up_to(self, end: u32) -> impl Iterator<Item = Self> {
        (self.0..end.min(Self::COUNT)).map(Self)
    }
}

const _: () =
    assert!(USER_TOP.is_multiple_of(ENTRIES * PAGE_SIZE), "no table belongs half to programs");

/// A run of 1 to 1,024 user pages, wholly below [`USER_TOP`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PageRange {
    first: UserPage,
    pages: u32,
}

impl PageRange {
    /// The most pages that one call takes.
    pub const LIMIT: u32 = 1024;

    /// Checks a range that came from a program: `pages` pages from `first` on.
    ///
    /// # Errors
    /// `InvalidArgument`: no pages, more than [`PageRange::LIMIT`], or the end lies above
    /// [`USER_TOP`].
    #[inline(always)]
    pub const fn new(first: UserPage, pages: u32) -> Result<Self, Error> {
        if pages.wrapping_sub(1) >= Self::LIMIT {
            return Err(Error::InvalidArgument);
        }
        if first.0.number() + pages > USER_TOP / PAGE_SIZE {
            return Err(Error::InvalidArgument);
        }
        Ok(Self { first, pages })
    }

    /// The first page.
    #[must_use]
    pub const fn first(self) -> UserPage {
        self.first
    }

    /// Pages: 1 to 1,024.
    #[must_use]
    pub const fn pages(self) -> u32 {
        self.pages
    }

    /// The page `index` pages after the first; `index` is below [`PageRange::pages`].
    #[must_use]
    pub const fn page(self, index: u32) -> UserPage {
        debug_assert!(index < self.pages);
        UserPage(Page(self.first.0.number() + index))
    }

    /// The rest of the range after its first `pages` pages.
    ///
    /// # Errors
    /// `InvalidArgument`: nothing is left.
    #[inline(always)]
    pub const fn after(self, pages: u32) -> Result<Self, Error> {
        if pages == 0 {
            return Ok(self);
        }
        if pages >= self.pages {
            return Err(Error::InvalidArgument);
        }
        Ok(Self { first: self.page(pages), pages: self.pages - pages })
    }

    /// The first `pages` pages of the range, or all of it if it has fewer; `pages` is not 0.
    #[must_use]
    pub const fn at_most(self, pages: u32) -> Self {
        debug_assert!(pages > 0);
        Self { first: self.first, pages: if pages < self.pages { pages } else { self.pages } }
    }

    /// Whether `target` begins behind the first page of this range and within it. A copy from the
    /// first page to the last would then read pages that it has replaced.
    #[must_use]
    pub const fn overlaps_upwards(self, target: Self) -> bool {
        let distance = target.first.0.number().wrapping_sub(self.first.0.number());
        distance.wrapping_sub(1) < self.pages - 1
    }
}

/// A 4 KiB frame of physical memory, by its number (`0..0x10_0000`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Frame(u32);

impl Frame {
    /// The frame that holds a physical address.
    #[must_use]
    pub const fn containing(physical: u32) -> Self {
        Self(physical / PAGE_SIZE)
    }

    /// The frame with this number, which is below `0x10_0000`.
    #[must_use]
    pub const fn from_number(number: u32) -> Self {
        debug_assert!(number < 0x10_0000);
        Self(number)
    }

    /// The frame's number: its physical address divided by 4,096.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The frame's first physical address.
    #[must_use]
    pub const fn address(self) -> u32 {
        self.0 * PAGE_SIZE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_page_is_aligned_and_below_user_top() {
        for address in [0, 0x1000, 0xEEBF_F000] {
            assert_eq!(UserPage::new(address).unwrap().address(), address);
        }
        for address in [1, 0xFFF, 0x1001, USER_TOP, 0xEF40_0000, 0xFFFF_F000, 0xFFFF_FFFF] {
            assert_eq!(UserPage::new(address), Err(Error::InvalidArgument), "{address:#x}");
        }
    }

    #[test]
    fn a_range_neither_wraps_nor_reaches_the_kernel() {
        let last = UserPage::known(USER_TOP - PAGE_SIZE);
        assert!(PageRange::new(last, 1).is_ok());
        for pages in [0, 2, 1024, 1025, 0xFFFF_FFFF, 0x10_0000] {
            assert_eq!(PageRange::new(last, pages), Err(Error::InvalidArgument), "{pages}");
        }
        let first = UserPage::known(0);
        assert_eq!(PageRange::new(first, 1024).unwrap().page(1023).address(), 0x3F_F000);
        assert_eq!(PageRange::new(first, 1025), Err(Error::InvalidArgument));
    }

    #[test]
    fn a_range_overlaps_upwards_what_begins_on_any_of_its_pages_but_the_first() {
        let page = |number: u32| UserPage::new(number * PAGE_SIZE).unwrap();
        let range = |first, pages| PageRange::new(page(first), pages).unwrap();
        for (target, overlaps) in [(8, false), (9, false), (10, true), (11, true), (12, false)] {
            assert_eq!(range(9, 3).overlaps_upwards(range(target, 3)), overlaps, "{target}");
        }
        assert!(!range(9, 1).overlaps_upwards(range(9, 1)));
        assert!(!range(9, 1).overlaps_upwards(range(10, 1)));
    }

    #[test]
    fn a_user_slot_is_below_the_kernels_first_entry_however_it_is_made() {
        assert_eq!(UserSlot::new(0x3BA).map(UserSlot::index), Some(0x3BA));
        for index in [0x3BB, 0x3BC, 0x3FF, 0x400, u32::MAX] {
            assert_eq!(UserSlot::new(index), None, "{index:#x}");
        }
        assert_eq!(UserPage::known(USER_TOP - PAGE_SIZE).slot().index(), 0x3BA);
        assert_eq!(UserPage::known(0x3F_F000).slot().index(), 0);
        let last_group = UserSlot(0x3A0).up_to(0x3C0);
        assert_eq!(last_group.map(UserSlot::index).last(), Some(0x3BA));
        assert_eq!(UserSlot(0x3BA).up_to(0x3BA).next(), None);
    }

    #[test]
    fn a_page_splits_into_directory_and_table_index() {
        let page = Page::containing(0xEF7B_DEF4);
        assert_eq!((page.directory_index(), page.table_index()), (0x3BD, 0x3BD));
        assert_eq!(Page::containing(0x0080_0020).directory_index(), 2);
    }
}
