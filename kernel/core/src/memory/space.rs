//! How the tables of an address space are read and changed.
//!
//! The tables of the loaded space are read and written through the self map, those of one other
//! space through the alternate self map, and those of a third one through frame slots. [`Via`] says
//! which.
//!
//! The order of events of a change to a present leaf: the change returns a [`Stale`] token, the
//! flush turns the token into an [`Unmapped`] frame, and only that lowers the frame's count
//! ([`Frames::release`]). So no frame is freed while a TLB may hold a translation to it, and a
//! forgotten flush is a compiler warning.
//!
//! Two facts say what must be flushed. A new table changes what the pages of the window and of the
//! self map show, so these are flushed for it. A space that is not loaded needs no flush of its own
//! pages, because loading it flushes the TLB.

use abi::layout::PAGE_SIZE;
use abi::{Entry, EntryFlags, Error, Frame, Page, Permissions, Slot, UserPage, UserSlot};

use crate::cpu::Cpu;
use crate::hardware::{Hardware, Reach};
use crate::state::frames::{Frames, FreshFrame, Unmapped};
use crate::state::process::Index;
use crate::state::process_table::Processes;

/// How a space's tables are reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Via {
    /// Through the self map or the alternate self map.
    Map(Reach),
    /// Through frame slots, one frame at a time: a third space, whose directory this is.
    FrameSlots(Frame),
}

/// The address space of a process, as reached during one call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Space {
    /// The process whose space it is. It is charged for what is mapped there.
    pub owner: Index,
    /// How to reach it.
    pub via: Via,
}

/// A page of a space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SpacePage {
    pub space: Space,
    pub page: UserPage,
}

/// A leaf was changed whose old translation may be cached.
#[must_use = "flush it, or a process goes on using the old translation"]
pub(crate) struct Stale {
    space: Space,
    page: UserPage,
    old: Entry,
}

impl Stale {
    /// For a change in a space that is not loaded: nothing of it is cached, because loading it flushes.
    #[inline(always)]
    pub fn of_another_space(self) {
        debug_assert!(self.space.via != Via::Map(Reach::Current));
    }

    /// For a change of marks alone: the CPU does not look at them.
    #[inline(always)]
    pub fn of_a_mark(self) {}

    /// For a change that left the frame in place, if the caller flushes everything before it returns.
    #[inline(always)]
    pub fn of_a_flushed_space(self) {
        debug_assert!(self.space.via == Via::Map(Reach::Current));
    }
}

/// Bits to drop from present leaves and bits to add; A and D go unless they are kept.
///
/// *Sealed* goes where W comes, and stays elsewhere. An entry that is sealed has no W, so one mask says it all.
#[derive(Clone, Copy)]
pub(crate) struct Change {
    keep: u32,
    add: u32,
}

impl Change {
    #[inline(always)]
    pub const fn new(drop: Permissions, add: Permissions) -> Self {
        let seal = if add.contains(Permissions::WRITE) { 0 } else { EntryFlags::SEALED.bits() };
        let keep = FRAME
            | EntryFlags::USER_LEAF.bits()
            | EntryFlags::DEVICE.bits()
            | (Permissions::all().bits() & !drop.bits());
        Self { keep: keep | seal, add: add.bits() }
    }

    /// The same, but these of the hardware's bits stay.
    #[inline(always)]
    pub const fn keeping(self, flags: EntryFlags) -> Self {
        Self { keep: self.keep | flags.bits(), ..self }
    }

    /// The same in a process without a pager, where mark 9 means nothing to the kernel.
    #[inline(always)]
    pub const fn without_pager(self) -> Self {
        Self { keep: self.keep | OWN_MARK_9, ..self }
    }

    /// The same, but a mark 9 that the leaf has goes, unless it is added.
    #[inline(always)]
    pub const fn without_pager_mark(self) -> Self {
        Self { keep: self.keep & !EntryFlags::PAGER.bits(), ..self }
    }

    /// The same, and what has become of the leaf is sealed: for one that arrives in another space without W.
    #[inline(always)]
    pub const fn sealing(self) -> Self {
        Self { add: self.add | EntryFlags::SEALED.bits(), ..self }
    }

    /// What becomes of a present leaf.
    #[inline(always)]
    pub const fn of(self, leaf: Entry) -> Entry {
        Entry::from_bits(leaf.bits() & self.keep | self.add)
    }

    /// What becomes of a present leaf where it stays, in a process that has a pager. If this clears a set D bit, it also
    /// clears mark 9, unless the change adds it: the pager's copy no longer matches the page (`clean` has the rule).
    const fn in_place(self, leaf: Entry) -> Entry {
        let new = self.of(leaf);
        if !leaf.is_dirty() || new.is_dirty() || self.keep & OWN_MARK_9 != 0 {
            return new;
        }
        Entry::from_bits(new.bits() & !EntryFlags::PAGER.bits() | self.add)
    }

    /// The permissions of what becomes of a present leaf.
    #[inline(always)]
    pub const fn permissions(self, leaf: Entry) -> Permissions {
        self.of(leaf).permissions()
    }

    /// Has no leaf W after this?
    #[inline(always)]
    pub const fn takes_write(self) -> bool {
        (self.keep | self.add) & EntryFlags::WRITE.bits() == 0
    }

    #[inline(always)]
    pub const fn adds_write(self) -> bool {
        self.add & EntryFlags::WRITE.bits() != 0
    }
}

/// Frames that a charge is for.
const PAGE_AND_TABLE: u32 = 2;
const TABLE: u32 = 1;

/// In the bits that a [`Change`] keeps: mark 9 is the program's own. No leaf of a program has PS, so this keeps nothing.
const OWN_MARK_9: u32 = EntryFlags::LARGE.bits();

/// The frame's address in an entry.
const FRAME: u32 = 0xFFFF_F000;

/// Everything that a change to memory needs.
pub(crate) struct Memory<'k, H> {
    pub cpu: &'k mut Cpu<H>,
    pub frames: &'k mut Frames,
    pub processes: &'k mut Processes,
}

impl Space {
    /// The space of the process on the CPU.
    pub const fn current(owner: Index) -> Self {
        Self { owner, via: Via::Map(Reach::Current) }
    }

    /// A page of the space.
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

    /// Is there a table of the space's own for `page`?
    #[inline(always)]
    pub fn has_table(&mut self, space: Space, page: UserPage) -> bool {
        self.directory_entry(space, page.page()).is_own_table()
    }

    /// The leaf of `page`; absent where there is no table.
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

    /// Changes the leaf of `page`, whose table is present, from what it is now.
    #[inline(always)]
    pub fn replace(&mut self, space: Space, page: UserPage, old: Entry, entry: Entry) -> Stale {
        match space.via {
            Via::Map(reach) => self.cpu.hardware.write_entry(reach, page.page(), entry),
            Via::FrameSlots(directory) => self.write_leaf_of_third(directory, page, entry),
        }
        Stale { space, page, old }
    }

    #[cold]
    fn word_of_third(&mut self, table: Frame, index: u32) -> Entry {
        Entry::from_bits(self.cpu.hardware.read_frame(table, index))
    }

    #[cold]
    fn leaf_of_third(&mut self, directory: Frame, page: UserPage) -> Entry {
        let table = self.word_of_third(directory, page.page().directory_index()).frame();
        self.word_of_third(table, page.page().table_index())
    }

    #[cold]
    fn write_leaf_of_third(&mut self, directory: Frame, page: UserPage, entry: Entry) {
        let table = self.word_of_third(directory, page.page().directory_index()).frame();
        self.cpu.hardware.write_frame(table, page.page().table_index(), entry.bits());
    }

    /// Flushes a change that left the frame in place.
    #[inline(always)]
    pub fn flush(&mut self, stale: &Stale) {
        if stale.old.is_present() && stale.space.via == Via::Map(Reach::Current) {
            self.cpu.flush_page(stale.page.page());
        }
    }

    /// Flushes a change that took the old frame away, then counts one mapping of it less.
    #[inline(always)]
    pub fn settle(&mut self, stale: Stale) {
        if stale.old.is_present() {
            self.flush(&stale);
            self.frames.release(Unmapped::after_flush(stale.old.frame()));
        }
    }

    /// Makes sure that `page` has a table, and charges the mapping that is about to be made there in place of the
    /// leaf that it returns.
    ///
    /// # Errors
    /// `NotPermitted`: the page lies in a view. `QuotaExceeded`, `OutOfFrames`. Nothing was changed.
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

    /// The same, put together anew: so that a call that is rarely made does not make the compiler keep this in memory.
    #[inline(always)]
    fn parts(&mut self) -> Memory<'_, H> {
        Memory { cpu: self.cpu, frames: self.frames, processes: self.processes }
    }

    #[cold]
    #[inline(never)]
    fn add_table_and_charge(
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

    /// Forgets what a view showed where directory entry `index` has changed. The absence of a table is not cached, says
    /// the manual (vol. 3A, 4.10.2.3), but some old processors did; nothing can be if the space itself is the loaded one.
    fn flush_views(&mut self, space: Space, index: u32) {
        for view in self.processes[space.owner].views.of_it {
            if view.viewer.is_some() && view.viewer == self.cpu.loaded {
                let slot = Slot::new(view.entry.into());
                self.cpu.flush_page(Page::containing(slot.table_address(index)));
            }
        }
    }

    /// Maps a fresh frame, whose contents are ready.
    ///
    /// # Errors
    /// `QuotaExceeded`, `OutOfFrames`; the frame was put back.
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

    /// Maps a fresh zeroed page in place of what was there.
    ///
    /// # Errors
    /// `OutOfFrames`, `QuotaExceeded`.
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

    /// Maps the frame of a present entry `source` as well; `from_other_space` says that it comes from another space.
    ///
    /// # Errors
    /// `NotPermitted`: W is asked for and the source lacks it, or the source is a driver's own. `OutOfFrames`,
    /// `QuotaExceeded`.
    #[inline(always)]
    pub fn map_entry(
        &mut self,
        source: Entry,
        from_other_space: bool,
        to: SpacePage,
        permissions: Permissions,
    ) -> Result<(), Error> {
        if source.is_drivers_own() {
            return Err(Error::NotPermitted);
        }
        self.map_shareable(source, from_other_space, to, permissions)
    }

    /// As [`Memory::map_entry`], if the source is no driver's own.
    #[inline(always)]
    pub fn map_shareable(
        &mut self,
        source: Entry,
        from_other_space: bool,
        to: SpacePage,
        permissions: Permissions,
    ) -> Result<(), Error> {
        debug_assert!(source.is_present() && !source.is_drivers_own());
        let flags = permissions.leaf();
        if flags.bits() & !source.bits() & EntryFlags::WRITE.bits() != 0 {
            return Err(Error::NotPermitted);
        }
        let SpacePage { space, page } = to;
        let old = self.prepare(space, page)?;
        let arrives_sealed = from_other_space && !permissions.contains(Permissions::WRITE);
        let seal =
            if arrives_sealed { EntryFlags::SEALED } else { source.flags() & EntryFlags::SEALED };
        self.frames.retain(source.frame());
        let entry = Entry::new(source.frame(), flags | seal);
        let stale = self.replace(space, page, old, entry);
        self.settle(stale);
        Ok(())
    }

    /// Maps a frame that is the owner's own: device memory, or one of the DMA pool.
    ///
    /// # Errors
    /// `OutOfFrames`, `QuotaExceeded`.
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

    /// Maps a page of one space at a page of the same or another. A mark 9 at the source goes if the frame can be written
    /// through the new leaf.
    ///
    /// # Errors
    /// `NotMapped`: nothing is present at the source. Those of [`Memory::map_entry`].
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

    /// As [`Memory::map`], if the leaf at the source is known and present.
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
        // One test for both, so that an ordinary page pays for neither.
        if leaf.flags().intersects(EntryFlags::PAGER.union(EntryFlags::DRIVERS_OWN)) {
            return self.parts().map_marked(leaf, from, to, permissions);
        }
        self.map_shareable(leaf, from.space.owner != to.space.owner, to, permissions)
    }

    #[cold]
    #[inline(never)]
    fn map_marked(
        mut self,
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

    /// Moves a page of one space to a place of the same or another where nothing is present, leaves marks, and returns
    /// the old entry with its A and D. The marks that `drop` names do not come along.
    ///
    /// # Errors
    /// `NotMapped`: nothing is present at the source. `Busy`: something is at the destination. Those of
    /// [`Memory::map_entry`].
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
        self.map_entry(old, from.space.owner != to.space.owner, to, permissions)?;
        Ok(self.unmap_of_table(from.space, from.page, marks))
    }

    /// Unmaps a page and leaves marks; returns the old entry with its A and D.
    ///
    /// # Errors
    /// `OutOfFrames`, `QuotaExceeded`: marks need a table that is not there.
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

    /// As [`Memory::unmap`], where the table is present.
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

    /// Changes the bits of a present leaf.
    ///
    /// # Errors
    /// `NotPermitted`: W would be gained on a sealed page that has other mappings.
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
            new = self.change_of_marked_in(space.owner, old, change);
            if !new.is_present() {
                return Err(Error::NotPermitted);
            }
        }
        Ok(self.replace(space, page, old, new))
    }

    /// As [`Memory::change`], if the change says whether mark 9 is the program's own: so a loop need not carry the owner.
    #[inline(always)]
    pub fn change_of_many(
        &mut self,
        space: Space,
        page: UserPage,
        old: Entry,
        change: Change,
    ) -> Result<Stale, Error> {
        let mut new = change.of(old);
        if old.flags().intersects(EntryFlags::SEALED.union(EntryFlags::PAGER)) {
            new = self.change_of_marked(old, change);
            if !new.is_present() {
                return Err(Error::NotPermitted);
            }
        }
        Ok(self.replace(space, page, old, new))
    }

    #[cold]
    #[inline(never)]
    fn change_of_marked_in(&mut self, owner: Index, old: Entry, change: Change) -> Entry {
        let keeps = self.processes.keeps_pager_mark(owner);
        self.change_of_marked(old, if keeps { change } else { change.without_pager() })
    }

    /// What becomes of a leaf that says more than its rights; absent if it may not. Apart, so that one that does not costs
    /// a single test.
    #[cold]
    #[inline(never)]
    fn change_of_marked(&mut self, old: Entry, change: Change) -> Entry {
        if change.adds_write() && old.is_sealed() && self.frames.count(old.frame()) != Some(1) {
            return Entry::ABSENT;
        }
        change.in_place(old)
    }

    /// Drops and adds bits on a page and clears A and D; returns the old entry.
    ///
    /// # Errors
    /// `NotMapped`. `NotPermitted`: W would be gained on a sealed page that has other mappings.
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

    /// Makes the mapping a private writable copy; a frame with one mapping just gets W. Says whether it copied.
    ///
    /// # Errors
    /// `NotMapped`, `OutOfFrames`. `NotPermitted`: it is a driver's own.
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

    /// Makes sure that the current process, whose space this is, may access these bytes itself; `Err` with the first one
    /// that it may not. What the kernel shows to everyone above UTOP can be read as well, and so can views.
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

    /// Is there anything at `page`, be it in a view? The space is the loaded one.
    pub fn is_there(&mut self, space: Space, page: UserPage) -> bool {
        self.leaf(space, page).is_present() || self.is_shown(space, page.page())
    }

    /// May programs read this page, which is none of theirs? Both levels have to say so.
    fn is_shown(&mut self, space: Space, page: Page) -> bool {
        const SHOWN: EntryFlags = EntryFlags::USER_LEAF;
        self.directory_entry(space, page).flags().contains(SHOWN)
            && space.via == Via::Map(Reach::Current)
            && self.cpu.hardware.read_entry(Reach::Current, page).flags().contains(SHOWN)
    }
}
