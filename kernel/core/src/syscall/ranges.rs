//! The calls that change a range of pages.
//!
//! A range call returns how many pages it has done, even when it fails. If it finds no free frame
//! and its caller's pager then frees some, the call is made a second time and continues after those
//! pages (`second_try.rs`).
//!
//! Errors: each call has those of the same call for one page (`abi::Syscall`); the pages before the
//! error stay changed.

use abi::process::Target;
use abi::transaction::{Kind, Seen, Wish};
use abi::{EntryFlags, Error, PageRange, Permissions, UserPage};

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::memory::change::Change;
use crate::memory::share::{Sharing, SpaceRange};
use crate::memory::space::{Memory, Space};
use crate::state::process::Index;

/// The most page tables that a range may need: a range crosses at most one boundary between tables.
const TWO_TABLES: u32 = 2;

impl<H: Hardware> Kernel<H> {
    /// Shares a range, or what is left of it in a second try.
    pub(crate) fn range_share(
        &mut self,
        caller: Index,
        (process, range): (Target, PageRange),
        (to, to_page): (Target, UserPage),
        (drop, add, both): (Permissions, Permissions, bool),
    ) -> Result<(), Error> {
        let done = self.done_before(caller);
        let first = PageRange::new(to_page, range.pages())?;
        // Each page of a fork may have to be copied, if others may write it.
        let copies = if both && drop.contains(Permissions::WRITE) { range.pages() } else { 0 };
        let spaces = self.room_in_both(caller, process, to, copies + TWO_TABLES)?;
        let Some((from, to)) = spaces else { return Ok(()) };
        if self.waits_for_quota(caller, to.owner, range.pages() + TWO_TABLES) {
            return Ok(());
        }
        let mut add = self.processes.may_leave(caller, to.owner, add);
        if both {
            add = self.processes.may_leave(caller, from.owner, add);
        }
        let change = Change::new(drop, add);
        // A range whose destination overlaps it upwards is walked from its last page down, so that
        // no page is overwritten before it is shared. What is left of it is then its beginning.
        let (range, first) = if done != 0 && from.owner == to.owner && range.overlaps_upwards(first)
        {
            (range.before_last(done)?, first.before_last(done)?)
        } else {
            (range.after(done)?, first.after(done)?)
        };
        let progress = {
            let (from, to) =
                (SpaceRange { space: from, range }, SpaceRange { space: to, range: first });
            self.memory().share_range(from, to, Sharing { change, both })
        };
        self.progress(caller, &progress.after(done))
    }

    /// Unmaps a range, or what is left of it in a second try.
    pub(crate) fn range_unmap(
        &mut self,
        caller: Index,
        (process, range): (Target, PageRange),
        marks: Permissions,
    ) -> Result<(), Error> {
        let done = self.done_before(caller);
        let Some(space) = self.room_in(caller, process, 0)? else { return Ok(()) };
        let marks = self.processes.may_leave(caller, space.owner, marks);
        let progress = self.memory().unmap_range(space, range.after(done)?, marks);
        self.progress(caller, &progress.after(done))
    }

    /// Allocates a range, or what is left of it in a second try.
    pub(crate) fn range_allocate(
        &mut self,
        caller: Index,
        (process, range): (Target, PageRange),
        permissions: Permissions,
    ) -> Result<(), Error> {
        let done = self.done_before(caller);
        let range = range.after(done)?;
        let frames = range.pages() + TWO_TABLES;
        let Some(space) = self.room_in(caller, process, frames)? else { return Ok(()) };
        if self.waits_for_quota(caller, space.owner, frames) {
            return Ok(());
        }
        let permissions = self.processes.may_leave(caller, space.owner, permissions);
        let progress = self.memory().allocate_range(space, range, permissions);
        self.progress(caller, &progress.after(done))
    }

    /// Changes the pages of a list at an address of the caller's, in the space of `process`.
    ///
    /// The list is copied first. So a fault in it comes before anything has changed, and no page
    /// that changes can take the list away.
    pub(crate) fn transact(
        &mut self,
        caller: Index,
        process: Target,
        (address, pages): (u32, u32),
        mut wish: Wish,
    ) -> Result<(), Error> {
        let owner = self.memory_of(caller, process)?;
        // Each page may take a frame for a copy and one for a table.
        let frames = if wish.kind.maps() { 2 * pages } else { TWO_TABLES };
        let list = (address, size_of::<Seen>() as u32 * pages);
        if self.waits_for_room(caller, frames)
            || self.waits_for_quota(caller, owner, frames)
            || !self.check_words(caller, list, false)?
        {
            return Ok(());
        }
        wish.add = self.processes.may_leave(caller, owner, wish.add);
        if wish.kind == Kind::MapBoth {
            wish.add = self.processes.may_leave(caller, caller, wish.add);
        }
        let target = self.space(owner);
        let Self { cpu, frames, processes, list, .. } = self;
        let list = &mut list[..pages as usize];
        cpu.hardware.read_list(address, list);
        let mut memory = Memory { cpu, frames, processes };
        let (progress, old) = memory.transact(Space::current(caller), target, wish, list);
        if progress.done == 0 {
            progress.result?;
        }
        let registers = &mut self.processes[caller].registers;
        (registers.ebx, registers.esi) = (progress.done, old & EntryFlags::ACCESSED_DIRTY.bits());
        self.succeed(caller)
    }

    /// Changes the permissions and marks of a range. It returns which A and D bits it found set.
    pub(crate) fn range_protect(
        &mut self,
        caller: Index,
        (process, range): (Target, PageRange),
        (drop, add): (Permissions, Permissions),
    ) -> Result<(), Error> {
        let Some(space) = self.room_in(caller, process, 0)? else { return Ok(()) };
        let add = self.processes.may_leave(caller, space.owner, add);
        let (progress, found) = self.memory().protect_range(space, range, Change::new(drop, add));
        if progress.result.is_err() {
            return self.progress(caller, &progress);
        }
        self.answer_all(caller, [progress.done, found.any, found.accessed, found.dirty])
    }
}
