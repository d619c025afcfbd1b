//! PAGER of a present leaf: the kernel's half of "the pager's copy still matches the page".
//!
//! A pager that keeps a copy of a page has to know later whether the page still has the bytes of the copy. The dirty bit of
//! the leaf alone cannot say so: D belongs to one mapping, and a frame can be written through another one. So the kernel
//! keeps one rule for the mark PAGER ([`EntryFlags::PAGER`]) in the space of a process that has a pager:
//!
//! > If a leaf is present with PAGER and without D, then nobody has written the frame since the pager set the mark there.
//!
//! The mark and D together say "clean". A leaf without the mark counts as dirty. So "dirty" is the OR over all mappings of
//! the frame, and one leaf shows it.
//!
//! Why the rule holds. A write reaches a frame through a leaf with W, and that leaf is the marked one or another one.
//! 1. *The mark is set by the pager alone* ([`Processes::may_leave`]). The pager fills a page of its own with the bytes of
//!    the copy, marks it there, and moves it into the client ([`Processes::carries_pager_mark`]): no other mapping is left, and
//!    nothing that is at the destination by then is replaced.
//! 2. *The marked leaf shows each write through itself.* The CPU sets D. A kernel store to a buffer of the process goes
//!    through the same leaf (`Hardware::write_user`), so that the CPU sets D then, too. A change that clears a D that was
//!    set drops the mark (`Change::in_place`).
//! 3. *No other leaf can write the frame.* Another leaf of the frame is made from a leaf of the frame (`Memory::map`,
//!    `Memory::share_range`): by `page_map`, by `range_share`, by the JOS calls 5 and 12, by a message with a page, by a
//!    reply or the answer to a fault. The new leaf has no mark, unless the pager itself asks for it. If the new leaf could
//!    be written, the marked leaf loses the mark ([`Memory::lend`]). A new leaf that lies in another space and has no W
//!    cannot: it is sealed, and a sealed page gets W only when its frame has no other mapping, while the marked leaf is
//!    one. So a fork, which takes W on both sides, leaves the parent's marks as they are and costs nothing for them.
//! 4. *The mark stays where it was set.* A page that moves away loses it (`Memory::move_page`). A leaf that is replaced has the
//!    flags of the new page. So a frame that was freed and used again has no mark.
//! 5. *Devices.* A frame that a device writes is a driver's own, which no other space has. A driver that stores into a
//!    page that it was lent does so through a leaf of its own; see 3.
//!
//! In the space of a process without a pager, PAGER is the program's own, and the kernel leaves it alone.

use abi::{EntryFlags, Permissions};

use crate::hardware::Hardware;
use crate::memory::space::{Memory, SpacePage};
use crate::state::process::Index;
use crate::state::process_table::Processes;

impl Processes {
    /// The permissions and marks of these that `caller` may leave in the space of `target`: PAGER is dropped if `target`
    /// has a pager that is not the caller. JOS programs and others hand on the bits of an entry that they have read, so
    /// that mark is no error.
    #[inline(always)]
    pub fn may_leave(&self, caller: Index, target: Index, asked: Permissions) -> Permissions {
        if asked.contains(Permissions::PAGER) {
            self.without_mark_of_another(caller, target, asked)
        } else {
            asked
        }
    }

    #[cold]
    #[inline(never)]
    fn without_mark_of_another(
        &self,
        caller: Index,
        target: Index,
        asked: Permissions,
    ) -> Permissions {
        match self[target].paging.pager {
            Some(pager) if pager != self[caller].process_id() => {
                asked.difference(Permissions::PAGER)
            }
            Some(_) | None => asked,
        }
    }

    /// Whether a page that `caller` moves keeps PAGER. It does if the caller is the pager of `to` and the page was its own,
    /// or if PAGER means nothing in both spaces.
    pub fn carries_pager_mark(&self, caller: Index, from: Index, to: Index) -> bool {
        let is_brought = from == caller && self[to].paging.pager == Some(self[caller].process_id());
        !self.keeps_pager_mark(from) && (is_brought || !self.keeps_pager_mark(to))
    }

    /// Whether PAGER in this process's leaves is its pager's, and the kernel keeps the rule for it.
    pub fn keeps_pager_mark(&self, process: Index) -> bool {
        self[process].paging.pager.is_some()
    }
}

impl<H: Hardware> Memory<'_, H> {
    /// The leaf at `from`, which had PAGER, has been mapped at another page as well: drops the mark from `from`, unless the
    /// frame cannot be written through the new leaf (it lies in another space and has no W). Says whether the mark had to go.
    #[cold]
    #[inline(never)]
    pub fn lend(&mut self, from: SpacePage, to_other_space: bool, writable: bool) -> bool {
        let SpacePage { space, page } = from;
        if to_other_space && !writable || !self.processes.keeps_pager_mark(space.owner) {
            return false;
        }
        let leaf = self.leaf_of_table(space, page);
        // A page that was mapped onto itself has the new leaf already.
        if leaf.is_present() {
            let flags = leaf.flags().difference(EntryFlags::PAGER);
            // The CPU ignores the mark, so no translation is out of date.
            self.replace(space, page, leaf, leaf.with_flags(flags)).of_a_mark();
        }
        true
    }
}
