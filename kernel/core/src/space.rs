//! How the tables of an address space are read and changed.
//!
//! A change to a present leaf yields a [`Stale`] token. The token forces the flush, and only a flushed token
//! lowers the frame's count, so a frame cannot be freed while a translation to it may be cached. Rules 1 and 16
//! of self maps hold here: a new table flushes its window pages; a space that is not current needs no flush for
//! its own pages, because loading it flushes.

use abi::layout::PAGE_SIZE;
use abi::{DirectoryEntry, Entry, EntryFlags, Error, Frame, Page, Permissions, UserPage};

use crate::cpu::Cpu;
use crate::frames::{Frames, FreshFrame, Unmapped};
use crate::hardware::{Hardware, Reach};
use crate::process::Index;
use crate::table::Processes;

/// How a space's tables are reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Via {
    /// Through a self map.
    Map(Reach),
    /// Frame by frame through windows: a third space, whose directory this is.
    Windows(Frame),
}

/// The address space of a process, as reached during one call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Space {
    /// Whose it is, and who is charged.
    pub owner: Index,
    /// How to reach it.
    pub via: Via,
}

/// A leaf was changed whose old translation may be cached.
#[must_use = "flush it, or a process goes on using the old translation"]
pub(crate) struct Stale {
    space: Space,
    page: UserPage,
    old: Entry,
}

/// Everything that a change to memory needs.
pub(crate) struct Memory<'k, H> {
    pub cpu: &'k mut Cpu<H>,
    pub frames: &'k mut Frames,
    pub processes: &'k mut Processes,
}

impl<H: Hardware> Memory<'_, H> {
    /// The directory entry that covers `page`.
    pub fn directory_entry(&mut self, space: Space, page: Page) -> Entry {
        let index = page.directory_index();
        match space.via {
            Via::Map(reach) => {
                self.cpu.hardware.read_entry(Reach::Current, reach.window_page(index))
            }
            Via::Windows(directory) => {
                Entry::from_bits(self.cpu.hardware.read_frame(directory, index))
            }
        }
    }

    /// Is there a table of the space's own for `page`?
    pub fn has_table(&mut self, space: Space, page: Page) -> bool {
        let entry = self.directory_entry(space, page);
        match DirectoryEntry::classify(entry, self.processes[space.owner].directory) {
            DirectoryEntry::Table(_) => true,
            DirectoryEntry::Absent
            | DirectoryEntry::Shared(_)
            | DirectoryEntry::View(_)
            | DirectoryEntry::SelfMap => false,
        }
    }

    /// The leaf of `page`; absent where there is no table.
    pub fn leaf(&mut self, space: Space, page: UserPage) -> Entry {
        if self.has_table(space, page.page()) {
            self.leaf_of_table(space, page)
        } else {
            Entry::ABSENT
        }
    }

    /// The leaf of `page`, whose table is present.
    pub fn leaf_of_table(&mut self, space: Space, page: UserPage) -> Entry {
        match space.via {
            Via::Map(reach) => self.cpu.hardware.read_entry(reach, page.page()),
            Via::Windows(directory) => {
                let table = self.third_table(directory, page);
                Entry::from_bits(self.cpu.hardware.read_frame(table, page.page().table_index()))
            }
        }
    }

    /// Changes the leaf of `page`, whose table is present.
    fn replace(&mut self, space: Space, page: UserPage, entry: Entry) -> Stale {
        let old = self.leaf_of_table(space, page);
        match space.via {
            Via::Map(reach) => self.cpu.hardware.write_entry(reach, page.page(), entry),
            Via::Windows(directory) => {
                let table = self.third_table(directory, page);
                self.cpu.hardware.write_frame(table, page.page().table_index(), entry.bits());
            }
        }
        Stale { space, page, old }
    }

    fn third_table(&mut self, directory: Frame, page: UserPage) -> Frame {
        Entry::from_bits(self.cpu.hardware.read_frame(directory, page.page().directory_index()))
            .frame()
    }

    /// Flushes a change that left the frame in place.
    fn flush(&mut self, stale: &Stale) {
        if stale.old.is_present() && stale.space.via == Via::Map(Reach::Current) {
            self.cpu.flush_page(stale.page.page());
        }
    }

    /// Flushes a change that took the old frame away, then counts one mapping of it less.
    fn settle(&mut self, stale: Stale) {
        self.flush(&stale);
        if stale.old.is_present() {
            self.frames.release(Unmapped::after_flush(stale.old.frame()));
        }
    }

    /// Makes sure that `page` has a table, and charges the mapping that is about to be made there.
    ///
    /// # Errors
    /// `QuotaExceeded`, `OutOfFrames`; nothing was changed.
    fn prepare(&mut self, space: Space, page: UserPage) -> Result<(), Error> {
        if self.has_table(space, page.page()) {
            if self.leaf_of_table(space, page).is_present() {
                return Ok(());
            }
            return self.processes.charge(space.owner, 1);
        }
        self.processes.charge(space.owner, 2)?;
        self.add_table(space, page.page()).inspect_err(|_| self.processes.credit(space.owner, 2))
    }

    /// Gives `page` an empty table; its directory entry is absent and the table is charged already.
    fn add_table(&mut self, space: Space, page: Page) -> Result<(), Error> {
        let fresh = self.frames.allocate().ok_or(Error::OutOfFrames)?;
        self.cpu.hardware.zero_frame(fresh.frame());
        let table = self.frames.adopt(fresh);
        let entry = Entry::new(table, EntryFlags::FRESH);
        let index = page.directory_index();
        match space.via {
            Via::Map(reach) => {
                self.cpu.hardware.write_entry(Reach::Current, reach.window_page(index), entry);
                self.cpu.flush_table_windows(reach, index);
            }
            Via::Windows(directory) => {
                self.cpu.hardware.write_frame(directory, index, entry.bits())
            }
        }
        Ok(())
    }

    /// Maps a fresh frame, whose contents are ready.
    ///
    /// # Errors
    /// `QuotaExceeded`, `OutOfFrames`; the frame was put back.
    pub fn map_fresh(
        &mut self,
        space: Space,
        page: UserPage,
        flags: EntryFlags,
        fresh: FreshFrame,
    ) -> Result<(), Error> {
        if let Err(error) = self.prepare(space, page) {
            self.frames.put_back(fresh);
            return Err(error);
        }
        let entry = Entry::new(self.frames.adopt(fresh), flags);
        let stale = self.replace(space, page, entry);
        self.settle(stale);
        Ok(())
    }

    /// Maps a fresh zeroed page in place of what was there.
    ///
    /// # Errors
    /// `OutOfFrames`, `QuotaExceeded`.
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

    /// Maps the frame of a present entry `source` as well; `apart` says that it comes from another space.
    ///
    /// # Errors
    /// `NotPermitted`: W is asked for and the source lacks it. `OutOfFrames`, `QuotaExceeded`.
    pub fn map_entry(
        &mut self,
        source: Entry,
        apart: bool,
        space: Space,
        page: UserPage,
        permissions: Permissions,
    ) -> Result<(), Error> {
        let writes = permissions.contains(Permissions::WRITE);
        if writes && !source.is_writable() {
            return Err(Error::NotPermitted);
        }
        self.prepare(space, page)?;
        let sealed = source.is_sealed() || (apart && !writes);
        let mark = if sealed { EntryFlags::SEALED } else { EntryFlags::empty() };
        self.frames.retain(source.frame());
        let stale =
            self.replace(space, page, Entry::new(source.frame(), permissions.leaf() | mark));
        self.settle(stale);
        Ok(())
    }

    /// Maps a page of one space at a page of the same or another.
    ///
    /// # Errors
    /// `NotMapped`: nothing is present at the source. Those of [`Memory::map_entry`].
    pub fn map(
        &mut self,
        from: Space,
        source: UserPage,
        to: Space,
        page: UserPage,
        permissions: Permissions,
    ) -> Result<(), Error> {
        let source = self.leaf(from, source);
        if !source.is_present() {
            return Err(Error::NotMapped);
        }
        self.map_entry(source, from.owner != to.owner, to, page, permissions)
    }

    /// Unmaps a page and leaves marks; returns the old entry with its A and D.
    ///
    /// # Errors
    /// `OutOfFrames`, `QuotaExceeded`: marks need a table that is not there.
    pub fn unmap(
        &mut self,
        space: Space,
        page: UserPage,
        marks: Permissions,
    ) -> Result<Entry, Error> {
        if !self.has_table(space, page.page()) {
            if marks.is_empty() {
                return Ok(Entry::ABSENT);
            }
            self.processes.charge(space.owner, 1)?;
            self.add_table(space, page.page())
                .inspect_err(|_| self.processes.credit(space.owner, 1))?;
        }
        Ok(self.unmap_of_table(space, page, marks))
    }

    /// As [`Memory::unmap`], where the table is present.
    pub fn unmap_of_table(&mut self, space: Space, page: UserPage, marks: Permissions) -> Entry {
        let stale = self.replace(space, page, Entry::backed(marks));
        let old = stale.old;
        self.settle(stale);
        if old.is_present() {
            self.processes.credit(space.owner, 1);
        }
        old
    }

    /// Drops and adds bits of a present leaf; of A and D only those in `keep` stay. Returns the old entry.
    ///
    /// # Errors
    /// `NotPermitted`: W would be gained on a sealed page that has other mappings.
    pub fn protect_of_table(
        &mut self,
        space: Space,
        page: UserPage,
        (drop, add): (Permissions, Permissions),
        keep: EntryFlags,
    ) -> Result<Entry, Error> {
        let old = self.leaf_of_table(space, page);
        if !old.is_present() {
            return Ok(old);
        }
        let permissions = (old.permissions() - drop) | add;
        let mut flags = permissions.leaf() | (old.flags() & keep);
        if old.is_sealed() {
            let gains = permissions.contains(Permissions::WRITE);
            if gains && self.frames.count(old.frame()) != Some(1) {
                return Err(Error::NotPermitted);
            }
            if !gains {
                flags |= EntryFlags::SEALED;
            }
        }
        let stale = self.replace(space, page, old.with_flags(flags));
        self.flush(&stale);
        Ok(old)
    }

    /// Makes the mapping a private writable copy; a frame with one mapping just gets W. Says whether it copied.
    ///
    /// # Errors
    /// `NotMapped`, `OutOfFrames`.
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
        let flags = (marks | Permissions::WRITE).leaf();
        if self.frames.count(old.frame()) == Some(1) {
            let kept = old.flags() & EntryFlags::ACCESSED_DIRTY;
            let stale = self.replace(space, page, old.with_flags(flags | kept));
            self.flush(&stale);
            return Ok(false);
        }
        let fresh = self.frames.allocate().ok_or(Error::OutOfFrames)?;
        self.cpu.hardware.copy_frame(fresh.frame(), old.frame());
        self.map_fresh(space, page, flags, fresh)?;
        Ok(true)
    }

    /// Makes sure that the current process, whose space this is, may access these bytes itself; `Err` with the first one
    /// that it may not. What the kernel shows to everyone above UTOP can be read as well.
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

    /// May programs read this page, which is none of theirs? Both levels have to say so.
    fn is_shown(&mut self, space: Space, page: Page) -> bool {
        const SHOWN: EntryFlags = EntryFlags::USER_LEAF;
        self.directory_entry(space, page).flags().contains(SHOWN)
            && space.via == Via::Map(Reach::Current)
            && self.cpu.hardware.read_entry(Reach::Current, page).flags().contains(SHOWN)
    }
}
