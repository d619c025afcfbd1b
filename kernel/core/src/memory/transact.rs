//! How the pages of a list are changed, each of whose entries is still what the caller has seen.
//!
//! Pages of the loaded space are flushed one by one, or, if the list is long, by one CR3 load behind
//! the last. Frames that were unmapped are released only after that; until then their leaves keep
//! them, without P, as in `range.rs`.
//!
//! Most pages that are mapped are *usual* (`map_usual`): a short loop maps them, and stops before
//! the first that is not. That one is mapped by `share_page`, in 200 instructions in place of 50.

use abi::layout::{ENTRIES, PAGE_SIZE};
use abi::transaction::{COMPARED, Kind, Seen, Wish};
use abi::{Entry, EntryFlags, Error, Page, Permissions, UserPage};

use crate::hardware::{Hardware, Reach};
use crate::memory::budget::{self, Budget, stopped};
use crate::memory::change::Change;
use crate::memory::range::{FLUSH_LIMIT, is_taken_out, taken_out};
use crate::memory::share::Sharing;
use crate::memory::space::{Memory, Space, Via};
use crate::state::frames::Unmapped;

/// A list of more pages is flushed by one CR3 load.
const LONG: usize = FLUSH_LIMIT as usize;
/// The price of a page that is usual.
const USUAL: u32 = budget::PROTECT;

/// The pages done and their old leaves, combined by OR; or why the first page failed.
type Done = Result<(u32, u32), Error>;

impl<H: Hardware> Memory<'_, H> {
    /// Changes the first pages of a list in the space `target`, as many as the call's budget pays.
    /// The caller's space `own` is loaded.
    ///
    /// # Errors
    /// Of the first page: `InvalidArgument`, it is not the address of a page below UTOP; `Busy`, its
    /// leaf is another one than was seen; `NotMapped`, it is absent, and not to be unmapped; and
    /// those of [`Memory::changed`], [`Memory::unmap`] and [`Memory::share_page`].
    pub fn transact(&mut self, own: Space, target: Space, wish: Wish, list: &[Seen]) -> Done {
        let mut budget = Budget::new();
        let change = Change::new(wish.drop, wish.add).keeping(EntryFlags::ACCESSED_DIRTY);
        let other = Space::through(Reach::Alternate, target.owner);
        let is_loaded = own == target;
        match wish.kind {
            Kind::Protect => {
                let list = budget.first(list, budget::PROTECT);
                if is_loaded && list.len() <= LONG {
                    return self.protect_listed::<true>(own, change, list);
                }
                let done = self.protect_listed::<false>(target, change, list);
                if is_loaded {
                    self.cpu.flush_all();
                }
                done
            }
            Kind::Unmap => {
                let list = budget.first(list, budget::UNMAP);
                if is_loaded && list.len() > LONG {
                    self.unmap_long_list(own, wish.add, list)
                } else if is_loaded {
                    self.unmap_listed(own, wish.add, list)
                } else {
                    self.unmap_listed(other, wish.add, list)
                }
            }
            Kind::Map | Kind::MapBoth => self.map_listed(own, target, wish, list, &mut budget),
        }
    }

    /// Drops and adds bits in the leaves of a list. If not `SINGLY`, the caller flushes the space,
    /// or it is not the loaded one.
    #[inline(never)]
    fn protect_listed<const SINGLY: bool>(
        &mut self,
        space: Space,
        change: Change,
        list: &[Seen],
    ) -> Done {
        self.each(space, list, |memory, page, old| {
            if !old.is_present() {
                return Err(Error::NotMapped);
            }
            let new = memory.changed(space.owner, old, change)?;
            if SINGLY {
                let stale = memory.replace(space, page, old, new);
                memory.flush(&stale);
            } else {
                let stale = memory.overwrite(space, page, old, new);
                if space.via == Via::Map(Reach::Current) {
                    stale.of_a_flushed_space();
                } else {
                    stale.of_another_space();
                }
            }
            Ok(())
        })
    }

    /// Unmaps the pages of a list and leaves marks there.
    #[inline(never)]
    fn unmap_listed(&mut self, space: Space, marks: Permissions, list: &[Seen]) -> Done {
        self.each(space, list, |memory, page, old| {
            if old.is_present() {
                memory.unmap_of_table(space, page, marks);
                Ok(())
            } else {
                memory.unmap(space, page, marks).map(drop)
            }
        })
    }

    /// As [`Memory::unmap_listed`] for many pages of the loaded space: takes all out, flushes once,
    /// and then releases their frames.
    fn unmap_long_list(&mut self, space: Space, marks: Permissions, list: &[Seen]) -> Done {
        let done = self.each(space, list, |memory, page, old| {
            if old.is_present() {
                memory.overwrite(space, page, old, taken_out(old)).of_a_flushed_space();
                Ok(())
            } else if is_taken_out(old) {
                // The list has the page twice, and says how its leaf looks by now.
                Err(Error::Busy)
            } else {
                memory.unmap(space, page, marks).map(drop)
            }
        });
        self.cpu.flush_all();
        let mut released = 0;
        for page in list.iter().map_while(|seen| UserPage::new(seen.page).ok()) {
            let old = self.leaf(space, page);
            if is_taken_out(old) {
                self.overwrite(space, page, old, Entry::paged_out(marks)).of_an_absent_leaf();
                self.frames.release(Unmapped::after_flush(old.frame()));
                released += 1;
            }
        }
        self.processes.credit(space.owner, released);
        done
    }

    /// Maps the pages of a list, which are the caller's own, in another space or at another place.
    fn map_listed(
        &mut self,
        own: Space,
        target: Space,
        wish: Wish,
        list: &[Seen],
        budget: &mut Budget,
    ) -> Done {
        let both = wish.kind == Kind::MapBoth;
        let sharing = Sharing { change: Change::new(wish.drop, wish.add), both };
        let is_other = own != target;
        let may_be_usual = !self.processes.is_bounded(target.owner)
            && wish.distance.is_multiple_of(ENTRIES)
            && (!both || is_other && sharing.change.takes_write());
        let map_usual = match (both, is_other) {
            (true, _) => Self::map_usual::<true, true>,
            (false, true) => Self::map_usual::<false, true>,
            (false, false) => Self::map_usual::<false, false>,
        };
        let (mut done, mut failed) = (0, None);
        while failed.is_none()
            && budget.left() > 0
            && let Some(rest @ &[next, ..]) = list.get(done..)
        {
            let part = budget.first(rest, USUAL);
            let usual = if may_be_usual { map_usual(self, own, target, wish, part) } else { 0 };
            done += usual;
            budget.spend(usual as u32 * USUAL);
            if usual == 0 {
                let mapped = self.each(own, &[next], |memory, page, old| {
                    if !old.is_present() {
                        return Err(Error::NotMapped);
                    }
                    let (from, to) = (own.at(page), target.at(wish.place(page)?));
                    budget.spend(memory.share_page(from, to, old, sharing)?);
                    Ok(())
                });
                done += usize::from(mapped.is_ok());
                failed = mapped.err();
            }
        }
        if both {
            self.flush_listed(&list[..done]);
        }
        let done = done as u32;
        failed.map_or(Ok(done), |error| stopped(done, error)).map(|done| (done, 0))
    }

    /// Maps usual pages of a list, up to the first that is not, and returns how many these are. It
    /// does not flush.
    ///
    /// A page is usual if its leaf is as it was seen, and present; if it has the same place in its
    /// table as its destination, and no other table than the first page of the list; if nothing is
    /// present at the destination; if no mark of the leaf has to change for another leaf of its
    /// frame; and with `BOTH`, if no other process may write the frame.
    // Not inlined, so that the loop has all registers.
    #[inline(never)]
    fn map_usual<const BOTH: bool, const OTHER: bool>(
        &mut self,
        own: Space,
        target: Space,
        wish: Wish,
        list: &[Seen],
    ) -> usize {
        let reach = if OTHER { Reach::Alternate } else { Reach::Current };
        let (own, target) = (Space::current(own.owner), Space::through(reach, target.owner));
        let Some(Ok(page)) = list.first().map(|seen| UserPage::new(seen.page)) else { return 0 };
        let Ok(to) = wish.place(page) else { return 0 };
        if !self.has_table(own, page) || !self.has_table(target, to) {
            return 0;
        }
        // The pager's mark stays where the frame gets no leaf with W (`clean.rs`).
        let looked_at = EntryFlags::PRESENT | EntryFlags::DRIVERS_OWN;
        let looked_at = if BOTH { looked_at } else { looked_at | EntryFlags::PAGER };
        let change = Change::new(wish.drop, wish.add);
        let at_own = change.keeping(EntryFlags::ACCESSED_DIRTY);
        let at_target = self.change_of_lent(own, target, change);
        let sealed = if OTHER { at_target.sealing() } else { at_target };
        let (table, target_table) = (page.slot().first_page(), to.slot().first_page());
        let mut rest = list.iter();
        let mut counts = self.frames.counts();
        while let Some(seen) = rest.as_slice().first()
            && seen.page & !IN_TABLE == table.address()
        {
            let index = Page::containing(seen.page & IN_TABLE).number();
            let (page, to) = (table.plus(index), target_table.plus(index));
            let old = self.cpu.hardware.read_entry(Reach::Current, page);
            if is_unexpected(old, *seen) || old.flags() & looked_at != EntryFlags::PRESENT {
                break;
            }
            let replaced = self.cpu.hardware.read_entry(reach, to);
            if replaced.is_present() || !counts.retain_unless_lent::<BOTH>(old) {
                break;
            }
            let keeps_write = !BOTH && at_target.of(old).is_writable();
            let new = if keeps_write { at_target } else { sealed };
            self.cpu.hardware.write_entry(reach, to, new.of(old));
            if BOTH {
                self.cpu.hardware.write_entry(Reach::Current, page, at_own.of(old));
            }
            rest.next();
        }
        let done = list.len() - rest.len();
        self.processes[target.owner].memory.mapped += done as u32;
        done
    }

    /// Flushes the pages of a list that were changed in the loaded space.
    fn flush_listed(&mut self, list: &[Seen]) {
        if list.len() > LONG {
            return self.cpu.flush_all();
        }
        for seen in list {
            self.cpu.flush_page(Page::containing(seen.page));
        }
    }

    /// Does something with each page of a list, if its leaf is as it was seen, and gives it that
    /// leaf.
    #[inline(always)]
    fn each(
        &mut self,
        space: Space,
        list: &[Seen],
        mut act: impl FnMut(&mut Self, UserPage, Entry) -> Result<(), Error>,
    ) -> Done {
        let (mut done, mut all) = (0, 0);
        for seen in list {
            let acted = UserPage::new(seen.page).and_then(|page| {
                let old = self.leaf(space, page);
                if is_unexpected(old, *seen) {
                    return Err(Error::Busy);
                }
                act(self, page, old)?;
                Ok(old.bits())
            });
            match acted {
                Ok(old) => all |= old,
                Err(error) => return stopped(done, error).map(|done| (done, all)),
            }
            done += 1;
        }
        Ok((done, all))
    }
}

/// The bits of an address that say which page of a table it is.
const IN_TABLE: u32 = (ENTRIES - 1) * PAGE_SIZE;

/// Whether a leaf is another one than was seen. A and D do not matter.
const fn is_unexpected(leaf: Entry, seen: Seen) -> bool {
    (leaf.bits() ^ seen.entry) & COMPARED != 0
}
