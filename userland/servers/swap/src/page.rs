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
///
/// The two words are those of the record: a conversion of one `u64` took 50 instructions each way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PackedRecord {
    /// Bits 2 and 3: the kind. Of a page that is paged out, its rights, as in an entry; of a copy,
    /// its frame, as in an entry.
    word: u32,
    /// Zeros, file, lost, or 3 and the item's number.
    contents: u32,
}

/// Bits that are none of a frame's and none of [`RIGHTS`].
const KIND: u32 = 0b11 << 2;
const COPIED: u32 = 1 << 2;
const STORED: u32 = 2 << 2;
/// W and the client's own marks.
const RIGHTS: Permissions =
    Permissions::WRITE.union(Permissions::SHARED).union(Permissions::COPY_ON_WRITE);
const SEALED: u32 = EntryFlags::SEALED.bits();
const FRAME_SHIFT: u32 = 12;
const _: () = assert!(KIND & (RIGHTS.bits() | SEALED) == 0);

const ZEROS: u32 = 0;
const FILE: u32 = 1;
const LOST: u32 = 2;
const FIRST_ITEM: u32 = 3;

impl From<PageRecord> for PackedRecord {
    fn from(record: PageRecord) -> Self {
        match record {
            PageRecord::Unknown => Self::default(),
            PageRecord::Copied { frame, item } => Self {
                word: COPIED | frame.number() << FRAME_SHIFT,
                contents: item.number() + FIRST_ITEM,
            },
            PageRecord::PagedOut { contents, rights } => {
                let sealed = if rights.sealed { SEALED } else { 0 };
                let contents = match contents {
                    Contents::Zeros => ZEROS,
                    Contents::File => FILE,
                    Contents::Lost => LOST,
                    Contents::Stored(item) => item.number() + FIRST_ITEM,
                };
                Self { word: STORED | sealed | (rights.permissions & RIGHTS).bits(), contents }
            }
        }
    }
}

impl From<PackedRecord> for PageRecord {
    fn from(PackedRecord { word, contents }: PackedRecord) -> Self {
        let item = Item::numbered(contents.wrapping_sub(FIRST_ITEM));
        match word & KIND {
            COPIED => Self::Copied { frame: Frame::from_number(word >> FRAME_SHIFT), item },
            STORED => {
                let contents = match contents {
                    ZEROS => Contents::Zeros,
                    FILE => Contents::File,
                    LOST => Contents::Lost,
                    _ => Contents::Stored(item),
                };
                let permissions = Permissions::from_bits_truncate(word) & RIGHTS;
                Self::PagedOut {
                    contents,
                    rights: Rights { permissions, sealed: word & SEALED != 0 },
                }
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
