//! The parts of an address space that have had page tables.

use abi::UserSlot;

/// In which parts of an address space there has ever been a page table: one bit for each group of
/// 32 directory entries, which cover 128 MiB. So the teardown of a process takes no time for
/// address space that the process never used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TableGroups(u32);

impl TableGroups {
    /// There has been no table.
    pub const NONE: Self = Self(0);
    /// Directory entries that share a bit. The last group has 27, because the kernel's entries
    /// follow.
    const ENTRIES: u32 = 32;

    /// Records a table under this directory entry.
    // Inlined: see `frames.rs`.
    #[inline(always)]
    pub fn insert(&mut self, slot: UserSlot) {
        self.0 |= 1 << (slot.index() / Self::ENTRIES);
    }

    /// The directory entries of the first recorded group that ends after number `first`, from
    /// `first` on. `None`: there is no such group.
    #[must_use]
    pub fn group_from(self, first: u32) -> Option<impl Iterator<Item = UserSlot>> {
        let group = UserSlot::new(first)?.index() / Self::ENTRIES;
        let noted = self.0 >> group;
        if noted == 0 {
            return None;
        }
        let group = group + noted.trailing_zeros();
        let slot = UserSlot::new(first.max(group * Self::ENTRIES))?;
        Some(slot.up_to((group + 1) * Self::ENTRIES))
    }
}

const _: () = assert!(UserSlot::COUNT.div_ceil(TableGroups::ENTRIES) <= u32::BITS);
