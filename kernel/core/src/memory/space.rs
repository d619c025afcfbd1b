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
//! The types: [`Space`] and [`SpacePage`] name what is changed; [`Change`] is a change of a leaf's
//! bits, precomputed as two masks; [`Memory`] borrows the parts of the kernel that a change needs.
//! Its methods come in pairs: one checks that the table is present, and the other (`_of_table`) may
//! be called where that is known.
//!
//! Not done: a table whose leaves are all absent is not freed before the process ends.

use abi::layout::PAGE_SIZE;
use abi::{Entry, EntryFlags, Error, Frame, Page, Permissions, Slot, UserPage, UserSlot};

use crate::cpu::Cpu;
use crate::hardware::{Hardware, Reach};
use crate::state::frames::{Frames, FreshFrame, Unmapped};
use crate::state::process::Index;
use crate::state::process_table::Processes;

/// How the kernel reaches the tables of a space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Via {
    /// Through the self map or the alternate self map.
    Map(Reach),
    /// Through frame slots, one frame at a time. The frame is the directory of this third space.
    FrameSlots(Frame),
}

/// The address space of a process, and how it is reached during one call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Space {
    /// The process that the space belongs to. Its account is charged for what is mapped there.
    pub owner: Index,
    /// How the space's tables are reached.
    pub via: Via,
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
    old: Entry,
}

impl Stale {
    /// For a change in a space that is not loaded: the TLB holds nothing of it, because loading it
    /// flushes.
    #[inline(always)]
    pub fn of_another_space(self) {
        debug_assert!(self.space.via != Via::Map(Reach::Current));
    }

    /// For a change of marks alone, which the CPU ignores.
    #[inline(always)]
    pub fn of_a_mark(self) {}

    /// For a change that left the frame in place, if the caller flushes the whole TLB before it
    /// returns.
    #[inline(always)]
    pub fn of_a_flushed_space(self) {
        debug_assert!(self.space.via == Via::Map(Reach::Current));
    }
}

/// A change of a present leaf's bits: which to drop and which to add. It clears A and D, unless
/// `keeping` names them.
///
/// *Sealed* is cleared if W is added, and otherwise it stays. A sealed leaf never has W, so one
/// mask for all leaves is enough.
#[derive(Clone, Copy)]
pub(crate) struct Change {
    keep: u32,
    add: u32,
}

impl Change {
    /// The change that drops and then adds these permissions and marks.
    #[inline(always)]
    pub const fn new(drop: Permissions, add: Permissions) -> Self {
        let seal = if add.contains(Permissions::WRITE) { 0 } else { EntryFlags::SEALED.bits() };
        let keep = FRAME
            | EntryFlags::USER_LEAF.bits()
            | EntryFlags::DEVICE.bits()
            | (Permissions::all().bits() & !drop.bits());
        Self { keep: keep | seal, add: add.bits() }
    }

    /// The same change, which also keeps these bits of the hardware.
    #[inline(always)]
    pub const fn keeping(self, flags: EntryFlags) -> Self {
        Self { keep: self.keep | flags.bits(), ..self }
    }

    /// The same change, which also drops PAGER unless it adds PAGER.
    #[inline(always)]
    pub const fn without_pager_mark(self) -> Self {
        Self { keep: self.keep & !EntryFlags::PAGER.bits(), ..self }
    }

    /// The same change, which also seals the leaf: for a leaf without W that is new in another
    /// space.
    #[inline(always)]
    pub const fn sealing(self) -> Self {
        Self { add: self.add | EntryFlags::SEALED.bits(), ..self }
    }

    /// The leaf after the change.
    #[inline(always)]
    pub const fn of(self, leaf: Entry) -> Entry {
        Entry::from_bits(leaf.bits() & self.keep | self.add)
    }

    /// The leaf after the change, if the leaf stays where it is and its process has a pager. If the
    /// change clears a set D, it also clears PAGER, unless it adds PAGER: the pager's copy no
    /// longer matches the page (`clean.rs` has the rule).
    const fn in_place(self, leaf: Entry) -> Entry {
        let new = self.of(leaf);
        if !leaf.is_dirty() || new.is_dirty() {
            return new;
        }
        Entry::from_bits(new.bits() & !EntryFlags::PAGER.bits() | self.add)
    }

    /// The permissions and marks of the leaf after the change.
    #[inline(always)]
    pub const fn permissions(self, leaf: Entry) -> Permissions {
        self.of(leaf).permissions()
    }

    /// Whether no leaf has W after the change.
    #[inline(always)]
    pub const fn takes_write(self) -> bool {
        (self.keep | self.add) & EntryFlags::WRITE.bits() == 0
    }

    /// Whether the change adds W.
    #[inline(always)]
    pub const fn adds_write(self) -> bool {
        self.add & EntryFlags::WRITE.bits() != 0
    }
}

/// The frames to charge: a page and its table, or a table alone.
const PAGE_AND_TABLE: u32 = 2;
pub(super) const TABLE: u32 = 1;

/// The bits of an entry that hold the frame's address.
const FRAME: u32 = 0xFFFF_F000;

/// The parts of the kernel that a change to memory needs.
pub(crate) struct Memory<'k, H> {
    pub cpu: &'k mut Cpu<H>,
    pub frames: &'k mut Frames,
    pub processes: &'k mut Processes,
}

impl Space {
    /// The space of the current process.
    pub const fn current(owner: Index) -> Self {
        Self { owner, via: Via::Map(Reach::Current) }
    }

    /// This page of the space.
    pub const fn at(self, page: UserPage) -> SpacePage {
        SpacePage { space: self, page }
    }
}

impl<H: Hardware> Memory<'_, H> {
    /// The directory entry that covers `page`.
    #[inline(always)]
    pub fn directory_entry(&mut self, space: Space, page: Page) -> Entry {
        let index = page.directory_index();
        match space.via {
            Via::Map(reach) => {
                self.cpu.hardware.read_entry(Reach::Current, reach.window_page(index))
            }
            Via::FrameSlots(directory) => self.word_of_third(directory, index),
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
            Via::FrameSlots(directory) => self.leaf_of_third(directory, page),
        }
    }

    /// Writes the leaf of `page`, whose table is present. `old` is the leaf before.
    #[inline(always)]
    pub fn replace(&mut self, space: Space, page: UserPage, old: Entry, entry: Entry) -> Stale {
        match space.via {
            Via::Map(reach) => self.cpu.hardware.write_entry(reach, page.page(), entry),
            Via::FrameSlots(directory) => self.write_leaf_of_third(directory, page, entry),
        }
        Stale { space, page, old }
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

    /// Flushes the page of a change that left the frame in place.
    #[inline(always)]
    pub fn flush(&mut self, stale: &Stale) {
        if stale.old.is_present() && stale.space.via == Via::Map(Reach::Current) {
            self.cpu.flush_page(stale.page.page());
        }
    }

    /// Flushes the page of a change that removed the old frame, then lowers that frame's reference
    /// count.
    #[inline(always)]
    pub fn settle(&mut self, stale: Stale) {
        if stale.old.is_present() {
            self.flush(&stale);
            self.frames.release(Unmapped::after_flush(stale.old.frame()));
        }
    }

    /// Prepares a mapping at `page`: adds a table if there is none, and charges the owner for the
    /// frames that are new. Returns the leaf that the mapping will replace.
    ///
    /// # Errors
    /// - `NotPermitted`: the page lies in a view.
    /// - `QuotaExceeded`: the owner may not have one more frame.
    /// - `OutOfFrames`: no frame for the table.
    ///
    /// On an error nothing was changed.
    #[inline(always)]
    fn prepare(&mut self, space: Space, page: UserPage) -> Result<Entry, Error> {
        if !self.has_table(space, page) {
            self.parts().add_table_and_charge(space, page, PAGE_AND_TABLE)?;
            return Ok(Entry::ABSENT);
        }
        let old = self.leaf_of_table(space, page);
        if !old.is_present() {
            self.processes.charge(space.owner, 1)?;
        }
        Ok(old)
    }

    /// A second [`Memory`] made of the same references. The rare functions take it by value: a
    /// reference to `self` would make the compiler keep the first one in memory instead of
    /// registers, also on the hot path.
    #[inline(always)]
    pub(super) fn parts(&mut self) -> Memory<'_, H> {
        Memory { cpu: self.cpu, frames: self.frames, processes: self.processes }
    }

    /// Adds the table for `page` and charges `charge` frames for the table and what will be mapped.
    /// The errors are those of [`Memory::prepare`].
    #[cold]
    #[inline(never)]
    pub(super) fn add_table_and_charge(
        mut self,
        space: Space,
        page: UserPage,
        charge: u32,
    ) -> Result<(), Error> {
        if self.directory_entry(space, page.page()).is_present() {
            return Err(Error::NotPermitted);
        }
        self.processes.charge(space.owner, charge)?;
        self.add_table(space, page.slot())
            .inspect_err(|_| self.processes.credit(space.owner, charge))
    }

    /// Adds an empty table. What the window, the self map and the views of the space show of it is
    /// flushed.
    fn add_table(&mut self, space: Space, slot: UserSlot) -> Result<(), Error> {
        let fresh = self.frames.allocate().ok_or(Error::OutOfFrames)?;
        self.cpu.hardware.zero_frame(fresh.frame());
        let table = self.frames.adopt(fresh);
        let entry = Entry::new(table, EntryFlags::FRESH);
        let index = slot.index();
        self.processes[space.owner].memory.table_groups.insert(slot);
        match space.via {
            Via::Map(reach) => {
                self.cpu.hardware.write_entry(Reach::Current, reach.window_page(index), entry);
                self.cpu.flush_table_windows(reach, slot);
            }
            Via::FrameSlots(directory) => {
                self.cpu.hardware.write_frame(directory, index, entry.bits())
            }
        }
        self.flush_views(space, index);
        Ok(())
    }

    /// Flushes the page of each view of the space that shows the table under directory entry
    /// `index`.
    ///
    /// The manual says that the absence of a table is not cached (Intel SDM vol. 3A, 4.10.2.3), but
    /// some old processors cached it. Only the views of the loaded process can be cached; if the
    /// viewed space itself is loaded, its viewers are not.
    fn flush_views(&mut self, space: Space, index: u32) {
        for view in self.processes[space.owner].views.of_it {
            if view.viewer.is_some() && view.viewer == self.cpu.loaded {
                let slot = Slot::new(view.entry.into());
                self.cpu.flush_page(Page::containing(slot.table_address(index)));
            }
        }
    }

    /// Maps a fresh frame whose contents are ready, in place of what was mapped at `page`.
    ///
    /// # Errors
    /// - `NotPermitted`: the page lies in a view.
    /// - `QuotaExceeded`, `OutOfFrames`: no frame for the table, or the owner may not have one
    ///   more.
    ///
    /// On an error the fresh frame goes back and nothing was changed.
    #[inline(always)]
    pub fn map_fresh(
        &mut self,
        space: Space,
        page: UserPage,
        flags: EntryFlags,
        fresh: FreshFrame,
    ) -> Result<(), Error> {
        let old = match self.prepare(space, page) {
            Ok(old) => old,
            Err(error) => {
                self.frames.put_back(fresh);
                return Err(error);
            }
        };
        let entry = Entry::new(self.frames.adopt(fresh), flags);
        let stale = self.replace(space, page, old, entry);
        self.settle(stale);
        Ok(())
    }

    /// Maps a fresh zeroed page in place of what was mapped at `page`.
    ///
    /// # Errors
    /// `OutOfFrames`: no frame for the page. Those of [`Memory::map_fresh`].
    #[inline(always)]
    pub fn allocate(
        &mut self,
        space: Space,
        page: UserPage,
        permissions: Permissions,
    ) -> Result<(), Error> {
        let fresh = self.frames.allocate().ok_or(Error::OutOfFrames)?;
        self.cpu.hardware.zero_frame(fresh.frame());
        self.map_fresh(space, page, permissions.leaf(), fresh)
    }

    /// Maps the frame of the present leaf `source` at another page as well. `from_other_space` says
    /// that `source` is a leaf of another space than `to`.
    ///
    /// A leaf without W that comes from another space is sealed: it gets W only when its frame has
    /// no other mapping. A further leaf within a space is sealed if the source is.
    ///
    /// # Errors
    /// - `NotPermitted`: W is asked for and the source lacks it; or the source is a driver's own;
    ///   or the destination lies in a view.
    /// - `OutOfFrames`, `QuotaExceeded`: no frame for the destination's table, or its owner may not
    ///   have one more.
    ///
    /// On an error nothing was changed.
    #[inline(always)]
    pub fn map_entry(
        &mut self,
        source: Entry,
        from_other_space: bool,
        to: SpacePage,
        permissions: Permissions,
    ) -> Result<(), Error> {
        debug_assert!(source.is_present());
        if source.is_drivers_own() {
            return Err(Error::NotPermitted);
        }
        let flags = permissions.leaf();
        if flags.bits() & !source.bits() & EntryFlags::WRITE.bits() != 0 {
            return Err(Error::NotPermitted);
        }
        let SpacePage { space, page } = to;
        let old = self.prepare(space, page)?;
        let arrives_sealed = from_other_space && !permissions.contains(Permissions::WRITE);
        let seal =
            if arrives_sealed { EntryFlags::SEALED } else { source.flags() & EntryFlags::SEALED };
        // Counted before the old leaf's frame is released: it may be the same frame, and its count
        // must not reach 0 in between.
        self.frames.retain(source.frame());
        let entry = Entry::new(source.frame(), flags | seal);
        let stale = self.replace(space, page, old, entry);
        self.settle(stale);
        Ok(())
    }

    /// Maps a frame that is a driver's own: device memory, or a frame of the DMA pool.
    ///
    /// # Errors
    /// - `NotPermitted`: the page lies in a view.
    /// - `OutOfFrames`, `QuotaExceeded`: no frame for the table, or the owner may not have one
    ///   more.
    pub fn map_own(
        &mut self,
        space: Space,
        page: UserPage,
        frame: Frame,
        flags: EntryFlags,
    ) -> Result<(), Error> {
        let old = self.prepare(space, page)?;
        self.frames.retain(frame);
        let stale = self.replace(space, page, old, Entry::new(frame, flags));
        self.settle(stale);
        Ok(())
    }

    /// Maps the frame of one page at another page of the same or another space as well. If the
    /// frame can be written through the new leaf, the source's leaf loses PAGER ([`Memory::lend`]).
    ///
    /// # Errors
    /// - `NotMapped`: nothing is present at the source.
    /// - Those of [`Memory::map_entry`].
    #[inline(always)]
    pub fn map(
        &mut self,
        from: SpacePage,
        to: SpacePage,
        permissions: Permissions,
    ) -> Result<(), Error> {
        let leaf = self.leaf(from.space, from.page);
        if !leaf.is_present() {
            return Err(Error::NotMapped);
        }
        self.map_leaf(leaf, from, to, permissions)
    }

    /// As [`Memory::map`], for a source whose leaf is known and present.
    ///
    /// # Errors
    /// Those of [`Memory::map_entry`].
    #[inline(always)]
    pub fn map_leaf(
        &mut self,
        leaf: Entry,
        from: SpacePage,
        to: SpacePage,
        permissions: Permissions,
    ) -> Result<(), Error> {
        let other_space = from.space.owner != to.space.owner;
        self.map_entry(leaf, other_space, to, permissions)?;
        if leaf.contains(EntryFlags::PAGER) {
            self.lend(from, other_space, permissions.contains(Permissions::WRITE));
        }
        Ok(())
    }

    /// Moves a page to a page of the same or another space where nothing is present, and leaves
    /// marks in the source's leaf. Returns the source's old leaf with its A and D. The moved page
    /// loses the marks in `drop`.
    ///
    /// # Errors
    /// - `NotMapped`: nothing is present at the source.
    /// - `Busy`: a page is present at the destination.
    /// - Those of [`Memory::map_entry`].
    pub fn move_page(
        &mut self,
        from: SpacePage,
        to: SpacePage,
        marks: Permissions,
        drop: Permissions,
    ) -> Result<Entry, Error> {
        let old = self.leaf(from.space, from.page);
        if !old.is_present() {
            return Err(Error::NotMapped);
        }
        if self.leaf(to.space, to.page).is_present() {
            return Err(Error::Busy);
        }
        let permissions = old.permissions().difference(drop);
        // Mapped first and unmapped last, because only the mapping can fail.
        self.map_entry(old, from.space.owner != to.space.owner, to, permissions)?;
        Ok(self.unmap_of_table(from.space, from.page, marks))
    }

    /// Unmaps a page and leaves marks in its leaf. Returns the old leaf with its A and D.
    ///
    /// # Errors
    /// If there are marks to leave and there is no table:
    /// - `NotPermitted`: the page lies in a view.
    /// - `OutOfFrames`, `QuotaExceeded`: no frame for the table, or the owner may not have one
    ///   more.
    #[inline(always)]
    pub fn unmap(
        &mut self,
        space: Space,
        page: UserPage,
        marks: Permissions,
    ) -> Result<Entry, Error> {
        if !self.has_table(space, page) {
            if marks.is_empty() {
                return Ok(Entry::ABSENT);
            }
            self.parts().add_table_and_charge(space, page, TABLE)?;
        }
        Ok(self.unmap_of_table(space, page, marks))
    }

    /// As [`Memory::unmap`], for a page whose table is present.
    #[inline(always)]
    pub fn unmap_of_table(&mut self, space: Space, page: UserPage, marks: Permissions) -> Entry {
        let old = self.leaf_of_table(space, page);
        let stale = self.replace(space, page, old, Entry::paged_out(marks));
        self.settle(stale);
        if old.is_present() {
            self.processes.credit(space.owner, 1);
        }
        old
    }

    /// Changes the bits of the present leaf `old`, which stays where it is.
    ///
    /// # Errors
    /// `NotPermitted`: a sealed page that has other mappings would get W. Nothing was changed.
    #[inline(always)]
    pub fn change(
        &mut self,
        space: Space,
        page: UserPage,
        old: Entry,
        change: Change,
    ) -> Result<Stale, Error> {
        let mut new = change.of(old);
        if old.flags().intersects(EntryFlags::SEALED.union(EntryFlags::PAGER)) {
            new = self.change_of_marked(space.owner, old, change);
            if !new.is_present() {
                return Err(Error::NotPermitted);
            }
        }
        Ok(self.replace(space, page, old, new))
    }

    /// The leaf after the change, if the old leaf is sealed or has PAGER. Returns an absent entry
    /// if the change is refused. Not inlined, so that an ordinary leaf costs one test.
    #[cold]
    #[inline(never)]
    fn change_of_marked(&mut self, owner: Index, old: Entry, change: Change) -> Entry {
        if change.adds_write() && old.is_sealed() && self.frames.count(old.frame()) != Some(1) {
            return Entry::ABSENT;
        }
        if self.processes.keeps_pager_mark(owner) { change.in_place(old) } else { change.of(old) }
    }

    /// Drops and adds bits in the leaf of a page, and clears A and D. Returns the old leaf.
    ///
    /// # Errors
    /// - `NotMapped`: nothing is present at the page.
    /// - `NotPermitted`: a sealed page that has other mappings would get W.
    #[inline(always)]
    pub fn protect(
        &mut self,
        space: Space,
        page: UserPage,
        change: Change,
    ) -> Result<Entry, Error> {
        let old = self.leaf(space, page);
        if !old.is_present() {
            return Err(Error::NotMapped);
        }
        let stale = self.change(space, page, old, change)?;
        self.flush(&stale);
        Ok(old)
    }

    /// Makes a page private and writable. If its frame has other mappings, the page gets a copy of
    /// the frame; otherwise its leaf gets W. The marks of the leaf become `marks`. Returns whether
    /// the frame was copied.
    ///
    /// # Errors
    /// - `NotMapped`: nothing is present at the page.
    /// - `NotPermitted`: the page is a driver's own.
    /// - `OutOfFrames`: no frame for the copy.
    pub fn copy(
        &mut self,
        space: Space,
        page: UserPage,
        marks: Permissions,
    ) -> Result<bool, Error> {
        let old = self.leaf(space, page);
        if !old.is_present() {
            return Err(Error::NotMapped);
        }
        if old.is_drivers_own() {
            return Err(Error::NotPermitted);
        }
        let flags = (marks | Permissions::WRITE).leaf();
        if self.frames.count(old.frame()) == Some(1) {
            let kept = old.flags() & EntryFlags::ACCESSED_DIRTY;
            let stale = self.replace(space, page, old, old.with_flags(flags | kept));
            self.flush(&stale);
            return Ok(false);
        }
        let fresh = self.frames.allocate().ok_or(Error::OutOfFrames)?;
        self.cpu.hardware.copy_frame(fresh.frame(), old.frame());
        self.map_fresh(space, page, flags, fresh)?;
        Ok(true)
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
