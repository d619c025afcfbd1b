//! How pages are mapped, moved, copied and unmapped.
//!
//! Each function that maps first prepares the destination: it adds the table that is missing and
//! charges the frames that are new. Only that can fail, so on an error nothing was changed.

use abi::{Entry, EntryFlags, Error, Frame, Page, Permissions, Slot, UserPage, UserSlot};

use crate::hardware::{Hardware, Reach};
use crate::memory::space::{Memory, Space, SpacePage, Via};
use crate::state::frames::FreshFrame;

/// The frames for a page and for the table that it may need.
pub(crate) const PAGE_AND_TABLE: u32 = 2;
/// The frame for the table that a mapping may need, or for the directory of a new process.
pub(crate) const TABLE: u32 = 1;
/// The frames for the tables that a range may need: it crosses at most one boundary between tables.
pub(crate) const TWO_TABLES: u32 = 2;

impl<H: Hardware> Memory<'_, H> {
    /// Prepares a mapping at `page`: adds a table if there is none, and charges the owner for the
    /// frames that are new. Returns the leaf that the mapping will replace.
    ///
    /// # Errors
    /// - `NotPermitted`: the page lies in a view.
    /// - `QuotaExceeded`: the owner may not have one more frame.
    /// - `OutOfFrames`: no frame for the table.
    ///
    /// On an error nothing was changed.
    // The inlined functions of this file: with them `page_map` takes 160 instructions in place of
    // 313, and `page_unmap` 118 in place of 214.
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

    /// Adds the table for `page` and charges `charge` frames for the table and what will be mapped.
    /// The errors are those of [`Memory::prepare`].
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
            Via::FrameSlots => self.cpu.hardware.write_frame(space.directory, index, entry.bits()),
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
        if permissions.contains(Permissions::WRITE) && !source.is_writable() {
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
            self.lend(from.space, from.page, other_space, permissions.contains(Permissions::WRITE));
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
        let read = self.leaf_of_table(space, page);
        let stale = self.replace(space, page, read, Entry::paged_out(marks));
        let old = stale.old();
        self.settle(stale);
        if read.is_present() {
            self.processes.credit(space.owner, 1);
        }
        old
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
}
