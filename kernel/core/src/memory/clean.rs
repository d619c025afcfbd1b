//! PAGER on a present leaf: how a pager knows that its copy of a page still matches the page.
//!
//! A pager that keeps a copy of a page must find out later whether the page was written since the
//! copy was made. D of the leaf is not enough: D belongs to one mapping, and the frame can be
//! written through another mapping. So the kernel keeps one rule for the mark PAGER
//! ([`EntryFlags::PAGER`]) in the space of a process that has a pager:
//!
//! > If a leaf is present with PAGER and without D, no process has written the frame since the
//! > pager set the mark there.
//!
//! So PAGER without D says "clean". A leaf without PAGER counts as dirty, and so does one with D.
//! "Dirty" is then the OR over all mappings of the frame, and the pager needs to read only one
//! leaf.
//!
//! Why the rule holds. A write reaches a frame through a leaf with W, which is the marked leaf or
//! another one.
//! 1. *Only the pager sets the mark* ([`Processes::may_leave`]). The pager fills a page of its own
//!    with the bytes of the copy, sets PAGER there, and moves the page into the client
//!    ([`Processes::carries_pager_mark`]). A move leaves no other mapping behind, and it replaces
//!    no page that the client has mapped there meanwhile.
//! 2. *A write through the marked leaf sets D there.* The CPU sets D for the process's own stores.
//!    The kernel's stores to a buffer of the process go through the same leaf
//!    (`Hardware::write_user`), so the CPU sets D for them, too. A change that clears a set D also
//!    clears the mark (`Change::in_place`).
//! 3. *No other leaf can write the frame while the mark is there.* Every further leaf of the frame
//!    is made from an existing one (`Memory::map`, `Memory::share_pages`): by `page_map`,
//!    `range_share`, the JOS calls 5 and 12, a message with a page, a reply, or a fault reply. The
//!    new leaf has no mark, unless the pager itself asks for it. If the new leaf can be written,
//!    the marked leaf loses the mark ([`Memory::lend`]). If the new leaf lies in another space and
//!    has no W, it is sealed: it gets W only when its frame has no other mapping, and the marked
//!    leaf is another mapping. So the marked leaf keeps the mark. A fork takes W on both sides, so
//!    it leaves the parent's marks as they are and costs nothing for them.
//! 4. *The mark stays with its page and frame.* A page that moves away loses the mark
//!    (`Memory::move_page`). A leaf that is replaced gets the flags of the new page. So a frame
//!    that was freed and used again has no mark.
//! 5. *Devices.* The frames that a device writes are a driver's own, and no other space has them. A
//!    driver that got an ordinary page from a client writes it through a leaf of its own; that is
//!    case 3.
//!
//! Not done: in the space of a process without a pager, PAGER belongs to the program, and the
//! kernel does not change it.

use abi::{EntryFlags, Permissions, UserPage};

use crate::hardware::Hardware;
use crate::memory::space::{Memory, Space};
use crate::state::process::Index;
use crate::state::process_table::Processes;

impl Processes {
    /// The permissions and marks that `caller` may set in the space of `target`: `asked`, without
    /// PAGER if `target` has a pager other than the caller. PAGER is dropped without an error,
    /// because programs (those of JOS, for example) pass on the bits of entries that they have
    /// read.
    pub fn may_leave(&self, caller: Index, target: Index, asked: Permissions) -> Permissions {
        if asked.contains(Permissions::PAGER) {
            self.without_mark_of_another(caller, target, asked)
        } else {
            asked
        }
    }

    /// The part of [`Processes::may_leave`] for permissions with PAGER.
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

    /// Whether a page that `caller` moves keeps PAGER. It does in two cases, if `from` has no
    /// pager: the page was the caller's own and the caller is the pager of `to`; or `to` has no
    /// pager either, so that PAGER is only a bit of the program's.
    pub fn carries_pager_mark(&self, caller: Index, from: Index, to: Index) -> bool {
        let is_brought = from == caller && self[to].paging.pager == Some(self[caller].process_id());
        !self.keeps_pager_mark(from) && (is_brought || !self.keeps_pager_mark(to))
    }

    /// Whether PAGER in this process's leaves belongs to its pager, so that the kernel keeps the
    /// rule.
    pub fn keeps_pager_mark(&self, process: Index) -> bool {
        self[process].paging.pager.is_some()
    }
}

impl<H: Hardware> Memory<'_, H> {
    /// Clears PAGER in the leaf of `page`, whose frame has just been mapped at another page as
    /// well. The mark stays if the frame cannot be written through the new leaf: the new leaf lies
    /// in another space and has no W, so it is sealed. Returns whether the mark had to be cleared.
    #[cold]
    #[inline(never)]
    pub fn lend(
        &mut self,
        space: Space,
        page: UserPage,
        to_other_space: bool,
        writable: bool,
    ) -> bool {
        if to_other_space && !writable || !self.processes.keeps_pager_mark(space.owner) {
            return false;
        }
        let leaf = self.leaf_of_table(space, page);
        // If the page was mapped onto itself, this is the new leaf already.
        if leaf.is_present() {
            let flags = leaf.flags().difference(EntryFlags::PAGER);
            let stale = self.replace(space, page, leaf, leaf.with_flags(flags));
            // The CPU ignores the mark. But if it has set A since the leaf was read, the change has
            // cleared A.
            self.flush(&stale);
        }
        true
    }
}
