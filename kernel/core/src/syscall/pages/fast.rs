//! The short way of the calls that change one page, for a page of the caller's own space.
//!
//! The caller's space is the loaded one, which is known at compile time. So the tables are reached
//! without a test, and no authority is checked. The short way took a `page_map` from 615 to 163
//! instructions, a `page_unmap` from 377 to 110 and a `page_protect` from 520 to 158. The operation
//! itself is not written twice: both ways call `memory::space`.
//!
//! A call takes the general way (`pages.rs`), before anything was changed, in two cases: if it
//! names another process, or if it asks for PAGER. Whether the caller may set PAGER is checked only
//! there.

use abi::process::Target;
use abi::{EntryFlags, Error, Permissions, UserPage};

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::memory::space::{Change, Space};
use crate::operations::shortage::{PAGE_AND_TABLE, TABLE};
use crate::state::process::Index;

impl<H: Hardware> Kernel<H> {
    /// As `page_allocate`, in the caller's own space.
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

    /// As `page_map`, with both pages in the caller's own space.
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
        // One test for all rare cases: PAGER on either side, and a source page that is a driver's
        // own. An ordinary page takes one test instead of two.
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

    /// As `page_unmap`, in the caller's own space.
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

    /// As `page_copy`, in the caller's own space.
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

    /// As `page_protect`, in the caller's own space. `change` is what to drop and what to add.
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
