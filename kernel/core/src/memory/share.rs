//! How a range of pages is shared with another range, of the same or another space.
//!
//! The pages are walked in runs, like those of the other range calls (`range.rs`), and shared one
//! by one by `share_page`. Most pages of a fork are shared by the short loop in `share/fast.rs`.

use abi::{Entry, EntryFlags, Error, PageRange, Permissions};

use crate::hardware::{Hardware, Reach};
use crate::memory::budget::{self, Budget, stopped};
use crate::memory::change::Change;
use crate::memory::range::{FLUSH_LIMIT, Run};
use crate::memory::space::{Memory, Space, SpacePage, Via};

mod fast;

/// How [`Memory::share_range`] changes the leaves that it shares.
#[derive(Clone, Copy)]
pub(crate) struct Sharing {
    /// The bits that the destination's leaf loses and gains.
    pub change: Change,
    /// Whether the source's leaf changes in the same way.
    pub both: bool,
}

/// How the changed leaves of the parent are flushed when a fork shares pages.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flush {
    /// Page by page.
    Each,
    /// By the caller, who flushes the whole TLB.
    ByCaller,
}

/// Whether a `range_share` with these arguments copies pages that others may write: a fork does.
pub(crate) const fn may_copy(drop: Permissions, both: bool) -> bool {
    both && drop.contains(Permissions::WRITE)
}

/// A range of pages of a space.
#[derive(Clone, Copy)]
pub(crate) struct SpaceRange {
    pub space: Space,
    pub range: PageRange,
}

impl<H: Hardware> Memory<'_, H> {
    /// Maps each present page of a range at the same offset in another range, of the same or
    /// another space. The destination's leaves lose and gain bits; with `both`, the source's leaves
    /// do, too. Does as many pages as the budget pays, and returns how many they are.
    ///
    /// # Errors
    /// Those of `share_page`, of the first page.
    pub fn share_range(
        &mut self,
        from: SpaceRange,
        to: SpaceRange,
        sharing: Sharing,
        budget: &mut Budget,
    ) -> Result<u32, Error> {
        let pages = from.range.pages();
        let forks = self.flush_of_fork(from, to, sharing);
        let (mut done, mut result) = (0, Ok(()));
        while done < pages && result.is_ok() && budget.left() > 0 {
            let run = Run::at(from.range, done);
            // Pages without a table cost nothing: a range lies under two tables at most.
            let mut shared = run.pages;
            if self.has_table(from.space, run.first) {
                let to = to.space.at(to.range.page(done));
                (shared, result) = self.share_run(from.space, run, to, sharing, forks, budget);
            }
            done += shared;
        }
        if sharing.both && pages > FLUSH_LIMIT && from.space.via == Via::Map(Reach::Current) {
            self.cpu.flush_all();
        }
        result.map_or_else(|error| stopped(done, error), |()| Ok(done))
    }

    /// How [`Memory::share_usual`] flushes the pages of a range that it may share: they keep their
    /// addresses and lose W on both sides, no quota counts the child's frames, and the parent has
    /// no page of a driver's own. `None` for any other range.
    fn flush_of_fork(&self, from: SpaceRange, to: SpaceRange, sharing: Sharing) -> Option<Flush> {
        let forks = sharing.both
            && from.space.via == Via::Map(Reach::Current)
            && to.space.via == Via::Map(Reach::Alternate)
            && from.range == to.range
            && sharing.change.takes_write()
            && !self.processes.is_bounded(to.space.owner)
            && !self.processes[from.space.owner].device.granted;
        let flush = if from.range.pages() <= FLUSH_LIMIT { Flush::Each } else { Flush::ByCaller };
        forks.then_some(flush)
    }

    /// Shares a run with the pages from `to` on, up to the end of the budget. Returns how many pages
    /// were walked, and the error that stopped the walk.
    fn share_run(
        &mut self,
        from: Space,
        run: Run,
        to: SpacePage,
        sharing: Sharing,
        forks: Option<Flush>,
        budget: &mut Budget,
    ) -> (u32, Result<(), Error>) {
        let mut index = 0;
        while index < run.pages && budget.left() > 0 {
            if let Some(flush) = forks
                && self.has_table(to.space, to.page)
            {
                let pages = (run.pages - index).min(budget.left());
                let rest = Run { first: run.first.plus(index), pages };
                let usual = self.share_usual((from, to.space), rest, sharing.change, flush);
                budget.spend(usual);
                index += usual;
                if usual == pages {
                    continue;
                }
            }
            let page = run.first.plus(index);
            let old = self.leaf_of_table(from, page);
            if old.is_present() {
                let to = to.space.at(to.page.plus(index));
                match self.share_page(from.at(page), to, old, sharing) {
                    Ok(price) => budget.spend(price),
                    Err(error) => return (index, Err(error)),
                }
            } else {
                budget.spend(budget::WALK);
            }
            index += 1;
        }
        (index, Ok(()))
    }

    /// Shares one present page: maps its frame at the destination, and with `both` changes the
    /// source's leaf. Returns the price of that.
    ///
    /// # Errors
    /// - `NotPermitted`: the page is a driver's own; or W is asked for and the source lacks it; or
    ///   the source would get W and is sealed and has other mappings.
    /// - `OutOfFrames`, `QuotaExceeded`: no frame for the destination, or its owner may not have
    ///   one more.
    pub fn share_page(
        &mut self,
        from: SpacePage,
        to: SpacePage,
        mut old: Entry,
        Sharing { change, both }: Sharing,
    ) -> Result<u32, Error> {
        if both && change.takes_write() && self.others_may_write(old) {
            return self.share_copy(to, old).map(|()| budget::MAP + budget::FRAME);
        }
        let other_space = from.space.owner != to.space.owner;
        let permissions = self.change_of_lent(from.space, to.space, change).permissions(old);
        self.map_entry(old, other_space, to, permissions)?;
        if old.contains(EntryFlags::PAGER)
            && self.lend(
                from.space,
                from.page,
                other_space,
                permissions.contains(Permissions::WRITE),
            )
        {
            // `lend` has cleared PAGER in the leaf. The copy here must agree with the leaf, or the
            // change below would set PAGER again.
            old = old.with_flags(old.flags().difference(EntryFlags::PAGER));
        }
        if both {
            let change = change.keeping(EntryFlags::ACCESSED_DIRTY);
            let stale = self.change(from.space, from.page, old, change)?;
            self.flush(&stale);
        }
        Ok(budget::MAP)
    }

    /// Whether the leaf is writable and its frame has another mapping: others may go on writing the
    /// frame through that one, even if this leaf loses W.
    fn others_may_write(&self, old: Entry) -> bool {
        old.is_writable() && self.frames.count(old.frame()).is_some_and(|count| count > 1)
    }

    /// Copies a page in place of a copy-on-write share, because others may write it: its leaf is
    /// writable, and its frame has another mapping (of a server that got the page in a message, or
    /// of the process itself at another address). The destination gets a frame of its own, and the
    /// source stays as it is.
    ///
    /// Dropping W at the source would not stop the other writers. The destination would see what
    /// they write, and after the destination's next write it would have a copy while the source
    /// goes on sharing with them.
    #[cold]
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
    pub fn change_of_lent(&self, from: Space, to: Space, change: Change) -> Change {
        if self.processes.keeps_pager_mark(from.owner) || self.processes.keeps_pager_mark(to.owner)
        {
            change.without_pager_mark()
        } else {
            change
        }
    }
}
