//! The calls that change one page: straight for the caller's own space, which is loaded; by a longer way for others.
//!
//! Each operation is written once, in `space`, and compiled twice: where it is known that the space is the current one,
//! reaching its tables costs nothing. A call that asks for mark 9 goes the longer way, too, where it is found out whether
//! the caller may set it (`clean`).

use abi::process::Target;
use abi::{EntryFlags, Error, Permissions, UserPage};

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::memory::space::{Change, Space};
use crate::state::process::Index;

/// Frames that a page may need: itself and its table.
const PAGE_AND_TABLE: u32 = 2;
/// Frames that a mapping may need: its table.
const TABLE: u32 = 1;

impl<H: Hardware> Kernel<H> {
    #[inline(always)]
    pub(crate) fn page_allocate(
        &mut self,
        caller: Index,
        target: Target,
        page: UserPage,
        permissions: Permissions,
    ) -> Result<(), Error> {
        if target != Target::Caller || permissions.contains(Permissions::PAGER) {
            return self.page_allocate_in_any_space(caller, target, page, permissions);
        }
        if self.waits_for_room(caller, PAGE_AND_TABLE) {
            return Ok(());
        }
        self.memory().allocate(Space::current(caller), page, permissions)?;
        self.succeed(caller)
    }

    #[inline(never)]
    pub(crate) fn page_allocate_in_any_space(
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

    #[inline(always)]
    pub(crate) fn page_map(
        &mut self,
        caller: Index,
        from: (Target, UserPage),
        to: (Target, UserPage),
        permissions: Permissions,
    ) -> Result<(), Error> {
        if from.0 != Target::Caller || to.0 != Target::Caller {
            return self.page_map_in_any_space(caller, from, to, permissions);
        }
        if self.waits_for_room(caller, TABLE) {
            return Ok(());
        }
        let space = Space::current(caller);
        let source = self.memory().leaf(space, from.1);
        // One test for all, so that an ordinary page pays for none.
        let flags = source.flags().union(permissions.leaf());
        if flags.intersects(EntryFlags::PAGER.union(EntryFlags::DRIVERS_OWN)) {
            return self.page_map_in_any_space(caller, from, to, permissions);
        }
        if !source.is_present() {
            return Err(Error::NotMapped);
        }
        self.memory().map_shareable(source, false, space.at(to.1), permissions)?;
        self.succeed(caller)
    }

    #[inline(never)]
    pub(crate) fn page_map_in_any_space(
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

    #[inline(always)]
    pub(crate) fn page_unmap(
        &mut self,
        caller: Index,
        target: Target,
        page: UserPage,
        marks: Permissions,
    ) -> Result<(), Error> {
        if target != Target::Caller || marks.contains(Permissions::PAGER) {
            return self.page_unmap_in_any_space(caller, target, page, marks);
        }
        if self.waits_for_room(caller, TABLE) {
            return Ok(());
        }
        let old = self.memory().unmap(Space::current(caller), page, marks)?;
        self.answer(caller, old.bits())
    }

    #[inline(never)]
    pub(crate) fn page_unmap_in_any_space(
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

    #[inline(always)]
    pub(crate) fn page_copy(
        &mut self,
        caller: Index,
        target: Target,
        page: UserPage,
        marks: Permissions,
    ) -> Result<(), Error> {
        if target != Target::Caller || marks.contains(Permissions::PAGER) {
            return self.page_copy_in_any_space(caller, target, page, marks);
        }
        if self.waits_for_room(caller, TABLE) {
            return Ok(());
        }
        let copied = self.memory().copy(Space::current(caller), page, marks)?;
        self.answer(caller, copied.into())
    }

    #[inline(never)]
    pub(crate) fn page_copy_in_any_space(
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

    /// `change` is what is dropped and what is added.
    #[inline(always)]
    pub(crate) fn page_protect(
        &mut self,
        caller: Index,
        target: Target,
        page: UserPage,
        change: (Permissions, Permissions),
    ) -> Result<(), Error> {
        if target != Target::Caller || change.1.contains(Permissions::PAGER) {
            return self.page_protect_in_any_space(caller, target, page, change);
        }
        let change = Change::new(change.0, change.1);
        let old = self.memory().protect(Space::current(caller), page, change)?;
        self.answer(caller, old.bits())
    }

    #[inline(never)]
    fn page_protect_in_any_space(
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
}
