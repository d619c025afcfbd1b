//! The calls that change one page, in the space of any process whose memory the caller may change.
//!
//! Each call is written once and compiled twice. With `OWN`, for a page of the caller's own space:
//! that is the loaded one, so the tables are reached without a test and no authority is checked.
//! Without `OWN`, for the space of any process that the call names. Compiled once, for both, a
//! `page_map` took 311 instructions in place of 160, a `page_unmap` 199 in place of 118 and a
//! `page_protect` 207 in place of 121.
//!
//! The documentation of the errors is at `abi::Syscall`.

use abi::process::Target;
use abi::{Error, Permissions, UserPage};

use crate::hardware::Hardware;
use crate::kernel::{After, Kernel};
use crate::memory::change::Change;
use crate::memory::map::{PAGE_AND_TABLE, TABLE};
use crate::memory::space::Space;
use crate::state::process::Index;

impl<H: Hardware> Kernel<H> {
    /// Maps a fresh zeroed page, in place of what was mapped there.
    // The inlined functions of this file: with them `page_unmap` takes 118 instructions in place of
    // 145.
    #[inline(always)]
    pub(crate) fn page_allocate<const OWN: bool>(
        &mut self,
        caller: Index,
        process: Target,
        page: UserPage,
        permissions: Permissions,
    ) -> Result<After, Error> {
        let Some(space) = self.room::<OWN>(caller, process, PAGE_AND_TABLE)? else {
            return Ok(After::Run);
        };
        let permissions = self.processes.may_leave(caller, space.owner, permissions);
        self.memory().allocate(space, page, permissions)?;
        self.succeed(caller).map(|()| After::Return)
    }

    /// Maps the frame behind a page at another page as well.
    #[inline(always)]
    pub(crate) fn page_map<const OWN: bool>(
        &mut self,
        caller: Index,
        (process, page): (Target, UserPage),
        (to, to_page): (Target, UserPage),
        permissions: Permissions,
    ) -> Result<After, Error> {
        let spaces = if OWN {
            self.room::<OWN>(caller, process, TABLE)?.map(|own| (own, own))
        } else {
            self.room_in_both(caller, process, to, TABLE)?
        };
        let Some((from, to)) = spaces else { return Ok(After::Run) };
        let permissions = self.processes.may_leave(caller, to.owner, permissions);
        self.memory().map(from.at(page), to.at(to_page), permissions)?;
        self.succeed(caller).map(|()| After::Return)
    }

    /// Unmaps a page and leaves `marks` in its leaf. Returns the old leaf.
    #[inline(always)]
    pub(crate) fn page_unmap<const OWN: bool>(
        &mut self,
        caller: Index,
        process: Target,
        page: UserPage,
        marks: Permissions,
    ) -> Result<After, Error> {
        let Some(space) = self.room::<OWN>(caller, process, TABLE)? else { return Ok(After::Run) };
        let marks = self.processes.may_leave(caller, space.owner, marks);
        let old = self.memory().unmap(space, page, marks)?;
        self.answer(caller, old.bits()).map(|()| After::Return)
    }

    /// Makes a page private and writable: copies its frame if that has another mapping. Returns
    /// whether it copied.
    #[inline(always)]
    pub(crate) fn page_copy<const OWN: bool>(
        &mut self,
        caller: Index,
        process: Target,
        page: UserPage,
        marks: Permissions,
    ) -> Result<After, Error> {
        let Some(space) = self.room::<OWN>(caller, process, TABLE)? else { return Ok(After::Run) };
        let marks = self.processes.may_leave(caller, space.owner, marks);
        let copied = self.memory().copy(space, page, marks)?;
        self.answer(caller, copied.into()).map(|()| After::Return)
    }

    /// Drops and adds permissions and marks of a page. Returns the old leaf.
    #[inline(always)]
    pub(crate) fn page_protect<const OWN: bool>(
        &mut self,
        caller: Index,
        process: Target,
        page: UserPage,
        (drop, add): (Permissions, Permissions),
    ) -> Result<After, Error> {
        let Some(space) = self.room::<OWN>(caller, process, 0)? else { return Ok(After::Run) };
        let change = Change::new(drop, self.processes.may_leave(caller, space.owner, add));
        let old = self.memory().protect(space, page, change)?;
        self.answer(caller, old.bits()).map(|()| After::Return)
    }

    /// Moves a page to a place where nothing is mapped, and leaves `marks` in the old leaf. Returns
    /// the old leaf.
    ///
    /// PAGER moves with the page only where `carries_pager_mark` allows it; otherwise the mark is
    /// dropped.
    pub(crate) fn page_move(
        &mut self,
        caller: Index,
        (process, page): (Target, UserPage),
        (to, to_page): (Target, UserPage),
        marks: Permissions,
    ) -> Result<(), Error> {
        let spaces = self.room_in_both(caller, process, to, TABLE)?;
        let Some((from, to)) = spaces else { return Ok(()) };
        let marks = self.processes.may_leave(caller, from.owner, marks);
        let carries = self.processes.carries_pager_mark(caller, from.owner, to.owner);
        let drop = if carries { Permissions::empty() } else { Permissions::PAGER };
        let old = self.memory().move_page(from.at(page), to.at(to_page), marks, drop)?;
        self.answer(caller, old.bits())
    }

    /// The space that a call changes, if `frames` frames are free or no process is dying. `None`:
    /// the call restarts. With `OWN`, `target` is the caller.
    ///
    /// # Errors
    /// `NoSuchProcess`: the caller may not change the target's memory.
    #[inline(always)]
    fn room<const OWN: bool>(
        &mut self,
        caller: Index,
        target: Target,
        frames: u32,
    ) -> Result<Option<Space>, Error> {
        if !OWN {
            return self.room_in(caller, target, frames);
        }
        let waits = frames > 0 && self.waits_for_room(caller, frames);
        Ok(if waits { None } else { Some(Space::current(caller)) })
    }
}
