//! The entries of page tables: the frame, the hardware's bits, the kernel's marks and the program's
//! marks.
//!
//! Bits 0 to 8 are the hardware's (Intel SDM vol. 3A, 4.3, tables 4-5 and 4-6); bits 9 to 11 are
//! free for software. Vitrine uses bit 8 of a leaf, which the hardware would read as *global* only
//! if CR4.PGE were set (it stays clear), as its *sealed* mark; in a directory entry bit 8 is always
//! 0, because through the window it would be read as a leaf's.

use bitflags::bitflags;

use crate::address::Frame;
use crate::error::Error;

bitflags! {
    /// The twelve low bits of an entry.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct EntryFlags: u32 {
        /// P: the entry names a frame.
        const PRESENT = 0x001;
        /// W: writes are allowed (if the directory entry agrees).
        const WRITE = 0x002;
        /// U: ring 3 may use it (if the directory entry agrees).
        const USER = 0x004;
        /// PWT: write-through caching. In a leaf below UTOP also the kernel's mark of a driver's
        /// own page.
        const WRITE_THROUGH = 0x008;
        /// PCD: no caching.
        const NO_CACHE = 0x010;
        /// A: set by hardware on use.
        const ACCESSED = 0x020;
        /// D: set by hardware on a write (leaves only).
        const DIRTY = 0x040;
        /// PS in a directory entry: a 4 MiB page, no table below.
        const LARGE = 0x080;
        /// Leaf: the page reached this space without W, and `protect` may not add it.
        const SEALED = 0x100;
        /// First of the three bits that belong to programs. In a process that has a pager it is the
        /// pager's: absent, the pager has the page; present without D, nobody has written the frame
        /// since the pager set the mark. In a directory entry: a view.
        const PAGER = 0x200;
        /// Second of the three; by convention a page that fork shares. In a directory entry: a
        /// shared table.
        const SHARED = 0x400;
        /// Third of the three; by convention copy-on-write.
        const COPY_ON_WRITE = 0x800;
    }
}

impl EntryFlags {
    /// The three bits that belong to programs: `0xE00`.
    pub const MARKS: Self = Self::PAGER.union(Self::SHARED).union(Self::COPY_ON_WRITE);
    /// The bits of every present user leaf: P and U.
    pub const USER_LEAF: Self = Self::PRESENT.union(Self::USER);
    /// A leaf that is a driver's own and no other space's: a DMA frame.
    pub const DRIVERS_OWN: Self = Self::WRITE_THROUGH;
    /// The same, and device memory.
    pub const DEVICE: Self = Self::DRIVERS_OWN.union(Self::NO_CACHE);
    /// A and D, the bits that hardware sets.
    pub const ACCESSED_DIRTY: Self = Self::ACCESSED.union(Self::DIRTY);
    /// The bits of a fresh user page or table: `0x007`.
    pub const FRESH: Self = Self::USER_LEAF.union(Self::WRITE);
    /// Directory entry: the entry of a pager's view onto its client.
    pub const VIEW: Self = Self::PAGER;
    /// Directory entry: a table that several spaces share.
    pub const SHARED_TABLE: Self = Self::SHARED;
}

bitflags! {
    /// The bits of a mapping that a program chooses by a native call: W and its own three marks.
    ///
    /// There is no P and no U to forget.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Permissions: u32 {
        /// The page may be written.
        const WRITE = 0x002;
        /// Mark bit 9: free for a program without a pager. In a process that has one, calls of
        /// others than the pager ignore it.
        const PAGER = 0x200;
        /// Mark bit 10: by libsys's and JOS's convention, shared over fork.
        const SHARED = 0x400;
        /// Mark bit 11: by libsys's and JOS's convention, copy-on-write.
        const COPY_ON_WRITE = 0x800;
    }
}

impl Permissions {
    /// Checks permission bits that came from a program.
    ///
    /// # Errors
    /// `InvalidArgument`: any bit other than `0x002` and `0xE00`.
    // Inlined: see `address.rs`.
    #[inline(always)]
    pub const fn new(bits: u32) -> Result<Self, Error> {
        match Self::from_bits(bits) {
            Some(permissions) => Ok(permissions),
            None => Err(Error::InvalidArgument),
        }
    }

    /// As [`Permissions::new`], for marks alone.
    ///
    /// # Errors
    /// `InvalidArgument`: any bit other than `0xE00`.
    #[inline(always)]
    pub const fn marks(bits: u32) -> Result<Self, Error> {
        if bits & !EntryFlags::MARKS.bits() == 0 {
            Self::new(bits)
        } else {
            Err(Error::InvalidArgument)
        }
    }

    /// The flags of a present user leaf with these permissions.
    #[must_use]
    pub const fn leaf(self) -> EntryFlags {
        EntryFlags::from_bits_retain(self.bits()).union(EntryFlags::USER_LEAF)
    }
}

/// One entry of a page table or directory, as the hardware reads it.
///
/// ```
/// use abi::{Entry, EntryFlags, Frame, Permissions};
///
/// let entry = Entry::from_bits(0x0012_3867);
/// assert_eq!(entry.frame(), Frame::containing(0x0012_3000));
/// assert!(entry.is_writable() && entry.is_dirty());
/// assert_eq!(entry.permissions(), Permissions::WRITE | Permissions::COPY_ON_WRITE);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Entry(u32);

impl Entry {
    /// Nothing here.
    pub const ABSENT: Self = Self(0);

    /// An entry that names `frame`.
    #[must_use]
    pub const fn new(frame: Frame, flags: EntryFlags) -> Self {
        Self(frame.address() | flags.bits())
    }

    /// The entry with these bits.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// An absent leaf that carries marks: its owner has the page, paged out. Without marks it is
    /// [`Entry::ABSENT`].
    #[must_use]
    pub const fn paged_out(marks: Permissions) -> Self {
        Self(marks.bits() & EntryFlags::MARKS.bits())
    }

    /// The bits, as hardware has them.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The twelve low bits.
    #[must_use]
    pub const fn flags(self) -> EntryFlags {
        EntryFlags::from_bits_retain(self.0 & 0xFFF)
    }

    /// Whether all of these bits are set.
    #[must_use]
    pub const fn contains(self, flags: EntryFlags) -> bool {
        self.0 & flags.bits() == flags.bits()
    }

    /// As a directory entry of user space, where no self map is: names a page table that belongs to
    /// the space alone.
    #[must_use]
    pub const fn is_own_table(self) -> bool {
        const KIND: EntryFlags =
            EntryFlags::PRESENT.union(EntryFlags::VIEW).union(EntryFlags::SHARED_TABLE);
        self.0 & KIND.bits() == EntryFlags::PRESENT.bits()
    }

    /// The frame; meaningful when the entry is present.
    #[must_use]
    pub const fn frame(self) -> Frame {
        Frame::containing(self.0)
    }

    /// The same frame with other flags.
    #[must_use]
    pub const fn with_flags(self, flags: EntryFlags) -> Self {
        Self::new(self.frame(), flags)
    }

    /// P is set.
    #[must_use]
    pub const fn is_present(self) -> bool {
        self.0 & EntryFlags::PRESENT.bits() != 0
    }

    /// W is set.
    #[must_use]
    pub const fn is_writable(self) -> bool {
        self.0 & EntryFlags::WRITE.bits() != 0
    }

    /// The leaf is present and carries the kernel's sealed mark.
    #[must_use]
    pub const fn is_sealed(self) -> bool {
        self.is_present() && self.0 & EntryFlags::SEALED.bits() != 0
    }

    /// The leaf is a driver's own: no other space may have it, and it is not copied.
    #[must_use]
    pub const fn is_drivers_own(self) -> bool {
        self.0 & EntryFlags::DRIVERS_OWN.bits() != 0
    }

    /// A is set.
    #[must_use]
    pub const fn is_accessed(self) -> bool {
        self.0 & EntryFlags::ACCESSED.bits() != 0
    }

    /// D is set.
    #[must_use]
    pub const fn is_dirty(self) -> bool {
        self.0 & EntryFlags::DIRTY.bits() != 0
    }

    /// W and the program's marks.
    #[must_use]
    pub const fn permissions(self) -> Permissions {
        Permissions::from_bits_truncate(self.0)
    }
}

impl core::fmt::Debug for Entry {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Entry({:#010x})", self.0)
    }
}

/// The meaning of a directory entry. Every walk is a `match` on this.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DirectoryEntry {
    /// Nothing.
    Absent,
    /// A table of this space alone.
    Table(Frame),
    /// A table that several spaces share.
    Shared(Frame),
    /// Another process's directory, in a pager's view of it.
    View(Frame),
    /// This very directory: a self map.
    SelfMap,
}

impl DirectoryEntry {
    /// Reads directory entry `entry` of the directory in `directory`.
    #[must_use]
    pub fn classify(entry: Entry, directory: Frame) -> Self {
        if !entry.is_present() {
            Self::Absent
        } else if entry.frame() == directory {
            Self::SelfMap
        } else if entry.flags().contains(EntryFlags::VIEW) {
            Self::View(entry.frame())
        } else if entry.flags().contains(EntryFlags::SHARED_TABLE) {
            Self::Shared(entry.frame())
        } else {
            Self::Table(entry.frame())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_shown_as_its_word() {
        assert_eq!(std::format!("{:?}", Entry::from_bits(0x1007)), "Entry(0x00001007)");
    }

    #[test]
    fn a_fresh_page_reads_007() {
        let entry = Entry::new(Frame::containing(0x12_3000), Permissions::WRITE.leaf());
        assert_eq!(entry.bits(), 0x0012_3007);
    }

    #[test]
    fn permissions_refuse_every_unknown_bit() {
        for bit in 0..32 {
            let known = [1, 9, 10, 11].contains(&bit);
            assert_eq!(Permissions::new(1 << bit).is_ok(), known, "bit {bit}");
            assert_eq!(Permissions::marks(1 << bit).is_ok(), known && bit != 1, "bit {bit}");
        }
    }

    #[test]
    fn a_paged_out_entry_has_marks_and_nothing_else() {
        let all = Permissions::all();
        assert_eq!(Entry::paged_out(all).bits(), 0xE00);
        assert!(!Entry::paged_out(all).is_present());
    }

    #[test]
    fn directory_entries_are_told_apart() {
        let (own, other) = (Frame::from_number(7), Frame::from_number(8));
        let case = |frame, flags| DirectoryEntry::classify(Entry::new(frame, flags), own);
        assert_eq!(DirectoryEntry::classify(Entry::ABSENT, own), DirectoryEntry::Absent);
        assert_eq!(case(other, EntryFlags::FRESH), DirectoryEntry::Table(other));
        assert_eq!(
            case(other, EntryFlags::FRESH | EntryFlags::SHARED_TABLE),
            DirectoryEntry::Shared(other)
        );
        assert_eq!(
            case(other, EntryFlags::USER_LEAF | EntryFlags::VIEW),
            DirectoryEntry::View(other)
        );
        assert_eq!(case(own, EntryFlags::USER_LEAF), DirectoryEntry::SelfMap);
    }
}
