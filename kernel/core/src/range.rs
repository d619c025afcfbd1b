//! What a range call does: walk a range table by table and say how far it got.

use abi::layout::ENTRIES;
use abi::{Entry, EntryFlags, Error, PageRange, Permissions, UserPage};

use crate::hardware::Hardware;
use crate::space::{Memory, Space};

/// How far a range call got, and why no further.
pub(crate) struct Progress {
    /// Pages walked, absent ones included.
    pub done: u32,
    /// What stopped it.
    pub result: Result<(), Error>,
}

/// What [`Memory::protect_range`] found before it cleared A and D.
#[derive(Default)]
pub(crate) struct Found {
    /// All A and D bits together, as `0x20` and `0x40`.
    pub any: u32,
    /// Bit `i`: page `i` of the first 32 was accessed.
    pub accessed: u32,
    /// Bit `i`: page `i` of the first 32 was dirty.
    pub dirty: u32,
}

impl<H: Hardware> Memory<'_, H> {
    /// Calls `each` for every page of the range whose table is present, in order, until it fails.
    fn for_each_of_table(
        &mut self,
        space: Space,
        range: PageRange,
        mut each: impl FnMut(&mut Self, u32, UserPage) -> Result<(), Error>,
    ) -> Progress {
        let mut done = 0;
        while done < range.pages() {
            let first = range.page(done).page();
            let run = (ENTRIES - first.table_index()).min(range.pages() - done);
            if !self.has_table(space, first) {
                done += run;
                continue;
            }
            for _ in 0..run {
                if let Err(error) = each(self, done, range.page(done)) {
                    return Progress { done, result: Err(error) };
                }
                done += 1;
            }
        }
        Progress { done, result: Ok(()) }
    }

    /// Drops and adds bits on every present page and clears A and D.
    pub fn protect_range(
        &mut self,
        space: Space,
        range: PageRange,
        drop: Permissions,
        add: Permissions,
    ) -> (Progress, Found) {
        let mut found = Found::default();
        let progress = self.for_each_of_table(space, range, |memory, index, page| {
            let old = memory.protect_of_table(space, page, (drop, add), EntryFlags::empty())?;
            found.note(index, old);
            Ok(())
        });
        (progress, found)
    }

    /// Unmaps every present page and leaves marks there.
    pub fn unmap_range(&mut self, space: Space, range: PageRange, marks: Permissions) -> Progress {
        self.for_each_of_table(space, range, |memory, _, page| {
            let old = memory.leaf_of_table(space, page);
            if old != Entry::ABSENT {
                let marks = if old.is_present() { marks } else { Permissions::empty() };
                memory.unmap_of_table(space, page, marks);
            }
            Ok(())
        })
    }

    /// Maps fresh zeroed pages over all of the range.
    pub fn allocate_range(
        &mut self,
        space: Space,
        range: PageRange,
        permissions: Permissions,
    ) -> Progress {
        for done in 0..range.pages() {
            if let Err(error) = self.allocate(space, range.page(done), permissions) {
                return Progress { done, result: Err(error) };
            }
        }
        Progress { done: range.pages(), result: Ok(()) }
    }

    /// Maps every present page of a range of `from` at the same offset from `first` in `to`; drops and adds bits
    /// on the way, and with `both` at the source too.
    pub fn share_range(
        &mut self,
        from: Space,
        range: PageRange,
        to: Space,
        first: PageRange,
        bits: (Permissions, Permissions),
        both: bool,
    ) -> Progress {
        let (drop, add) = bits;
        self.for_each_of_table(from, range, |memory, index, page| {
            let source = memory.leaf_of_table(from, page);
            if !source.is_present() {
                return Ok(());
            }
            let permissions = (source.permissions() - drop) | add;
            memory.map_entry(source, from.owner != to.owner, to, first.page(index), permissions)?;
            if both && permissions != source.permissions() {
                memory.protect_of_table(from, page, bits, EntryFlags::ACCESSED_DIRTY)?;
            }
            Ok(())
        })
    }
}

impl Found {
    fn note(&mut self, index: u32, old: Entry) {
        if !old.is_present() {
            return;
        }
        self.any |= (old.flags() & EntryFlags::ACCESSED_DIRTY).bits();
        if index < u32::BITS {
            self.accessed |= u32::from(old.is_accessed()) << index;
            self.dirty |= u32::from(old.is_dirty()) << index;
        }
    }
}
