//! What a range call does: walk a range table by table and say how far it got.
//!
//! What is the same for all pages under a table is found out once for them: that the table is there, how the space is
//! reached, and, where frames stay in place, whether pages are flushed one by one or all at the end ([`FLUSH_LIMIT`]).
//! Unmapping and allocating flush each present page that goes, because its frame may be freed only after that.

use core::ops::Range;

use abi::layout::ENTRIES;
use abi::{Entry, EntryFlags, Error, Page, PageRange, Permissions, UserPage};

use crate::hardware::{Hardware, Reach};
use crate::memory::space::{Change, Memory, Space, SpacePage, Stale, Via};
use crate::state::frames::Unmapped;

/// A call that walks more pages than this flushes everything once instead of pages one by one. An INVLPG takes 100 to
/// 200 cycles, and reloading CR3 not much more; what it costs is the misses that follow, for the few dozen pages that a
/// program works with. Other systems have found the same: Linux's limit is 33.
const FLUSH_LIMIT: u32 = 32;

/// How far a range call got, and why no further.
pub(crate) struct Progress {
    /// Pages walked, absent ones included.
    pub done: u32,
    /// What stopped it.
    pub result: Result<(), Error>,
}

impl Progress {
    /// This progress of what was left after `done` pages, counted from the beginning.
    pub(crate) const fn after(self, done: u32) -> Self {
        Self { done: self.done + done, ..self }
    }
}

/// What [`Memory::protect_range`] found before it cleared A and D.
#[derive(Clone, Copy, Default)]
pub(crate) struct Found {
    /// All A and D bits together, as `0x20` and `0x40`.
    pub any: u32,
    /// Bit `i`: page `i` of the first 32 was accessed.
    pub accessed: u32,
    /// Bit `i`: page `i` of the first 32 was dirty.
    pub dirty: u32,
}

/// How [`Memory::protect_range`] changes pages, and what it does with a translation that may be cached.
#[derive(Clone, Copy)]
struct Protect<F> {
    space: Space,
    change: Change,
    flush: F,
}

/// How [`Memory::share_range`] changes what it shares.
#[derive(Clone, Copy)]
pub(crate) struct Sharing {
    /// The change on the way.
    pub change: Change,
    /// The source changes in the same way.
    pub both: bool,
}

/// A range of a space.
#[derive(Clone, Copy)]
pub(crate) struct SpaceRange {
    pub space: Space,
    pub range: PageRange,
}

/// The part of a range that lies under one table.
#[derive(Clone, Copy)]
struct Run {
    first: UserPage,
    pages: u32,
}

impl Run {
    /// What is left of `range` after `done` pages, up to the end of the table.
    #[inline(always)]
    fn at(range: PageRange, done: u32) -> Self {
        let first = range.page(done);
        let to_the_end = ENTRIES - first.page().table_index();
        Self { first, pages: to_the_end.min(range.pages() - done) }
    }

    #[inline(always)]
    fn pages(self) -> impl Iterator<Item = UserPage> {
        (0..self.pages).map(move |index| self.first.plus(index))
    }
}

impl<H: Hardware> Memory<'_, H> {
    /// Drops and adds bits on every present page and clears A and D.
    pub fn protect_range(
        &mut self,
        space: Space,
        range: PageRange,
        change: Change,
    ) -> (Progress, Found) {
        let keeps_pager_mark = self.processes.keeps_pager_mark(space.owner);
        let change = if keeps_pager_mark { change } else { change.without_pager() };
        if space.via != Via::Map(Reach::Current) {
            let flush = |_: &mut Self, stale: Stale| stale.of_another_space();
            return self.protect_runs(range, Protect { space, change, flush });
        }
        let space = Space::current(space.owner);
        if range.pages() <= FLUSH_LIMIT {
            let flush = |memory: &mut Self, stale: Stale| memory.flush(&stale);
            return self.protect_runs(range, Protect { space, change, flush });
        }
        let flush = |_: &mut Self, stale: Stale| stale.of_a_flushed_space();
        let progress = self.protect_runs(range, Protect { space, change, flush });
        self.cpu.flush_all();
        progress
    }

    #[inline(always)]
    fn protect_runs<F: Fn(&mut Self, Stale) + Copy>(
        &mut self,
        range: PageRange,
        protect: Protect<F>,
    ) -> (Progress, Found) {
        let mut found = Found::default();
        let mut done = 0;
        while done < range.pages() {
            let run = Run::at(range, done);
            if self.has_table(protect.space, run.first) {
                // Only the first pages of a range have bits of their own in the result.
                let noted = u32::BITS.saturating_sub(done).min(run.pages);
                let mut bits = Bits::default();
                let mut any = 0;
                let result =
                    self.protect_run(run, 0..noted, protect, |old| bits.note(old)).and_then(|()| {
                        let rest = noted..run.pages;
                        self.protect_run(run, rest, protect, |old| any |= old.bits())
                    });
                found.add(bits, done, any);
                if let Err((before, error)) = result {
                    return (Progress { done: done + before, result: Err(error) }, found);
                }
            }
            done += run.pages;
        }
        (Progress { done, result: Ok(()) }, found)
    }

    /// These pages of those under one table; `note` gets the old entry of each, or an absent one. An error says which page
    /// it met.
    #[inline(always)]
    fn protect_run<F: Fn(&mut Self, Stale) + Copy>(
        &mut self,
        run: Run,
        pages: Range<u32>,
        protect: Protect<F>,
        mut note: impl FnMut(Entry),
    ) -> Result<(), (u32, Error)> {
        for index in pages {
            let page = run.first.plus(index);
            let old = self.leaf_of_table(protect.space, page);
            if old.is_present() {
                let changed = self.change_of_many(protect.space, page, old, protect.change);
                (protect.flush)(self, changed.map_err(|error| (index, error))?);
                note(old);
            } else {
                note(Entry::ABSENT);
            }
        }
        Ok(())
    }

    /// Unmaps every present page and leaves marks there. Each page is flushed before its frame may be freed.
    pub fn unmap_range(&mut self, space: Space, range: PageRange, marks: Permissions) -> Progress {
        let mut done = 0;
        while done < range.pages() {
            let run = Run::at(range, done);
            if self.has_table(space, run.first) {
                for page in run.pages() {
                    self.unmap_or_clear(space, page, marks);
                }
            }
            done += run.pages;
        }
        Progress { done, result: Ok(()) }
    }

    fn unmap_or_clear(&mut self, space: Space, page: UserPage, marks: Permissions) {
        let old = self.leaf_of_table(space, page);
        if old != Entry::ABSENT {
            let marks = if old.is_present() { marks } else { Permissions::empty() };
            self.unmap_of_table(space, page, marks);
        }
    }

    /// Maps fresh zeroed pages over all of the range.
    pub fn allocate_range(
        &mut self,
        space: Space,
        range: PageRange,
        permissions: Permissions,
    ) -> Progress {
        for done in 0..range.pages() {
            if let Err(error) = self.allocate(space, range.page(done), permissions) {
                return Progress { done, result: Err(error) };
            }
        }
        Progress { done: range.pages(), result: Ok(()) }
    }

    /// Maps every present page of a range of `from` at the same offset from `first` in `to`; drops and adds bits
    /// on the way, and with `both` at the source too.
    pub fn share_range(&mut self, from: SpaceRange, to: SpaceRange, sharing: Sharing) -> Progress {
        let (SpaceRange { space: from, range }, SpaceRange { space: to, range: first }) =
            (from, to);
        if from.owner == to.owner && range.overlaps_upwards(first) {
            return self.share_downwards(from, range, first, sharing);
        }
        let mut done = 0;
        let mut result = Ok(());
        while done < range.pages() && result.is_ok() {
            let (source, target) = (Run::at(range, done), Run::at(first, done));
            let pages = source.pages.min(target.pages);
            let runs = (Run { pages, ..source }, Run { pages, ..target });
            let mut shared = pages;
            if self.has_table(from, source.first) {
                let each = range.pages() <= FLUSH_LIMIT;
                (shared, result) = self.share_run((from, to), runs, sharing, each);
            }
            done += shared;
        }
        if sharing.both && range.pages() > FLUSH_LIMIT && from.via == Via::Map(Reach::Current) {
            self.cpu.flush_all();
        }
        Progress { done, result }
    }

    /// Shares a range with places of the same space that begin inside it. The walk goes from the last page to the
    /// first, so that each page is read before another one is mapped there; the pages done are those at the end.
    #[cold]
    #[inline(never)]
    fn share_downwards(
        &mut self,
        space: Space,
        range: PageRange,
        first: PageRange,
        sharing: Sharing,
    ) -> Progress {
        for done in 0..range.pages() {
            let index = range.pages() - 1 - done;
            let old = self.leaf(space, range.page(index));
            let (from, to) = (space.at(range.page(index)), space.at(first.page(index)));
            if old.is_present()
                && let Err(error) = self.share_this_page(from, to, old, sharing)
            {
                return Progress { done, result: Err(error) };
            }
        }
        Progress { done: range.pages(), result: Ok(()) }
    }

    /// Shares the pages under one table with places under one table. With `both`, the source is flushed page by page, at
    /// the latest by the caller unless `each` is set.
    #[inline(always)]
    fn share_run(
        &mut self,
        (from, to): (Space, Space),
        (source, target): (Run, Run),
        sharing: Sharing,
        each: bool,
    ) -> (u32, Result<(), Error>) {
        let change = sharing.change;
        let forks = sharing.both
            && from.via == Via::Map(Reach::Current)
            && to.via == Via::Map(Reach::Alternate)
            && source.first == target.first
            && change.takes_write()
            && !self.processes.is_bounded(to.owner)
            && !self.processes[from.owner].device.granted;
        let pages = source.pages;
        let fresh = forks && !self.has_table(to, target.first);
        let mut index = 0;
        while index < pages {
            let page = source.first.plus(index);
            let old = self.leaf_of_table(from, page);
            if old.is_present() {
                let arrives = to.at(target.first.plus(index));
                if let Err(error) = self.share_page(from.at(page), arrives, old, sharing) {
                    return (index, Err(error));
                }
                if forks {
                    // The table is there now, and what the loop does cannot fail.
                    let rest = page.page().number() + 1..source.first.page().number() + pages;
                    let passed_over = match (each, fresh) {
                        (true, _) => self.fork_run::<true, false>((from, to), rest, change),
                        (false, false) => self.fork_run::<false, false>((from, to), rest, change),
                        (false, true) => self.fork_run::<false, true>((from, to), rest, change),
                    };
                    if passed_over {
                        let copied = self.copy_lent(from, to, page, pages - index);
                        if let Err((after, error)) = copied {
                            return (index + after, Err(error));
                        }
                    }
                    break;
                }
            }
            index += 1;
        }
        (pages, Ok(()))
    }

    /// [`Memory::share_page`] within a space, compiled apart from the loop of a fork.
    #[inline(never)]
    fn share_this_page(
        &mut self,
        from: SpacePage,
        to: SpacePage,
        old: Entry,
        sharing: Sharing,
    ) -> Result<(), Error> {
        self.share_page(from, to, old, sharing)
    }

    /// Shares one page that is present.
    #[inline(always)]
    fn share_page(
        &mut self,
        from: SpacePage,
        to: SpacePage,
        old: Entry,
        sharing: Sharing,
    ) -> Result<(), Error> {
        let Sharing { change, both } = sharing;
        if both && change.takes_write() && self.others_may_write(old) {
            return self.share_copy(to, old);
        }
        let (mut old, other_space) = (old, from.space.owner != to.space.owner);
        if old.contains(EntryFlags::PAGER) {
            let change = self.change_of_lent(from.space, to.space, change);
            let permissions = change.permissions(old);
            self.map_entry(old, other_space, to, permissions)?;
            if self.lend(from, other_space, permissions.contains(Permissions::WRITE)) {
                old = old.with_flags(old.flags().difference(EntryFlags::PAGER));
            }
        } else {
            self.map_entry(old, other_space, to, change.permissions(old))?;
        }
        if both {
            let change = change.keeping(EntryFlags::ACCESSED_DIRTY);
            let stale = self.change(from.space, from.page, old, change)?;
            self.flush(&stale);
        }
        Ok(())
    }

    /// Whether the frame of a writable leaf has another mapping, through which somebody may go on writing: a server that
    /// was lent the page, or the process itself at another address.
    #[inline(always)]
    fn others_may_write(&self, old: Entry) -> bool {
        old.is_writable() && self.frames.count(old.frame()).is_some_and(|count| count > 1)
    }

    /// What a copy-on-write share does with a page that others may write: the other process gets a copy of its own, and
    /// the source stays as it is. Taking W away at the source alone would not stop the others, so the other process would
    /// see what they write, and after its next write the source would not.
    #[cold]
    #[inline(never)]
    fn share_copy(&mut self, to: SpacePage, old: Entry) -> Result<(), Error> {
        if old.is_drivers_own() {
            return Err(Error::NotPermitted);
        }
        let fresh = self.frames.allocate().ok_or(Error::OutOfFrames)?;
        self.cpu.hardware.copy_frame(fresh.frame(), old.frame());
        let permissions = old.permissions().difference(Permissions::PAGER);
        self.map_fresh(to.space, to.page, permissions.leaf(), fresh)
    }

    /// After a fork's loop over `pages` pages from `first` on, of which the first is done: copies those that it passed over.
    /// They are the ones that are writable still. Returns how far it got in the run.
    #[cold]
    #[inline(never)]
    fn copy_lent(
        &mut self,
        from: Space,
        to: Space,
        first: UserPage,
        pages: u32,
    ) -> Result<(), (u32, Error)> {
        for index in 1..pages {
            let page = first.plus(index);
            let old = self.leaf_of_table(from, page);
            if old.is_writable() {
                self.share_copy(to.at(page), old).map_err(|error| (index, error))?;
            }
        }
        Ok(())
    }

    /// The change for the leaves that arrive in `to`: mark 9 does not come along, unless neither process has a pager.
    #[inline(always)]
    fn change_of_lent(&self, from: Space, to: Space, change: Change) -> Change {
        if self.processes.keeps_pager_mark(from.owner) || self.processes.keeps_pager_mark(to.owner)
        {
            change.without_pager_mark()
        } else {
            change
        }
    }

    /// What a fork does for most pages: the child's table is there, its owner is not bounded, a page arrives where it
    /// came from and is no driver's own, and W is lost on both sides. `pages` are page numbers. Unless `FLUSH` says so, the
    /// caller flushes. `FRESH` says that nothing is in the child's table where the pages arrive. Pages that others may
    /// write are passed over, and keep their W; returns whether there were any.
    #[inline(never)]
    fn fork_run<const FLUSH: bool, const FRESH: bool>(
        &mut self,
        (from, to): (Space, Space),
        pages: Range<u32>,
        change: Change,
    ) -> bool {
        let (parent, child) = (from.owner, to.owner);
        let at_parent = change.keeping(EntryFlags::ACCESSED_DIRTY);
        let at_child = self.change_of_lent(from, to, change).sealing();
        let mut mapped = pages.end - pages.start;
        let mut lent = false;
        let mut counts = self.frames.counts();
        for page in pages.map(Page::numbered) {
            let old = self.cpu.hardware.read_entry(Reach::Current, page);
            if !old.is_present() {
                mapped -= 1;
                continue;
            }
            if !counts.retain_unless_lent(old) {
                (lent, mapped) = (true, mapped - 1);
                continue;
            }
            if !FRESH {
                let replaced = self.cpu.hardware.read_entry(Reach::Alternate, page);
                if replaced.is_present() {
                    // The child is not loaded, so nothing of it is cached.
                    self.frames.release(Unmapped::after_flush(replaced.frame()));
                    counts = self.frames.counts();
                    mapped -= 1;
                }
            }
            self.cpu.hardware.write_entry(Reach::Alternate, page, at_child.of(old));
            self.cpu.hardware.write_entry(Reach::Current, page, at_parent.of(old));
            if FLUSH {
                self.cpu.flush_page(page);
            }
        }
        self.processes[child].memory.mapped += mapped;
        debug_assert!(self.cpu.loaded == Some(parent));
        lent
    }
}

/// The A and D bits of up to 32 pages in order, the last one's at the top.
#[derive(Clone, Copy, Default)]
struct Bits {
    pages: u32,
    accessed: u32,
    dirty: u32,
}

impl Bits {
    #[inline(always)]
    fn note(&mut self, old: Entry) {
        const TO_TOP_FROM_5: u32 = 26;
        const TO_TOP_FROM_6: u32 = 25;
        let bits = old.bits();
        self.pages += 1;
        self.accessed = self.accessed >> 1 | (bits << TO_TOP_FROM_5 & 1 << 31);
        self.dirty = self.dirty >> 1 | (bits << TO_TOP_FROM_6 & 1 << 31);
    }
}

impl Found {
    /// Adds the bits of pages from page `first` of the range on, and all bits of other entries together.
    #[inline(always)]
    fn add(&mut self, bits: Bits, first: u32, others: u32) {
        if bits.pages > 0 {
            let down = u32::BITS - bits.pages;
            self.accessed |= bits.accessed >> down << first;
            self.dirty |= bits.dirty >> down << first;
            self.any |= if bits.accessed == 0 { 0 } else { EntryFlags::ACCESSED.bits() };
            self.any |= if bits.dirty == 0 { 0 } else { EntryFlags::DIRTY.bits() };
        }
        self.any |= others & EntryFlags::ACCESSED_DIRTY.bits();
    }
}
