//! How one call changes many pages: those of a range, or those of a list.
//!
//! Each function does the first pages, as many as the call's budget pays, and returns how many they
//! are (`budget.rs`).
//!
//! `share.rs` has the calls that map pages a second time.

use abi::{Entry, EntryFlags, Error, PageRange, Permissions};

use crate::hardware::{Hardware, Reach};
use crate::memory::budget::{self, stopped};
use crate::memory::change::Change;
use crate::memory::pages::Pages;
use crate::memory::space::{Memory, Space, SpacePage};
use crate::state::frames::Removed;
use crate::state::process::Index;

/// The most pages that a call flushes one by one; a call on more pages flushes the whole TLB once.
///
/// INVLPG takes 100 to 200 cycles, and a reload of CR3 little more. The real price of the reload is
/// the TLB misses after it, for the few dozen pages that a program works with. Linux's limit is 33,
/// for the same reason.
const FLUSH_LIMIT: u32 = 32;

/// How a call flushes the pages that it changes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flush {
    /// Each page, if it may be cached.
    Each,
    /// The whole TLB, behind the last page.
    Once,
    /// Not: the space is not loaded.
    Never,
}

/// The A and D bits that [`Memory::protect_pages`] found.
#[derive(Clone, Copy, Default)]
pub(crate) struct Found {
    /// The A and D bits of all pages, combined by OR: `0x20` and `0x40`.
    pub any: u32,
    /// Bit `i`: A was set in the leaf of page `i`, for the first 32 pages.
    pub accessed: u32,
    /// Bit `i`: D was set in the leaf of page `i`, for the first 32 pages.
    pub dirty: u32,
}

impl Flush {
    /// How so many pages of a space are flushed, which is the loaded one or another.
    pub const fn of<const LOADED: bool>(pages: u32) -> Self {
        if !LOADED {
            Self::Never
        } else if pages <= FLUSH_LIMIT {
            Self::Each
        } else {
            Self::Once
        }
    }
}

impl<H: Hardware> Memory<'_, H> {
    /// Changes the leaf of each present page. An absent page of a range is passed over.
    ///
    /// # Errors
    /// Of the first page: `NotPermitted`, it is sealed and has other mappings, and would get W;
    /// `NotMapped`, it is absent, in a list; those of [`Memory::walk`].
    pub fn protect_pages<P: Pages>(
        &mut self,
        space: Space,
        pages: P,
        change: Change,
    ) -> Result<(u32, Found), Error> {
        if space == Space::current(space.owner) {
            self.protect_in::<true, P>(space.owner, pages, change)
        } else {
            self.protect_in::<false, P>(space.owner, pages, change)
        }
    }

    #[inline(always)]
    fn protect_in<const LOADED: bool, P: Pages>(
        &mut self,
        owner: Index,
        pages: P,
        change: Change,
    ) -> Result<(u32, Found), Error> {
        let reach = if LOADED { Reach::Current } else { Reach::Alternate };
        let space = Space::through(reach, owner);
        let pages = pages.at_most(budget::UNITS / budget::PROTECT);
        let flush = Flush::of::<LOADED>(pages.count());
        let mut found = Found::default();
        let done = self.walk(
            space,
            pages,
            0,
            |memory, at, index, old| {
                let new = memory.changed(at.space.owner, old, change)?;
                memory.rewrite(flush, at, old, new);
                if P::LISTED {
                    found.any |= old.bits();
                } else {
                    found.note(index, old);
                }
                Ok(true)
            },
            |_, _, _| if P::LISTED { Err(Error::NotMapped) } else { Ok(true) },
        );
        self.flush_once(flush);
        found.any &= EntryFlags::ACCESSED_DIRTY.bits();
        stopped(done).map(|done| (done, found))
    }

    /// Unmaps each present page and leaves marks in its leaf. An absent page of a range loses its
    /// marks, and one of a list gets these. Returns the old leaves, too, combined by OR.
    ///
    /// # Errors
    /// Of the first page: those of [`Memory::unmap`] and of [`Memory::walk`].
    pub fn unmap_pages<P: Pages>(
        &mut self,
        space: Space,
        pages: P,
        marks: Permissions,
    ) -> Result<(u32, u32), Error> {
        if space == Space::current(space.owner) {
            self.unmap_in::<true, P>(space.owner, pages, marks)
        } else {
            self.unmap_in::<false, P>(space.owner, pages, marks)
        }
    }

    #[inline(always)]
    fn unmap_in<const LOADED: bool, P: Pages>(
        &mut self,
        owner: Index,
        pages: P,
        marks: Permissions,
    ) -> Result<(u32, u32), Error> {
        let reach = if LOADED { Reach::Current } else { Reach::Alternate };
        let space = Space::through(reach, owner);
        let pages = pages.at_most(budget::UNITS / budget::UNMAP);
        let flush = Flush::of::<LOADED>(pages.count());
        let (mut all, mut unmapped, mut removed) = (0, 0, Removed::NONE);
        let done = self.walk(
            space,
            pages,
            0,
            |memory, at, _, old| {
                memory.rewrite(flush, at, old, Entry::paged_out(marks));
                memory.frames.remove(old.frame(), &mut removed);
                all |= old.bits();
                unmapped += 1;
                Ok(true)
            },
            |memory, SpacePage { space, page }, old| {
                if P::LISTED {
                    // A page that gets a table is the last one: a list may name as many tables.
                    let needs_table = !marks.is_empty() && !memory.has_table(space, page);
                    return memory.unmap(space, page, marks).map(|_| !needs_table);
                }
                memory.overwrite(space, page, old, Entry::ABSENT).of_an_absent_leaf();
                Ok(true)
            },
        );
        self.flush_once(flush);
        self.frames.free_removed(removed);
        self.processes.credit(space.owner, unmapped);
        stopped(done).map(|done| (done, all))
    }

    /// Writes the leaf of a page of which the old one is present, and flushes the page if `flush`
    /// says so.
    #[inline(always)]
    pub(super) fn rewrite(
        &mut self,
        flush: Flush,
        SpacePage { space, page }: SpacePage,
        old: Entry,
        new: Entry,
    ) {
        match flush {
            Flush::Each => {
                let stale = self.replace(space, page, old, new);
                self.flush(&stale);
            }
            Flush::Once => self.overwrite(space, page, old, new).of_a_flushed_space(),
            Flush::Never => self.overwrite(space, page, old, new).of_another_space(),
        }
    }

    /// Flushes the whole TLB if `flush` says so.
    pub(super) fn flush_once(&mut self, flush: Flush) {
        if flush == Flush::Once {
            self.cpu.flush_all();
        }
    }

    /// Maps a fresh zeroed page at each page of a range, in place of what was mapped there.
    ///
    /// # Errors
    /// Those of [`Memory::allocate`], of the first page.
    pub fn allocate_range(
        &mut self,
        space: Space,
        range: PageRange,
        permissions: Permissions,
    ) -> Result<u32, Error> {
        self.for_each_page(range.at_most(budget::PAGES_WITH_FRAMES), |memory, index| {
            memory.allocate(space, range.page(index), permissions)
        })
    }

    /// Does something with each page of a range, by its index, up to the first that fails.
    ///
    /// # Errors
    /// That of the first page.
    pub fn for_each_page(
        &mut self,
        range: PageRange,
        mut act: impl FnMut(&mut Self, u32) -> Result<(), Error>,
    ) -> Result<u32, Error> {
        for done in 0..range.pages() {
            if let Err(error) = act(self, done) {
                return stopped(Err((done, error)));
            }
        }
        Ok(range.pages())
    }
}

impl Found {
    /// Notes the A and D bits of page `index`. Most pages have not been touched since the last call,
    /// and cost one test.
    #[inline(always)]
    fn note(&mut self, index: u32, old: Entry) {
        if !old.flags().intersects(EntryFlags::ACCESSED_DIRTY) {
            return;
        }
        self.any |= old.bits();
        if index < u32::BITS {
            self.accessed |= u32::from(old.is_accessed()) << index;
            self.dirty |= u32::from(old.is_dirty()) << index;
        }
    }
}
