//! Range calls: how the kernel changes all pages of a range in one call.
//!
//! A range is walked in *runs*: a run is the part of the range under one table. Three things are
//! the same for all pages of a run and are found out once: whether the table is present, how it is
//! reached ([`Via`]), and, if frames stay in place, whether each page is flushed or the whole TLB
//! at the end ([`FLUSH_LIMIT`]). Unmapping and allocating always flush each page that is removed,
//! because its frame may be freed only after the flush.
//!
//! A call that stops at an error says how many pages it has walked ([`Progress`]). The pages before
//! the error stay changed.
//!
//! [`Memory::share_range`] has three loops:
//! - `fork_run` for the pages of a fork: a short loop that cannot fail. It stops before a page whose
//!   frame other processes may write.
//! - `share_page`, page by page, for every other share, for the first page of a fork's run, which
//!   may have to add the child's table, and for the pages before which `fork_run` stops.
//! - `share_downwards` for a destination that begins inside the source.

use core::ops::Range;

use abi::layout::ENTRIES;
use abi::{Entry, EntryFlags, Error, Page, PageRange, Permissions, UserPage};

use crate::hardware::{Hardware, Reach};
use crate::memory::space::{Change, Memory, Space, SpacePage, Stale, Via};
use crate::state::frames::Unmapped;

/// The most pages that a call flushes one by one; a call on more pages flushes the whole TLB once.
///
/// INVLPG takes 100 to 200 cycles, and a reload of CR3 little more. The real price of the reload is
/// the TLB misses after it, for the few dozen pages that a program works with. Linux's limit is 33,
/// for the same reason.
const FLUSH_LIMIT: u32 = 32;

/// How many pages a range call has walked, and why it stopped.
pub(crate) struct Progress {
    /// The pages that were walked, absent ones included.
    pub done: u32,
    /// The error that stopped the call.
    pub result: Result<(), Error>,
}

impl Progress {
    /// The progress of a whole range, if this is the progress of the part after its first `done`
    /// pages.
    pub(crate) const fn after(self, done: u32) -> Self {
        Self { done: self.done + done, ..self }
    }
}

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

/// How [`Memory::protect_range`] changes a leaf, and how it flushes the leaf's old translation.
#[derive(Clone, Copy)]
struct Protect<F> {
    space: Space,
    change: Change,
    flush: F,
}

/// How [`Memory::share_range`] changes the leaves that it shares.
#[derive(Clone, Copy)]
pub(crate) struct Sharing {
    /// The bits that the destination's leaf loses and gains.
    pub change: Change,
    /// Whether the source's leaf changes in the same way.
    pub both: bool,
}

/// A range of pages of a space.
#[derive(Clone, Copy)]
pub(crate) struct SpaceRange {
    pub space: Space,
    pub range: PageRange,
}

/// A run: the part of a range that lies under one table.
#[derive(Clone, Copy)]
struct Run {
    first: UserPage,
    pages: u32,
}

impl Run {
    /// The run that begins after `done` pages of `range`. It ends with the table or with the range.
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
    /// Drops and adds bits in the leaf of each present page, and clears A and D.
    ///
    /// The error in the progress is `NotPermitted`: a sealed page that has other mappings would get
    /// W.
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

    /// The loop of [`Memory::protect_range`], compiled once for each way to flush.
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
                // Only the first 32 pages of a range have bits of their own in the result.
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

    /// Changes some of the pages of a run, given by their indices in it. `note` gets the old leaf
    /// of each page, or an absent entry. An error comes with the index of the page that caused it.
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

    /// Unmaps each present page of a range and leaves marks in its leaf. The marks of absent leaves
    /// are cleared. Each page is flushed before its frame may be freed.
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

    /// Unmaps a present page and leaves marks there, or clears the marks of an absent leaf.
    fn unmap_or_clear(&mut self, space: Space, page: UserPage, marks: Permissions) {
        let old = self.leaf_of_table(space, page);
        if old != Entry::ABSENT {
            let marks = if old.is_present() { marks } else { Permissions::empty() };
            self.unmap_of_table(space, page, marks);
        }
    }

    /// Maps a fresh zeroed page at each page of a range, in place of what was mapped there.
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

    /// Maps each present page of a range at the same offset in another range, of the same or
    /// another space. The destination's leaves lose and gain bits; with `both`, the source's leaves
    /// do, too.
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

    /// Shares a range with a range of the same space that begins inside it. The walk goes from the
    /// last page to the first, so that each page is shared before another page is mapped over it.
    /// The pages done are those at the end of the range.
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

    /// Shares a run with a run of the same length. `each` says for a fork's loop whether it flushes
    /// every changed leaf of the source; if not, the caller flushes the TLB after the last run.
    ///
    /// Returns how many pages were walked, and the error that stopped the walk.
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
            index += 1;
            if old.is_present() {
                let arrives = to.at(target.first.plus(index - 1));
                if let Err(error) = self.share_page(from.at(page), arrives, old, sharing) {
                    return (index - 1, Err(error));
                }
                if forks {
                    // The table is present now, so the loop cannot fail. It stops at a page that
                    // others may write, which is copied above: the pages are done in their order.
                    let rest = page.page().number() + 1..source.first.page().number() + pages;
                    index += match (each, fresh) {
                        (true, _) => self.fork_run::<true, false>((from, to), rest, change),
                        (false, false) => self.fork_run::<false, false>((from, to), rest, change),
                        (false, true) => self.fork_run::<false, true>((from, to), rest, change),
                    };
                }
            }
        }
        (pages, Ok(()))
    }

    /// [`Memory::share_page`] within one space, in a function of its own: the inlined copy in the
    /// loop of a fork stays small.
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

    /// Shares one present page: maps its frame at the destination, and with `both` changes the
    /// source's leaf.
    ///
    /// # Errors
    /// - `NotPermitted`: the page is a driver's own; or W is asked for and the source lacks it; or
    ///   the source would get W and is sealed and has other mappings.
    /// - `OutOfFrames`, `QuotaExceeded`: no frame for the destination, or its owner may not have
    ///   one more.
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
                // `lend` has cleared PAGER in the leaf. The copy here must agree with the leaf, or
                // the change below would set PAGER again.
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

    /// Whether the leaf is writable and its frame has another mapping. A process may then go on
    /// writing the frame through that mapping, even if this leaf loses W: a server that got the
    /// page in a message, or the process itself at another address.
    #[inline(always)]
    pub fn others_may_write(&self, old: Entry) -> bool {
        old.is_writable() && self.frames.count(old.frame()).is_some_and(|count| count > 1)
    }

    /// Copies a page that others may write, in place of a copy-on-write share. The destination gets
    /// a frame of its own, and the source stays as it is.
    ///
    /// Dropping W at the source would not stop the other writers. The destination would see what
    /// they write, and after the destination's next write it would have a copy while the source
    /// goes on sharing with them.
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

    /// The change for a destination's leaf. It drops PAGER if the source's or the destination's
    /// owner has a pager: the mark speaks of one leaf and does not come along (`clean.rs`).
    #[inline(always)]
    fn change_of_lent(&self, from: Space, to: Space, change: Change) -> Change {
        if self.processes.keeps_pager_mark(from.owner) || self.processes.keeps_pager_mark(to.owner)
        {
            change.without_pager_mark()
        } else {
            change
        }
    }

    /// Shares the pages of a fork's run, given by their numbers.
    ///
    /// This is the short loop for the usual page. `share_run` has checked that the child's table is
    /// present, that no quota counts the child's frames, that the pages keep their addresses, that
    /// the parent has no page of a driver's own, and that both sides lose W. So no page can fail.
    ///
    /// `FLUSH`: flush each changed leaf of the parent; otherwise the caller flushes the TLB.
    /// `FRESH`: the child's table was new, so its leaves need not be read.
    ///
    /// Stops before a page that others may write, because a copy of it may fail. Returns how many
    /// pages it has walked.
    #[inline(never)]
    fn fork_run<const FLUSH: bool, const FRESH: bool>(
        &mut self,
        (from, to): (Space, Space),
        pages: Range<u32>,
        change: Change,
    ) -> u32 {
        let (parent, child) = (from.owner, to.owner);
        let at_parent = change.keeping(EntryFlags::ACCESSED_DIRTY);
        let at_child = self.change_of_lent(from, to, change).sealing();
        let mut walked = pages.end - pages.start;
        let mut mapped = walked;
        let mut counts = self.frames.counts();
        for page in pages.clone().map(Page::numbered) {
            let old = self.cpu.hardware.read_entry(Reach::Current, page);
            if !old.is_present() {
                mapped -= 1;
                continue;
            }
            if !counts.retain_unless_lent(old) {
                let left = pages.end - page.number();
                (walked, mapped) = (walked - left, mapped - left);
                break;
            }
            if !FRESH {
                let replaced = self.cpu.hardware.read_entry(Reach::Alternate, page);
                if replaced.is_present() {
                    // The child is not loaded, so the TLB holds no translation of its pages.
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
        walked
    }
}

/// The A and D bits of up to 32 pages in order. Each new page shifts the others down by one, so the
/// last page's bit is bit 31.
#[derive(Clone, Copy, Default)]
struct Bits {
    pages: u32,
    accessed: u32,
    dirty: u32,
}

impl Bits {
    /// Adds the bits of one leaf. Its bits 5 (A) and 6 (D) are shifted to bit 31 without a branch.
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
    /// Adds the bits of the pages from page `first` of the range on, and the A and D bits of
    /// `others`, the OR of further leaves.
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
