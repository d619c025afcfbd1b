//! The calls that change many pages: those of a range, or those of a list.
//!
//! Such a call does a bounded amount of work (`memory/budget.rs`) and returns how many pages it has done,
//! which may be fewer than it was asked for. If a page fails, the call returns the pages before it;
//! only if that page is the first, it returns the error, and has changed nothing. So a call
//! that waits for memory does that at its first page, and is made again like any other call.
//!
//! Errors: each call has those of the same call for one page (`abi::Syscall`).

use abi::layout::PAGE_SIZE;
use abi::process::Target;
use abi::transaction::{Kind, Seen, Wish};
use abi::{EntryFlags, Error, PageRange, Permissions, UserPage};

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::memory::change::Change;
use crate::memory::map::{PAGE_AND_TABLE, TABLE};
use crate::memory::share::may_copy;
use crate::memory::space::{Memory, Space};
use crate::state::process::Index;

impl<H: Hardware> Kernel<H> {
    /// Shares the first pages of a range.
    ///
    /// # Errors
    /// `InvalidArgument`: the destination begins inside the source, behind its first page. The walk
    /// goes upwards, and would share pages that it has replaced.
    pub(crate) fn range_share(
        &mut self,
        caller: Index,
        (process, range): (Target, PageRange),
        (to, to_page): (Target, UserPage),
        (drop, add, both): (Permissions, Permissions, bool),
    ) -> Result<(), Error> {
        let target = PageRange::new(to_page, range.pages())?;
        let frames = if may_copy(drop, both) { PAGE_AND_TABLE } else { TABLE };
        let spaces = self.room_in_both(caller, process, to, frames)?;
        let Some((from, to)) = spaces else { return Ok(()) };
        if from.owner == to.owner && range.overlaps_upwards(target) {
            return Err(Error::InvalidArgument);
        }
        let mut add = self.processes.may_leave(caller, to.owner, add);
        if both {
            add = self.processes.may_leave(caller, from.owner, add);
        }
        let kind = if both { Kind::MapBoth } else { Kind::Map };
        let distance = to_page.address().wrapping_sub(range.first().address()) / PAGE_SIZE;
        let wish = Wish { kind, drop, add, distance };
        let done = self.memory().share_pages((from, to), range, wish)?;
        self.answer(caller, done)
    }

    /// Unmaps the first pages of a range.
    pub(crate) fn range_unmap(
        &mut self,
        caller: Index,
        (process, range): (Target, PageRange),
        marks: Permissions,
    ) -> Result<(), Error> {
        let Some(space) = self.room_in(caller, process, 0)? else { return Ok(()) };
        let marks = self.processes.may_leave(caller, space.owner, marks);
        let (done, _) = self.memory().unmap_pages(space, range, marks)?;
        self.answer(caller, done)
    }

    /// Allocates the first pages of a range.
    pub(crate) fn range_allocate(
        &mut self,
        caller: Index,
        (process, range): (Target, PageRange),
        permissions: Permissions,
    ) -> Result<(), Error> {
        let Some(space) = self.room_in(caller, process, PAGE_AND_TABLE)? else { return Ok(()) };
        let permissions = self.processes.may_leave(caller, space.owner, permissions);
        let done = self.memory().allocate_range(space, range, permissions)?;
        self.answer(caller, done)
    }

    /// Changes the first pages of a list at an address of the caller's, in the space of `process`.
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
        let list = (address, size_of::<Seen>() as u32 * pages);
        let Some(target) = self.room_in(caller, process, PAGE_AND_TABLE)? else { return Ok(()) };
        if !self.check_words(caller, list, false)? {
            return Ok(());
        }
        wish.add = self.processes.may_leave(caller, target.owner, wish.add);
        if wish.kind == Kind::MapBoth {
            wish.add = self.processes.may_leave(caller, caller, wish.add);
        }
        let Self { cpu, frames, processes, list, .. } = self;
        let list = &mut list[..pages as usize];
        cpu.hardware.read_list(address, list);
        let list = &*list;
        let mut memory = Memory { cpu, frames, processes };
        let (done, old) = match wish.kind {
            Kind::Protect => {
                let change = Change::new(wish.drop, wish.add).keeping(EntryFlags::ACCESSED_DIRTY);
                memory.protect_pages(target, list, change).map(|(done, found)| (done, found.any))?
            }
            Kind::Unmap => memory.unmap_pages(target, list, wish.add)?,
            Kind::Map | Kind::MapBoth => {
                (memory.share_pages((Space::current(caller), target), list, wish)?, 0)
            }
        };
        self.processes[caller].registers.esi = old & EntryFlags::ACCESSED_DIRTY.bits();
        self.answer(caller, done)
    }

    /// Changes the permissions and marks of the first pages of a range. It returns which A and D
    /// bits it found set.
    pub(crate) fn range_protect(
        &mut self,
        caller: Index,
        (process, range): (Target, PageRange),
        (drop, add): (Permissions, Permissions),
    ) -> Result<(), Error> {
        let Some(space) = self.room_in(caller, process, 0)? else { return Ok(()) };
        let change = Change::new(drop, self.processes.may_leave(caller, space.owner, add));
        let (done, found) = self.memory().protect_pages(space, range, change)?;
        self.answer_all(caller, [done, found.any, found.accessed, found.dirty])
    }
}
