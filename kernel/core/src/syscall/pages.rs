//! The calls that change one page, in the space of any process whose memory the caller may change.
//!
//! `fast.rs` has the short way for a page of the caller's own space. The documentation of the
//! errors is at `abi::Syscall`.

use abi::process::Target;
use abi::{Error, Permissions, UserPage};

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::memory::space::Change;
use crate::operations::shortage::{PAGE_AND_TABLE, TABLE};
use crate::state::process::Index;

mod fast;

impl<H: Hardware> Kernel<H> {
    /// Maps a fresh zeroed page, in place of what was mapped there.
    #[inline(never)]
    pub(crate) fn page_allocate(
        &mut self,
        caller: Index,
        target: Target,
        page: UserPage,
        permissions: Permissions,
    ) -> Result<(), Error> {
        let Some(space) = self.room_in(caller, target, PAGE_AND_TABLE)? else { return Ok(()) };
        let permissions = self.processes.may_leave(caller, space.owner, permissions);
        self.memory().allocate(space, page, permissions)?;
        self.succeed(caller)
    }

    /// Maps the frame behind a page at another page as well.
    #[inline(never)]
    pub(crate) fn page_map(
        &mut self,
        caller: Index,
        from: (Target, UserPage),
        to: (Target, UserPage),
        permissions: Permissions,
    ) -> Result<(), Error> {
        let spaces = self.room_in_both(caller, from.0, to.0, TABLE)?;
        let Some((source, target)) = spaces else { return Ok(()) };
        let permissions = self.processes.may_leave(caller, target.owner, permissions);
        self.memory().map(source.at(from.1), target.at(to.1), permissions)?;
        self.succeed(caller)
    }

    /// Unmaps a page and leaves `marks` in its leaf. Returns the old leaf.
    #[inline(never)]
    pub(crate) fn page_unmap(
        &mut self,
        caller: Index,
        target: Target,
        page: UserPage,
        marks: Permissions,
    ) -> Result<(), Error> {
        let Some(space) = self.room_in(caller, target, TABLE)? else { return Ok(()) };
        let marks = self.processes.may_leave(caller, space.owner, marks);
        let old = self.memory().unmap(space, page, marks)?;
        self.answer(caller, old.bits())
    }

    /// Makes a page private and writable: copies its frame if that has another mapping. Returns
    /// whether it copied.
    #[inline(never)]
    pub(crate) fn page_copy(
        &mut self,
        caller: Index,
        target: Target,
        page: UserPage,
        marks: Permissions,
    ) -> Result<(), Error> {
        let Some(space) = self.room_in(caller, target, TABLE)? else { return Ok(()) };
        let marks = self.processes.may_leave(caller, space.owner, marks);
        let copied = self.memory().copy(space, page, marks)?;
        self.answer(caller, copied.into())
    }

    /// Drops and adds permissions and marks of a page. Returns the old leaf.
    #[inline(never)]
    pub(crate) fn page_protect(
        &mut self,
        caller: Index,
        target: Target,
        page: UserPage,
        change: (Permissions, Permissions),
    ) -> Result<(), Error> {
        let Some(space) = self.room_in(caller, target, 0)? else { return Ok(()) };
        let (drop, add) = change;
        let change = Change::new(drop, self.processes.may_leave(caller, space.owner, add));
        let old = self.memory().protect(space, page, change)?;
        self.answer(caller, old.bits())
    }

    /// Moves a page to a place where nothing is mapped, and leaves `marks` in the old leaf. Returns
    /// the old leaf.
    ///
    /// PAGER moves with the page only where `carries_pager_mark` allows it; otherwise the mark is
    /// dropped.
    #[inline(never)]
    pub(crate) fn page_move(
        &mut self,
        caller: Index,
        (process, page): (Target, UserPage),
        (to, to_page): (Target, UserPage),
        marks: Permissions,
    ) -> Result<(), Error> {
        let spaces = self.room_in_both(caller, process, to, 1)?;
        let Some((from, to)) = spaces else { return Ok(()) };
        let marks = self.processes.may_leave(caller, from.owner, marks);
        let carries = self.processes.carries_pager_mark(caller, from.owner, to.owner);
        let drop = if carries { Permissions::empty() } else { Permissions::PAGER };
        let old = self.memory().move_page(from.at(page), to.at(to_page), marks, drop)?;
        self.answer(caller, old.bits())
    }
}
