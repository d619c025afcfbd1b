//! Where a process has had page tables.

use abi::UserSlot;

/// In which parts of an address space there has ever been a page table: one bit for each 32 directory entries, which
/// cover 128 MiB. So the end of a process costs nothing for the address space that it never used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TableGroups(u32);

impl TableGroups {
    /// There has been no table.
    pub const NONE: Self = Self(0);
    /// Directory entries that share a bit. The last group of a process has 27: the kernel's entries follow.
    const ENTRIES: u32 = 32;

    /// Notes that there is a table under this entry.
    #[inline(always)]
    pub fn insert(&mut self, slot: UserSlot) {
        self.0 |= 1 << (slot.index() / Self::ENTRIES);
    }

    /// The entries from number `first` on, up to the end of the first noted group that has one of them.
    #[must_use]
    #[inline(always)]
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
