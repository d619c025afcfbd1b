//! The short way of the calls that change one page, for a page of the caller's own space.
//!
//! That space is loaded, which is known when this is compiled: its tables are reached without a
//! test, and no authority is checked. The short way took a `page_map` from 615 to 163 instructions,
//! a `page_unmap` from 377 to 110 and a `page_protect` from 520 to 158. Each operation itself is
//! written once, in `memory::space`.
//!
//! A call goes the general way (`pages.rs`) before anything was changed if it names another process,
//! and also if it asks for PAGER: whether the caller may set that mark is found out there.

use abi::process::Target;
use abi::{EntryFlags, Error, Permissions, UserPage};

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::memory::space::{Change, Space};
use crate::operations::shortage::{PAGE_AND_TABLE, TABLE};
use crate::state::process::Index;

impl<H: Hardware> Kernel<H> {
    #[inline(always)]
    pub(crate) fn page_allocate_fast(
        &mut self,
        caller: Index,
        target: Target,
        page: UserPage,
        permissions: Permissions,
    ) -> Result<(), Error> {
        if target != Target::Caller || permissions.contains(Permissions::PAGER) {
            return self.page_allocate(caller, target, page, permissions);
        }
        if self.waits_for_room(caller, PAGE_AND_TABLE) {
            return Ok(());
        }
        self.memory().allocate(Space::current(caller), page, permissions)?;
        self.succeed(caller)
    }

    #[inline(always)]
    pub(crate) fn page_map_fast(
        &mut self,
        caller: Index,
        from: (Target, UserPage),
        to: (Target, UserPage),
        permissions: Permissions,
    ) -> Result<(), Error> {
        if from.0 != Target::Caller || to.0 != Target::Caller {
            return self.page_map(caller, from, to, permissions);
        }
        if self.waits_for_room(caller, TABLE) {
            return Ok(());
        }
        let space = Space::current(caller);
        let source = self.memory().leaf(space, from.1);
        // One test for all, so that an ordinary page pays for none.
        let flags = source.flags().union(permissions.leaf());
        if flags.intersects(EntryFlags::PAGER.union(EntryFlags::DRIVERS_OWN)) {
            return self.page_map(caller, from, to, permissions);
        }
        if !source.is_present() {
            return Err(Error::NotMapped);
        }
        self.memory().map_shareable(source, false, space.at(to.1), permissions)?;
        self.succeed(caller)
    }

    #[inline(always)]
    pub(crate) fn page_unmap_fast(
        &mut self,
        caller: Index,
        target: Target,
        page: UserPage,
        marks: Permissions,
    ) -> Result<(), Error> {
        if target != Target::Caller || marks.contains(Permissions::PAGER) {
            return self.page_unmap(caller, target, page, marks);
        }
        if self.waits_for_room(caller, TABLE) {
            return Ok(());
        }
        let old = self.memory().unmap(Space::current(caller), page, marks)?;
        self.answer(caller, old.bits())
    }

    #[inline(always)]
    pub(crate) fn page_copy_fast(
        &mut self,
        caller: Index,
        target: Target,
        page: UserPage,
        marks: Permissions,
    ) -> Result<(), Error> {
        if target != Target::Caller || marks.contains(Permissions::PAGER) {
            return self.page_copy(caller, target, page, marks);
        }
        if self.waits_for_room(caller, TABLE) {
            return Ok(());
        }
        let copied = self.memory().copy(Space::current(caller), page, marks)?;
        self.answer(caller, copied.into())
    }

    /// `change` is what is dropped and what is added.
    #[inline(always)]
    pub(crate) fn page_protect_fast(
        &mut self,
        caller: Index,
        target: Target,
        page: UserPage,
        change: (Permissions, Permissions),
    ) -> Result<(), Error> {
        if target != Target::Caller || change.1.contains(Permissions::PAGER) {
            return self.page_protect(caller, target, page, change);
        }
        let change = Change::new(change.0, change.1);
        let old = self.memory().protect(Space::current(caller), page, change)?;
        self.answer(caller, old.bits())
    }
}
