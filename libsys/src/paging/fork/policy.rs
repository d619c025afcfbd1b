//! The policy of fork for a page, decided from the page's entry alone.

use abi::transaction::{Kind, Wish};
use abi::{Entry, EntryFlags, Permissions};

/// The mapping that a child gets for a present page of its parent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Policy {
    /// The same frame with the same rights.
    ShareAsIs,
    /// The same frame without W and with the copy-on-write mark, at the parent, too.
    CopyOnWrite,
}

/// The bits of an entry that [`policy`] looks at.
pub const DECISIVE: EntryFlags = EntryFlags::PRESENT
    .union(EntryFlags::WRITE)
    .union(EntryFlags::SHARED)
    .union(EntryFlags::COPY_ON_WRITE);

/// Decides for one page below the exception stack. `None`: it is absent.
#[must_use]
pub fn policy(entry: Entry) -> Option<Policy> {
    if !entry.is_present() {
        return None;
    }
    let permissions = entry.permissions();
    let private = !permissions.contains(Permissions::SHARED);
    let writable = permissions.intersects(Permissions::WRITE.union(Permissions::COPY_ON_WRITE));
    Some(if private && writable { Policy::CopyOnWrite } else { Policy::ShareAsIs })
}

impl Policy {
    /// All policies.
    pub const ALL: [Self; 2] = [Self::ShareAsIs, Self::CopyOnWrite];

    /// What a fork does with the pages of this policy.
    #[must_use]
    pub const fn wish(self) -> Wish {
        const NOTHING: Permissions = Permissions::empty();
        let (kind, drop, add) = match self {
            Self::ShareAsIs => (Kind::Map, NOTHING, NOTHING),
            Self::CopyOnWrite => (Kind::MapBoth, Permissions::WRITE, Permissions::COPY_ON_WRITE),
        };
        Wish { kind, drop, add, distance: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_entry_has_its_policy() {
        let table = [
            (0x000, None),
            (0x200, None),                      // paged out: the pager copies it
            (0xE00, None),                      // absent, with every mark
            (0x005, Some(Policy::ShareAsIs)),   // text
            (0x125, Some(Policy::ShareAsIs)),   // sealed and read
            (0x007, Some(Policy::CopyOnWrite)), // fresh
            (0x067, Some(Policy::CopyOnWrite)), // written
            (0x805, Some(Policy::CopyOnWrite)), // since an earlier fork
            (0x807, Some(Policy::CopyOnWrite)),
            (0x405, Some(Policy::ShareAsIs)),
            (0x407, Some(Policy::ShareAsIs)),
            (0xC07, Some(Policy::ShareAsIs)), // SHARED comes first: the program has set it
            (0x207, Some(Policy::CopyOnWrite)), // PAGER does not matter here
        ];
        for (bits, expected) in table {
            let entry = Entry::from_bits(if bits & 1 == 0 { bits } else { 0x12_3000 | bits });
            assert_eq!(policy(entry), expected, "{bits:#05x}");
        }
    }

    #[test]
    fn entries_that_agree_in_the_decisive_bits_have_the_same_policy() {
        for bits in (0..0x1000).step_by(2).map(|bits| bits | 1) {
            let decisive = Entry::from_bits(bits & (DECISIVE.bits() | 1));
            assert_eq!(policy(Entry::from_bits(bits)), policy(decisive), "{bits:#x}");
        }
    }
}
