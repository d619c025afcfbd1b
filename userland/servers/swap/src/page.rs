//! The record of one page of a client, and how it is packed into eight bytes.

use libsys::{Entry, EntryFlags, Frame, Permissions};

use crate::items::Item;

/// Whether a leaf is absent and has the pager's mark: its page is paged out.
///
/// Only the pager can set that mark in its clients' leaves. On a present leaf without D the mark
/// says that nobody has written the frame since the pager gave the page; [`crate::eviction`] says
/// what follows from that.
#[must_use]
pub const fn is_paged_out(leaf: Entry) -> bool {
    !leaf.is_present() && leaf.permissions().contains(Permissions::PAGER)
}

/// The contents of a page that is paged out, or of which the store has a copy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Contents {
    /// All bytes are 0. Nothing is stored.
    Zeros,
    /// The bytes that the program's file has for the page. Nothing is stored.
    File,
    /// The bytes of this item of the store.
    Stored(Item),
    /// The contents are lost: the page could neither be stored nor given back. A client that
    /// touches it ends.
    Lost,
}

/// The permissions and marks with which a page comes back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rights {
    /// W and the client's own marks.
    pub permissions: Permissions,
    /// The kernel's mark: the client may not add W.
    pub sealed: bool,
}

impl Rights {
    /// The rights in a present leaf. The pager's own mark is none of them.
    #[must_use]
    pub const fn of(leaf: Entry) -> Self {
        let permissions = leaf.permissions().difference(Permissions::PAGER);
        Self { permissions, sealed: leaf.flags().contains(EntryFlags::SEALED) }
    }
}

/// What the pager knows of a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PageRecord {
    /// Nothing: the client never touched the page, or has it in memory and there is no copy.
    Unknown,
    /// The page is in memory, and the store has a copy of it. The pager gave the page in this frame
    /// with the mark `PAGER`. The copy is good as long as the leaf has the mark and no D.
    Copied {
        /// The frame in which the page was given.
        frame: Frame,
        /// The copy.
        item: Item,
    },
    /// The page is not in memory.
    PagedOut {
        /// Its contents.
        contents: Contents,
        /// Its rights.
        rights: Rights,
    },
}

/// A [`PageRecord`] in eight bytes. All zero bits are [`PageRecord::Unknown`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PackedRecord(u64);

const KIND: u64 = 0b11;
const COPIED: u64 = 1;
const STORED: u64 = 2;
/// Bits 2 to 6: W, marks 10 and 11, sealed.
const WRITE: u64 = 1 << 2;
const SHARED: u64 = 1 << 3;
const COPY_ON_WRITE: u64 = 1 << 4;
const SEALED: u64 = 1 << 5;
/// Bits 8 to 27: the frame's number.
const FRAME_SHIFT: u32 = 8;
/// Bits 32 to 63: zeros, file, lost, or 3 and the item's number.
const CONTENTS_SHIFT: u32 = 32;
const ZEROS: u64 = 0;
const FILE: u64 = 1;
const LOST: u64 = 2;
const FIRST_ITEM: u64 = 3;

const BITS: [(u64, Permissions); 3] = [
    (WRITE, Permissions::WRITE),
    (SHARED, Permissions::SHARED),
    (COPY_ON_WRITE, Permissions::COPY_ON_WRITE),
];

impl From<PageRecord> for PackedRecord {
    fn from(record: PageRecord) -> Self {
        let kept = |item: Item| (u64::from(item.number()) + FIRST_ITEM) << CONTENTS_SHIFT;
        Self(match record {
            PageRecord::Unknown => 0,
            PageRecord::Copied { frame, item } => {
                COPIED | u64::from(frame.number()) << FRAME_SHIFT | kept(item)
            }
            PageRecord::PagedOut { contents, rights } => {
                let contents = match contents {
                    Contents::Zeros => ZEROS << CONTENTS_SHIFT,
                    Contents::File => FILE << CONTENTS_SHIFT,
                    Contents::Lost => LOST << CONTENTS_SHIFT,
                    Contents::Stored(item) => kept(item),
                };
                let has = |permission| rights.permissions.contains(permission);
                let bits = BITS.iter().filter(|(_, permission)| has(*permission));
                let sealed = if rights.sealed { SEALED } else { 0 };
                STORED | contents | sealed | bits.fold(0, |bits, (bit, _)| bits | bit)
            }
        })
    }
}

impl From<PackedRecord> for PageRecord {
    fn from(PackedRecord(bits): PackedRecord) -> Self {
        let contents = bits >> CONTENTS_SHIFT;
        let item = Item::numbered(contents.saturating_sub(FIRST_ITEM) as u32);
        match bits & KIND {
            COPIED => {
                let number = (bits >> FRAME_SHIFT) as u32 & 0xF_FFFF;
                Self::Copied { frame: Frame::from_number(number), item }
            }
            STORED => {
                let contents = match contents {
                    ZEROS => Contents::Zeros,
                    FILE => Contents::File,
                    LOST => Contents::Lost,
                    _ => Contents::Stored(item),
                };
                let permissions = BITS
                    .iter()
                    .filter(|(bit, _)| bits & bit != 0)
                    .fold(Permissions::empty(), |all, (_, permission)| all | *permission);
                let rights = Rights { permissions, sealed: bits & SEALED != 0 };
                Self::PagedOut { contents, rights }
            }
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_survives_its_record() {
        let mut records = vec![PageRecord::Unknown];
        for number in [0, 1, 77, 0xFF_FFFF] {
            let item = Item::numbered(number);
            records.push(PageRecord::Copied {
                frame: Frame::from_number(0xF_FFFF - number % 9),
                item,
            });
            for contents in
                [Contents::Zeros, Contents::File, Contents::Lost, Contents::Stored(item)]
            {
                for bits in (0..16_u32).map(|bits| bits << 8 & 0xC00 | bits & 2) {
                    let permissions = Permissions::from_bits_truncate(bits);
                    for sealed in [false, true] {
                        let rights = Rights { permissions, sealed };
                        records.push(PageRecord::PagedOut { contents, rights });
                    }
                }
            }
        }
        for record in records {
            assert_eq!(PageRecord::from(PackedRecord::from(record)), record);
        }
        assert_eq!(PageRecord::from(PackedRecord::default()), PageRecord::Unknown);
    }

    #[test]
    fn the_pagers_own_mark_is_no_right_of_the_client() {
        let rights = Rights::of(Entry::from_bits(0x12_3B05));
        assert_eq!(rights.permissions, Permissions::COPY_ON_WRITE);
        assert!(rights.sealed);
    }
}
