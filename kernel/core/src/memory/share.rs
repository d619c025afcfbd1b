//! How pages are mapped a second time: those of a range or of a list, in the same or another space.
//!
//! `share_page` maps any page, in 200 instructions or more. Most pages are mapped by the short loop
//! in `share/fast.rs`, which stops before the first that it may not map.

use core::cell::Cell;

use abi::layout::ENTRIES;
use abi::transaction::{Kind, Wish};
use abi::{Entry, EntryFlags, Error, Permissions};

use crate::hardware::{Hardware, Reach};
use crate::memory::budget::{self, stopped};
use crate::memory::change::Change;
use crate::memory::many::Flush;
use crate::memory::pages::Pages;
use crate::memory::space::{Memory, Space, SpacePage, Via};

mod fast;

/// How [`Memory::share_page`] maps a page.
#[derive(Clone, Copy)]
struct Sharing {
    /// The bits that the destination's leaf loses and gains.
    change: Change,
    /// Whether the source's leaf changes in the same way.
    both: bool,
    /// How the source is flushed by the caller.
    flush: Flush,
}

/// Whether a `range_share` with these arguments copies pages that others may write: a fork does.
pub(crate) const fn may_copy(drop: Permissions, both: bool) -> bool {
    both && drop.contains(Permissions::WRITE)
}

impl<H: Hardware> Memory<'_, H> {
    /// Maps each present page at another place as well, of the same or another space, as a wish
    /// says. Does as many pages as the budget pays, and returns how many they are. An absent page
    /// of a range is passed over.
    ///
    /// # Errors
    /// Of the first page: `InvalidArgument`, its destination is not below UTOP; `NotMapped`, it is
    /// absent, in a list; those of `share_page` and of [`Memory::walk`].
    pub fn share_pages<P: Pages>(
        &mut self,
        (from, to): (Space, Space),
        pages: P,
        wish: Wish,
    ) -> Result<u32, Error> {
        let (change, both) = (Change::new(wish.drop, wish.add), wish.kind == Kind::MapBoth);
        let is_loaded = from.via == Via::Map(Reach::Current);
        let flush = if is_loaded { Flush::Once } else { Flush::Never };
        // No quota counts the frames, and no page is a driver's own.
        let may_be_usual = is_loaded
            && !self.processes.is_bounded(to.owner)
            && !self.processes[from.owner].device.granted
            && wish.distance.is_multiple_of(ENTRIES)
            && (!both || from != to && wish.distance == 0 && change.takes_write());
        let share_usual =
            if both { Self::share_usual::<true, P> } else { Self::share_usual::<false, P> };
        let price = if P::LISTED { budget::PROTECT } else { budget::WALK };
        let left = Cell::new(budget::UNITS);
        // Pays this price, and says whether anything is left.
        let pay = |price| {
            left.set(left.get().saturating_sub(price));
            left.get() > 0
        };
        let mut walked = Ok(0);
        while let Ok(done) = walked
            && done < pages.count()
            && left.get() > 0
        {
            if may_be_usual {
                let part = pages.at_most(done + left.get().div_ceil(price));
                let usual = share_usual(self, (from, to), part, done, wish);
                if usual > done {
                    pay((usual - done) * price);
                    walked = Ok(usual);
                    continue;
                }
            }
            walked = self.walk(
                from,
                pages,
                done,
                |memory, from, _, old| {
                    let to = to.at(wish.place(from.page)?);
                    // A range needs two tables at most, but a list one for each page.
                    let needs_table = P::LISTED && !memory.has_table(to.space, to.page);
                    let table = if needs_table { budget::FRAME } else { 0 };
                    let price =
                        memory.share_page(from, to, old, Sharing { change, both, flush })?;
                    Ok(pay(table + price) && !may_be_usual)
                },
                |_, _, _| if P::LISTED { Err(Error::NotMapped) } else { Ok(pay(budget::WALK)) },
            );
        }
        if both && is_loaded {
            self.flush_pages(pages, walked.unwrap_or_else(|(done, _)| done));
        }
        stopped(walked)
    }

    /// Flushes the first pages, whose space is loaded.
    fn flush_pages<P: Pages>(&mut self, pages: P, done: u32) {
        let flush = Flush::of::<true>(done);
        let singly = if flush == Flush::Each { done } else { 0 };
        for page in (0..singly).map_while(|index| pages.get(index).ok()) {
            self.cpu.flush_page(page.page());
        }
        self.flush_once(flush);
    }

    /// Maps the frame of one present page at the destination, and with `both` changes the source's
    /// leaf. Returns the price of that.
    ///
    /// # Errors
    /// - `NotPermitted`: the page is a driver's own; or W is asked for and the source lacks it; or
    ///   the source would get W and is sealed and has other mappings.
    /// - `OutOfFrames`, `QuotaExceeded`: no frame for the destination, or its owner may not have
    ///   one more.
    fn share_page(
        &mut self,
        from: SpacePage,
        to: SpacePage,
        mut old: Entry,
        Sharing { change, both, flush }: Sharing,
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
            let new = self.changed(from.space.owner, old, change)?;
            self.rewrite(flush, from, old, new);
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
