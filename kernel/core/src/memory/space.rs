//! Address spaces: how the kernel reads and changes the page tables of a process.
//!
//! The tables of the loaded space are read and written through the self map, those of one other
//! space through the alternate self map, and those of a third space through frame slots. [`Via`]
//! says which.
//!
//! The order of events of a change to a present leaf:
//! 1. The change writes the leaf and returns a [`Stale`] token, with the old leaf in it.
//! 2. The flush turns the token into an [`Unmapped`] frame.
//! 3. The frame's reference count is lowered ([`Frames::release`]), which takes an `Unmapped` frame
//!    and nothing else.
//!
//! So no frame is freed while a TLB may hold a translation to it, and a forgotten flush is a
//! compiler warning.
//!
//! Two facts say what must be flushed. A new table changes what the pages of the window and of the
//! self map show, so these pages are flushed. A space that is not loaded needs no flush of its own
//! pages, because loading it flushes the TLB.
//!
//! Assumed: `page` is a page of user space ([`UserPage`]), so no function here changes the kernel's
//! part of a directory. Rights are checked before (`authority.rs`).
//!
//! The types: [`Space`] and [`SpacePage`] name what is changed; [`Memory`] borrows the parts of the
//! kernel that a change needs. Its methods come in pairs: one checks that the table is present, and
//! the other (`_of_table`) may be called where that is known.
//!
//! This file reads and writes leaves. `map.rs` maps and unmaps pages, `change.rs` changes the bits
//! of a leaf, `many.rs` and `share.rs` do so for the pages of a range or of a list.
//!
//! Not done: a table whose leaves are all absent is not freed before the process ends.

use abi::layout::PAGE_SIZE;
use abi::{Entry, EntryFlags, Frame, Page, UserPage};

use crate::cpu::Cpu;
use crate::hardware::{Hardware, Reach};
use crate::state::frames::{Frames, Unmapped};
use crate::state::process::Index;
use crate::state::process_table::Processes;

/// How the kernel reaches the tables of a space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Via {
    /// Through the self map or the alternate self map.
    Map(Reach),
    /// Through frame slots, one frame at a time: a third space.
    FrameSlots,
}

/// The address space of a process, and how it is reached during one call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Space {
    /// The process that the space belongs to. Its account is charged for what is mapped there.
    pub owner: Index,
    /// How the space's tables are reached.
    pub via: Via,
    /// The directory of a third space. It lies here and not in [`Via`], so that a `Space` takes
    /// eight bytes, which the compiler passes in registers.
    pub directory: Frame,
}

/// A page of a space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SpacePage {
    pub space: Space,
    pub page: UserPage,
}

/// The proof that a leaf was changed whose old translation may be cached. It must be flushed, or
/// one of the methods must say why no flush is needed.
#[must_use = "flush it, or a process goes on using the old translation"]
pub(crate) struct Stale {
    space: Space,
    page: UserPage,
    /// The leaf as it was read before the change.
    read: Entry,
    /// The leaf that the change replaced: it may have A in addition.
    old: Entry,
}

impl Stale {
    /// The leaf that the change replaced.
    pub const fn old(&self) -> Entry {
        self.old
    }

    /// For a change in a space that is not loaded: the TLB holds nothing of it, because loading it
    /// flushes.
    pub fn of_another_space(self) {
        debug_assert!(self.space.via != Via::Map(Reach::Current));
    }

    /// For an absent leaf: the TLB holds none.
    pub fn of_an_absent_leaf(self) {
        debug_assert!(!self.read.is_present());
    }

    /// For a change whose page, or the whole TLB, is flushed before the call returns and before the
    /// old frame is freed.
    pub fn of_a_flushed_space(self) {
        debug_assert!(self.space.via == Via::Map(Reach::Current));
    }
}

/// The parts of the kernel that a change to memory needs.
pub(crate) struct Memory<'k, H> {
    pub cpu: &'k mut Cpu<H>,
    pub frames: &'k mut Frames,
    pub processes: &'k mut Processes,
}

impl Space {
    /// The space of the current process.
    pub const fn current(owner: Index) -> Self {
        Self::through(Reach::Current, owner)
    }

    /// The space that this self map shows.
    pub const fn through(reach: Reach, owner: Index) -> Self {
        Self { owner, via: Via::Map(reach), directory: Entry::ABSENT.frame() }
    }

    /// This page of the space.
    pub const fn at(self, page: UserPage) -> SpacePage {
        SpacePage { space: self, page }
    }
}

impl<H: Hardware> Memory<'_, H> {
    /// The directory entry that covers `page`.
    // The inlined functions of this file: with them `page_map` takes 160 instructions in place of
    // 197, and `page_protect` 121 in place of 149.
    #[inline(always)]
    pub fn directory_entry(&mut self, space: Space, page: Page) -> Entry {
        let index = page.directory_index();
        match space.via {
            Via::Map(reach) => {
                self.cpu.hardware.read_entry(Reach::Current, reach.window_page(index))
            }
            Via::FrameSlots => self.word_of_third(space.directory, index),
        }
    }

    /// Whether `page` has a table that belongs to the space.
    #[inline(always)]
    pub fn has_table(&mut self, space: Space, page: UserPage) -> bool {
        self.directory_entry(space, page.page()).is_own_table()
    }

    /// The leaf of `page`. It is absent if there is no table.
    #[inline(always)]
    pub fn leaf(&mut self, space: Space, page: UserPage) -> Entry {
        if self.has_table(space, page) { self.leaf_of_table(space, page) } else { Entry::ABSENT }
    }

    /// The leaf of `page`, whose table is present.
    #[inline(always)]
    pub fn leaf_of_table(&mut self, space: Space, page: UserPage) -> Entry {
        match space.via {
            Via::Map(reach) => self.cpu.hardware.read_entry(reach, page.page()),
            Via::FrameSlots => self.leaf_of_third(space.directory, page),
        }
    }

    /// Writes the leaf of `page`, whose table is present. `read` is the leaf as it was read before;
    /// in the loaded space the CPU may have set A in it since, if it is present.
    #[inline(always)]
    pub fn replace(&mut self, space: Space, page: UserPage, read: Entry, entry: Entry) -> Stale {
        if !read.is_present() || space.via != Via::Map(Reach::Current) {
            return self.overwrite(space, page, read, entry);
        }
        let old = self.cpu.hardware.exchange_leaf(page.page(), entry);
        debug_assert!(old.with_flags(read.flags()) == read, "the leaf has changed");
        Stale { space, page, read, old }
    }

    /// As [`Memory::replace`], if it does not matter whether the CPU has set A since the leaf was
    /// read: the caller flushes the whole TLB, or the TLB holds nothing of this leaf. (The exchange
    /// is a locked instruction.)
    #[inline(always)]
    pub fn overwrite(&mut self, space: Space, page: UserPage, read: Entry, entry: Entry) -> Stale {
        match space.via {
            Via::Map(reach) => self.cpu.hardware.write_entry(reach, page.page(), entry),
            Via::FrameSlots => self.write_leaf_of_third(space.directory, page, entry),
        }
        Stale { space, page, read, old: read }
    }

    /// An entry of a directory or table of a third space.
    #[cold]
    fn word_of_third(&mut self, table: Frame, index: u32) -> Entry {
        Entry::from_bits(self.cpu.hardware.read_frame(table, index))
    }

    /// The leaf of `page` in a third space.
    #[cold]
    fn leaf_of_third(&mut self, directory: Frame, page: UserPage) -> Entry {
        let table = self.word_of_third(directory, page.page().directory_index()).frame();
        self.word_of_third(table, page.page().table_index())
    }

    /// Writes the leaf of `page` in a third space.
    #[cold]
    fn write_leaf_of_third(&mut self, directory: Frame, page: UserPage, entry: Entry) {
        let table = self.word_of_third(directory, page.page().directory_index()).frame();
        self.cpu.hardware.write_frame(table, page.page().table_index(), entry.bits());
    }

    /// Flushes the page of a change that left the frame in place, if it may be cached. Only the old
    /// leaf that the exchange returned can say so: the CPU may set A and cache the translation
    /// between an earlier look and the change.
    #[inline(always)]
    pub fn flush(&mut self, stale: &Stale) {
        let current = stale.space.via == Via::Map(Reach::Current);
        if current && self.cpu.hardware.may_be_cached(stale.old) {
            self.cpu.flush_page(stale.page.page());
        }
    }

    /// Flushes the page of a change that removed the old frame, then lowers that frame's reference
    /// count.
    #[inline(always)]
    pub fn settle(&mut self, stale: Stale) {
        if stale.read.is_present() {
            self.flush(&stale);
            self.frames.release(Unmapped::after_flush(stale.read.frame()));
        }
    }

    /// A second [`Memory`] made of the same references. The rare functions take it by value: a
    /// reference to `self` would make the compiler keep the first one in memory instead of
    /// registers, also where the rare function is not called (3 instructions a mapping).
    pub(super) fn parts(&mut self) -> Memory<'_, H> {
        Memory { cpu: self.cpu, frames: self.frames, processes: self.processes }
    }

    /// Checks that the current process, whose space this is, may access these bytes itself. If not,
    /// the error is the address of the first byte that it may not access.
    ///
    /// The process may also read the pages above UTOP that the kernel shows to all programs, and
    /// the pages of its views.
    pub fn check_user(
        &mut self,
        space: Space,
        address: u32,
        length: u32,
        write: bool,
    ) -> Result<(), u32> {
        let end = u64::from(address) + u64::from(length);
        let mut at = address;
        while u64::from(at) < end {
            let allowed = match UserPage::containing(at) {
                Some(page) => {
                    let leaf = self.leaf(space, page);
                    leaf.is_present() && (leaf.is_writable() || !write)
                        || !write && self.is_shown(space, page.page())
                }
                None => !write && self.is_shown(space, Page::containing(at)),
            };
            if !allowed {
                return Err(at);
            }
            at = (at & !(PAGE_SIZE - 1)) + PAGE_SIZE;
        }
        Ok(())
    }

    /// Whether a page is present at `page`, in a view or not. The space is the loaded one.
    pub fn is_there(&mut self, space: Space, page: UserPage) -> bool {
        self.leaf(space, page).is_present() || self.is_shown(space, page.page())
    }

    /// Whether programs may read this page, which belongs to a view or to the kernel. P and U must
    /// be set in the directory entry and in the leaf.
    fn is_shown(&mut self, space: Space, page: Page) -> bool {
        const SHOWN: EntryFlags = EntryFlags::USER_LEAF;
        self.directory_entry(space, page).flags().contains(SHOWN)
            && space.via == Via::Map(Reach::Current)
            && self.cpu.hardware.read_entry(Reach::Current, page).flags().contains(SHOWN)
    }
}
