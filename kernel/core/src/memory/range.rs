//! Range calls: how the kernel changes all pages of a range in one call.
//!
//! A range is walked in *runs*: a run is the part of the range under one table. Three things are
//! the same for all pages of a run and are found out once: whether the table is present, how it is
//! reached ([`Via`]), and, if frames stay in place, whether each page is flushed or the whole TLB
//! at the end ([`FLUSH_LIMIT`]). Allocating always flushes each page that is removed, because its
//! frame may be freed only after the flush; unmapping many pages walks them twice for that.
//!
//! Each function does the first pages of its range, as many as the call's budget pays, and returns
//! how many they are (`budget.rs`).
//!
//! `share.rs` has the calls that share a range.

use core::ops::Range;

use abi::layout::ENTRIES;
use abi::{Entry, EntryFlags, Error, PageRange, Permissions, UserPage};

use crate::hardware::{Hardware, Reach};
use crate::memory::budget::{self, stopped};
use crate::memory::change::Change;
use crate::memory::space::{Memory, Space, SpacePage, Via};
use crate::state::frames::Unmapped;

/// The most pages that a call flushes one by one; a call on more pages flushes the whole TLB once.
///
/// INVLPG takes 100 to 200 cycles, and a reload of CR3 little more. The real price of the reload is
/// the TLB misses after it, for the few dozen pages that a program works with. Linux's limit is 33,
/// for the same reason.
pub(super) const FLUSH_LIMIT: u32 = 32;

/// The A and D bits that [`Memory::protect_range`] found before it cleared them.
#[derive(Clone, Copy, Default)]
pub(crate) struct Found {
    /// The A and D bits of all pages, combined by OR: `0x20` and `0x40`.
    pub any: u32,
    /// Bit `i`: A was set in the leaf of page `i`, for the first 32 pages of the range.
    pub accessed: u32,
    /// Bit `i`: D was set in the leaf of page `i`, for the first 32 pages of the range.
    pub dirty: u32,
}

/// How [`Memory::protect_range`] changes a leaf, and how it writes the new leaf and flushes the old
/// one's translation.
#[derive(Clone, Copy)]
struct Protect<F> {
    space: Space,
    change: Change,
    write: F,
}

/// A run: the part of a range that lies under one table.
#[derive(Clone, Copy)]
pub(super) struct Run {
    pub first: UserPage,
    pub pages: u32,
}

impl Run {
    /// The run that begins after `done` pages of `range`. It ends with the table or with the range.
    pub fn at(range: PageRange, done: u32) -> Self {
        let first = range.page(done);
        let to_the_end = ENTRIES - first.page().table_index();
        Self { first, pages: to_the_end.min(range.pages() - done) }
    }

    pub fn pages(self) -> impl Iterator<Item = UserPage> {
        (0..self.pages).map(move |index| self.first.plus(index))
    }
}

impl<H: Hardware> Memory<'_, H> {
    /// Drops and adds bits in the leaf of each present page, and clears A and D.
    ///
    /// # Errors
    /// `NotPermitted`: the first page is sealed and has other mappings, and would get W.
    pub fn protect_range(
        &mut self,
        space: Space,
        range: PageRange,
        change: Change,
    ) -> Result<(u32, Found), Error> {
        let range = budget::part(range, budget::PROTECT);
        if space.via != Via::Map(Reach::Current) {
            let write = |memory: &mut Self, SpacePage { space, page }, old, new| {
                memory.overwrite(space, page, old, new).of_another_space();
            };
            return self.protect_runs(range, Protect { space, change, write });
        }
        let space = Space::current(space.owner);
        if range.pages() <= FLUSH_LIMIT {
            let write = |memory: &mut Self, SpacePage { space, page }, old, new| {
                let stale = memory.replace(space, page, old, new);
                memory.flush(&stale);
            };
            return self.protect_runs(range, Protect { space, change, write });
        }
        let write = |memory: &mut Self, SpacePage { space, page }, old, new| {
            memory.overwrite(space, page, old, new).of_a_flushed_space();
        };
        let result = self.protect_runs(range, Protect { space, change, write });
        self.cpu.flush_all();
        result
    }

    /// The loop of [`Memory::protect_range`], compiled once for each way to flush.
    fn protect_runs<F: Fn(&mut Self, SpacePage, Entry, Entry) + Copy>(
        &mut self,
        range: PageRange,
        protect: Protect<F>,
    ) -> Result<(u32, Found), Error> {
        let mut found = Found::default();
        let mut done = 0;
        while done < range.pages() {
            let run = Run::at(range, done);
            if self.has_table(protect.space, run.first) {
                // Only the first 32 pages of a range have bits of their own in the result.
                let noted = u32::BITS.saturating_sub(done).min(run.pages);
                let mut any = 0;
                let result = self
                    .protect_run(run, 0..noted, protect, |index, old| {
                        any |= old.bits();
                        found.note(done + index, old);
                    })
                    .and_then(|()| {
                        let rest = noted..run.pages;
                        self.protect_run(run, rest, protect, |_, old| any |= old.bits())
                    });
                found.any |= any & EntryFlags::ACCESSED_DIRTY.bits();
                if let Err((before, error)) = result {
                    return stopped(done + before, error).map(|done| (done, found));
                }
            }
            done += run.pages;
        }
        Ok((done, found))
    }

    /// Changes some of the pages of a run, given by their indices in it. `note` gets the index and
    /// the old leaf of each present page. An error comes with the index of the page that caused it.
    fn protect_run<F: Fn(&mut Self, SpacePage, Entry, Entry) + Copy>(
        &mut self,
        run: Run,
        pages: Range<u32>,
        protect: Protect<F>,
        mut note: impl FnMut(u32, Entry),
    ) -> Result<(), (u32, Error)> {
        for index in pages {
            let page = run.first.plus(index);
            let old = self.leaf_of_table(protect.space, page);
            if old.is_present() {
                let new = self.changed(protect.space.owner, old, protect.change);
                (protect.write)(
                    self,
                    protect.space.at(page),
                    old,
                    new.map_err(|error| (index, error))?,
                );
                note(index, old);
            }
        }
        Ok(())
    }

    /// Unmaps each present page of a range and leaves marks in its leaf. The marks of absent leaves
    /// are cleared. No frame may be freed before the flush of its page.
    ///
    /// Of more than [`FLUSH_LIMIT`] pages, all are taken out first, then the whole TLB is flushed
    /// once, and then their frames are released. In between a leaf is absent and keeps its frame,
    /// so that no list of the frames is needed. No program runs before that is over.
    pub fn unmap_range(&mut self, space: Space, range: PageRange, marks: Permissions) -> u32 {
        let range = budget::part(range, budget::UNMAP);
        if range.pages() > FLUSH_LIMIT && space.via == Via::Map(Reach::Current) {
            self.for_each_leaf(space, range, |memory, page, old| {
                if old.is_present() {
                    memory.overwrite(space, page, old, taken_out(old)).of_a_flushed_space();
                }
            });
            self.cpu.flush_all();
            self.for_each_leaf(space, range, |memory, page, old| {
                if is_taken_out(old) {
                    memory.overwrite(space, page, old, Entry::paged_out(marks)).of_an_absent_leaf();
                    memory.frames.release(Unmapped::after_flush(old.frame()));
                    memory.processes.credit(space.owner, 1);
                } else {
                    memory.unmap_or_clear(space, page, marks);
                }
            });
        } else {
            self.for_each_leaf(space, range, |memory, page, _| {
                memory.unmap_or_clear(space, page, marks);
            });
        }
        range.pages()
    }

    /// Does something with each leaf of a range whose table is present.
    fn for_each_leaf(
        &mut self,
        space: Space,
        range: PageRange,
        mut act: impl FnMut(&mut Self, UserPage, Entry),
    ) {
        let mut done = 0;
        while done < range.pages() {
            let run = Run::at(range, done);
            if self.has_table(space, run.first) {
                for page in run.pages() {
                    let leaf = self.leaf_of_table(space, page);
                    act(self, page, leaf);
                }
            }
            done += run.pages;
        }
    }

    /// Unmaps a present page and leaves marks there, or clears the marks of an absent leaf.
    fn unmap_or_clear(&mut self, space: Space, page: UserPage, marks: Permissions) {
        let old = self.leaf_of_table(space, page);
        if old != Entry::ABSENT {
            let marks = if old.is_present() { marks } else { Permissions::empty() };
            self.unmap_of_table(space, page, marks);
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
        let range = budget::part(range, budget::FRAME);
        self.for_each_page(range, |memory, index| {
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
                return stopped(done, error);
            }
        }
        Ok(range.pages())
    }
}

/// A present leaf that has become absent but keeps its frame, until the TLB is flushed.
pub(super) const fn taken_out(leaf: Entry) -> Entry {
    Entry::from_bits(leaf.bits() & !EntryFlags::PRESENT.bits())
}

/// Whether this is such a leaf: no other absent leaf has U.
pub(super) const fn is_taken_out(leaf: Entry) -> bool {
    !leaf.is_present() && leaf.contains(EntryFlags::USER)
}

impl Found {
    /// Adds the A and D bits of page `index` (`0..32`) of the range. Most pages of a range have not
    /// been touched since the last call, and cost one test.
    fn note(&mut self, index: u32, old: Entry) {
        if old.flags().intersects(EntryFlags::ACCESSED_DIRTY) {
            self.accessed |= u32::from(old.is_accessed()) << index;
            self.dirty |= u32::from(old.is_dirty()) << index;
        }
    }
}
