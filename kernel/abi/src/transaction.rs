//! What a transaction is: one change of many pages, each of which is compared with what the caller
//! has seen there.
//!
//! A program reads entries through the window, decides, and sends what it saw together with what it
//! wants ([`crate::Syscall::Transact`]): a list of [`Seen`] in its memory, and a [`Wish`].

use crate::address::UserPage;
use crate::call::{Arguments, Place, RawCall, limits};
use crate::entry::{Entry, EntryFlags, Permissions};
use crate::error::Error;
use crate::layout::PAGE_SIZE;

/// A page, and the entry that the program has seen there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct Seen {
    /// The page's address.
    pub page: u32,
    /// The bits of the entry. A and D do not matter ([`COMPARED`]): the CPU sets them at any time.
    pub entry: u32,
}

impl Seen {
    /// A place in a list that is not in use.
    pub const NONE: Self = Self { page: 0, entry: 0 };

    /// This entry was seen at this page.
    #[must_use]
    #[inline(always)]
    pub const fn new(page: UserPage, entry: Entry) -> Self {
        Self { page: page.address(), entry: entry.bits() }
    }
}

/// The most pages of a list.
pub const LIST: u32 = limits::LIST;

/// The bits of an entry that must be as they were seen: all but A and D.
pub const COMPARED: u32 = !EntryFlags::ACCESSED_DIRTY.bits();

/// What a transaction does with each page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Kind {
    /// Drops and adds W and marks. A and D stay.
    Protect = 0,
    /// Unmaps the page and leaves the added marks.
    Unmap = 1,
    /// Maps the page, which is the caller's own, at another place as well, with its W and marks, of
    /// which some are dropped and marks are added.
    Map = 2,
    /// As [`Kind::Map`], and the page's own entry drops and adds the same bits: the copy-on-write
    /// share of a fork.
    MapBoth = 3,
}

impl Kind {
    /// Whether pages of the caller's own are mapped.
    #[must_use]
    pub const fn maps(self) -> bool {
        matches!(self, Self::Map | Self::MapBoth)
    }
}

/// What is to happen to each page of a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wish {
    /// What is done.
    pub kind: Kind,
    /// Bits to drop; none if the page is unmapped.
    pub drop: Permissions,
    /// Bits to add then, or those that an unmapped page leaves. Only a protect adds W.
    pub add: Permissions,
    /// If the page is mapped: how many pages further on, modulo 2²⁰. Otherwise 0.
    pub distance: u32,
}

impl Wish {
    /// Where a page is mapped.
    ///
    /// # Errors
    /// `InvalidArgument`: not below UTOP.
    #[inline(always)]
    pub const fn place(self, page: UserPage) -> Result<UserPage, Error> {
        UserPage::new(page.address().wrapping_add(self.distance * PAGE_SIZE))
    }
}

/// The place of a [`Wish`]: `eax` above the number has the bits to add; word 2 has the distance
/// (bits 12 to 31), the bits to drop, and the kind (bits 2 and 3).
#[derive(Clone, Copy, Debug)]
pub struct WishPlace;

impl Place<Wish> for WishPlace {
    const IN_HEAD: bool = true;

    fn read(raw: &impl Arguments) -> Result<Wish, Error> {
        const KIND: u32 = 0xC;
        let word = raw.word(2);
        let drop = Permissions::new((word % PAGE_SIZE) & !KIND)?;
        let add = Permissions::new(raw.permission_bits())?;
        let distance = word / PAGE_SIZE;
        let (kind, fits) = match (word & KIND) >> 2 {
            0 => (Kind::Protect, distance == 0),
            1 => (Kind::Unmap, distance == 0 && drop.is_empty()),
            2 => (Kind::Map, true),
            _ => (Kind::MapBoth, true),
        };
        if !fits || kind != Kind::Protect && add.contains(Permissions::WRITE) {
            return Err(Error::InvalidArgument);
        }
        Ok(Wish { kind, drop, add, distance })
    }

    fn write(Wish { kind, drop, add, distance }: Wish, mut raw: RawCall) -> RawCall {
        raw.head |= add.bits() << 8;
        raw.words[2] = (distance * PAGE_SIZE) | drop.bits() | (kind as u32) << 2;
        raw
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_kinds_map_pages() {
        let kinds = [Kind::Protect, Kind::Unmap, Kind::Map, Kind::MapBoth];
        assert_eq!(kinds.map(Kind::maps), [false, false, true, true]);
    }
}
