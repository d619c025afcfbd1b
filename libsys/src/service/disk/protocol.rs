//! The messages between a process and the disk.
//!
//! A client calls with these words; the answer's first word is 0 or the number of a [`DiskError`].
//!
//! | call | words | page | answer |
//! | --- | --- | --- | --- |
//! | open | 1 | | sectors (two words), most pages of a transfer |
//! | share | 2 + slot × 2^16 | a page of the client's, with W if it is to be read into | |
//! | read | 3 + pages × 2^8 + slot × 2^16, first sector (two words), skipped pages (a bit each) | | |
//! | write | 4 + pages × 2^8 + slot × 2^16, first sector (two words) | | |
//! | flush | 5 | | |
//! | admit | 6, a process, first page, pages | | |
//!
//! The disk's parent decides which processes the disk serves. Its argument `everyone` opens all of
//! the disk to every process. Otherwise a process may open it only after the disk's parent has
//! admitted it to a range, and uses that range alone: its sectors count from the beginning of the
//! range. Any request of another process is answered by `NotPermitted`.
//!
//! The pages that a client has shared are its transfer area: 16 slots, of which a transfer uses
//! some in a row. The disk keeps them mapped, so that a transfer is one message and one request to
//! the device. A client that ends loses its area. Requests are served one at a time; the answer
//! comes when the device is done.

use abi::ProcessId;
use abi::layout::PAGE_SIZE;

/// Bytes of a sector.
pub const SECTOR: u32 = 512;
/// Sectors of a page.
pub const PAGE_SECTORS: u32 = PAGE_SIZE / SECTOR;
/// Pages of a transfer area, and the most of one transfer.
pub const SLOTS: u32 = 16;

/// A run of pages between a client's transfer area and the disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transfer {
    /// The first sector on the disk.
    pub sector: u64,
    /// The first slot of the area.
    pub slot: u32,
    /// Pages, 8 sectors each: `1..=16`, and `slot + pages` is at most 16.
    pub pages: u32,
}

impl Transfer {
    /// Checks that the transfer lies on a disk of `sectors` sectors, and in an area.
    ///
    /// # Errors
    /// `BadRange`: it does not, or is empty.
    pub fn check(self, sectors: u64) -> Result<(), DiskError> {
        let end = self.sector.checked_add(u64::from(self.pages) * u64::from(PAGE_SECTORS));
        let on_disk = end.is_some_and(|end| end <= sectors);
        let in_area =
            self.pages > 0 && u64::from(self.slot) + u64::from(self.pages) <= SLOTS.into();
        if on_disk && in_area { Ok(()) } else { Err(DiskError::BadRange) }
    }
}

/// A request to the disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Request {
    /// Become a client, and get the geometry.
    Open,
    /// The page that comes along is this slot of the area from now on.
    Share {
        /// `0..16`.
        slot: u32,
    },
    /// From the disk into the area.
    Read {
        /// From where to where.
        transfer: Transfer,
        /// Bit `i`: the slot of page `i` stays as it is.
        skipped: u32,
    },
    /// From the area to the disk.
    Write(Transfer),
    /// Return when all that was written is on the medium.
    Flush,
    /// A process may open a range. From the disk's parent alone.
    Admit {
        /// Which process.
        process: ProcessId,
        /// The range's first page on the disk.
        first: u32,
        /// Its pages, at least one.
        pages: u32,
    },
}

const OPEN: u32 = 1;
const SHARE: u32 = 2;
const READ: u32 = 3;
const WRITE: u32 = 4;
const FLUSH: u32 = 5;
const ADMIT: u32 = 6;

impl Request {
    /// The words of the message.
    #[must_use]
    pub const fn encode(self) -> [u32; 4] {
        match self {
            Self::Open => [OPEN, 0, 0, 0],
            Self::Share { slot } => [SHARE | slot << 16, 0, 0, 0],
            Self::Read { transfer, skipped } => transfer.encode(READ, skipped),
            Self::Write(transfer) => transfer.encode(WRITE, 0),
            Self::Flush => [FLUSH, 0, 0, 0],
            Self::Admit { process, first, pages } => [ADMIT, process.bits(), first, pages],
        }
    }

    /// Reads the words of a message.
    ///
    /// # Errors
    /// `NotUnderstood`: no request has these words.
    pub const fn decode(words: [u32; 4]) -> Result<Self, DiskError> {
        let [head, low, high, last] = words;
        if head == ADMIT {
            return match ProcessId::new(low) {
                Ok(process) => Ok(Self::Admit { process, first: high, pages: last }),
                Err(_) => Err(DiskError::NotUnderstood),
            };
        }
        let (pages, slot) = (head >> 8 & 0xFF, head >> 16);
        let sector = low as u64 | (high as u64) << 32;
        let transfer = Transfer { sector, slot, pages };
        match (head & 0xFF, pages, slot, sector, last) {
            (OPEN, 0, 0, 0, 0) => Ok(Self::Open),
            (SHARE, 0, _, 0, 0) => Ok(Self::Share { slot }),
            (READ, _, _, _, skipped) if pages >= u32::BITS || skipped >> pages == 0 => {
                Ok(Self::Read { transfer, skipped })
            }
            (WRITE, _, _, _, 0) => Ok(Self::Write(transfer)),
            (FLUSH, 0, 0, 0, 0) => Ok(Self::Flush),
            _ => Err(DiskError::NotUnderstood),
        }
    }
}

impl Transfer {
    const fn encode(self, number: u32, last: u32) -> [u32; 4] {
        let head = number | (self.pages & 0xFF) << 8 | self.slot << 16;
        [head, self.sector as u32, (self.sector >> 32) as u32, last]
    }
}

/// The size of the disk, which a client gets when it opens the disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Geometry {
    /// Sectors of [`SECTOR`] bytes.
    pub sectors: u64,
    /// The most pages of one transfer.
    pub pages: u32,
}

/// Why the disk refuses or fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum DiskError {
    /// The words are no request. Correct the program.
    NotUnderstood = 1,
    /// The sender has not opened the disk.
    NotOpen = 2,
    /// It has as many clients as it takes. Try again when one has ended.
    Full = 3,
    /// The transfer goes beyond the range or the area, or is empty; or there is no such slot; or
    /// the range of an `Admit` is empty or goes beyond the disk.
    BadRange = 4,
    /// No page was shared at one of the slots; or none came with a `Share`.
    NotShared = 5,
    /// A page that would be read into was shared without W.
    NotWritable = 6,
    /// The device could not do it. A failed read leaves the area as it was, a failed write leaves
    /// anything on the disk.
    DeviceError = 7,
    /// The device takes no writes.
    ReadOnly = 8,
    /// The message did not arrive, or was not answered: the disk has ended.
    Gone = 9,
    /// The disk does not serve this process: with the boot word `swap` it is the pager's. Or an
    /// `Admit` did not come from the disk's parent.
    NotPermitted = 10,
}

impl DiskError {
    const ALL: [Self; 10] = [
        Self::NotUnderstood,
        Self::NotOpen,
        Self::Full,
        Self::BadRange,
        Self::NotShared,
        Self::NotWritable,
        Self::DeviceError,
        Self::ReadOnly,
        Self::Gone,
        Self::NotPermitted,
    ];
}

impl core::fmt::Display for DiskError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NotUnderstood => "the disk does not understand",
            Self::NotOpen => "the disk was not opened",
            Self::Full => "the disk has too many clients",
            Self::BadRange => "beyond the disk or the transfer area",
            Self::NotShared => "no page was shared there",
            Self::NotWritable => "a page was shared read-only",
            Self::DeviceError => "the device failed",
            Self::ReadOnly => "the device is read-only",
            Self::Gone => "the disk is gone",
            Self::NotPermitted => "the disk is the pager's",
        })
    }
}

impl core::error::Error for DiskError {}

/// The words of an answer: done, with what a client learns if it opened.
#[must_use]
pub fn encode_answer(answer: Result<Option<Geometry>, DiskError>) -> [u32; 4] {
    match answer {
        Ok(None) => [0; 4],
        Ok(Some(Geometry { sectors, pages })) => [0, sectors as u32, (sectors >> 32) as u32, pages],
        Err(error) => [error as u32, 0, 0, 0],
    }
}

/// Reads the words of an answer.
///
/// # Errors
/// The disk's; an unknown number counts as `NotUnderstood`.
pub fn decode_answer(words: [u32; 4]) -> Result<Geometry, DiskError> {
    let [status, low, high, pages] = words;
    if status == 0 {
        return Ok(Geometry { sectors: u64::from(low) | u64::from(high) << 32, pages });
    }
    let mut all = DiskError::ALL.into_iter();
    Err(all.find(|error| *error as u32 == status).unwrap_or(DiskError::NotUnderstood))
}

/// Word 0 of the message by which the disk reports to its parent that it serves; word 1 is the
/// number of its PCI function, words 2 and 3 are its sectors.
const READY: u32 = 0x4B53_4944;

/// The words of that message.
#[must_use]
pub const fn ready(function: u8, sectors: u64) -> [u32; 4] {
    [READY, function as u32, sectors as u32, (sectors >> 32) as u32]
}

/// The PCI function and the sectors in such words; `None` if they are others.
#[must_use]
pub const fn read_ready(words: [u32; 4]) -> Option<(u8, u64)> {
    match words {
        [READY, function @ 0..=0xFF, low, high] => {
            Some((function as u8, low as u64 | (high as u64) << 32))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_answers_survive_the_wire() {
        let transfer = Transfer { sector: 0x1_2345_6788, slot: 3, pages: 13 };
        let requests = [
            Request::Open,
            Request::Share { slot: 15 },
            Request::Read { transfer, skipped: 0 },
            Request::Read { transfer, skipped: 0x1FFF },
            Request::Write(transfer),
            Request::Flush,
            Request::Admit { process: ProcessId::first(5), first: 0x10_0000, pages: u32::MAX },
        ];
        for request in requests {
            assert_eq!(Request::decode(request.encode()), Ok(request));
        }
        let geometry = Geometry { sectors: 0x2_0000_0001, pages: SLOTS };
        assert_eq!(decode_answer(encode_answer(Ok(Some(geometry)))), Ok(geometry));
        for error in DiskError::ALL {
            assert_eq!(decode_answer(encode_answer(Err(error))), Err(error));
        }
        assert_eq!(decode_answer([77, 0, 0, 0]), Err(DiskError::NotUnderstood));
        assert_eq!(read_ready(ready(0x20, 0x8_0000)), Some((0x20, 0x8_0000)));
        assert_eq!(read_ready([READY, 0x100, 0, 0]), None);
        assert_eq!(read_ready([0; 4]), None);
    }

    #[test]
    fn strange_words_are_refused() {
        for words in [
            [0, 0, 0, 0],
            [6, 0, 0, 1],
            [6 | 1 << 16, 0x1005, 0, 1],
            [7, 0, 0, 0],
            [1, 1, 0, 0],
            [1 | 1 << 8, 0, 0, 0],
            [2, 0, 1, 0],
            [2 | 1 << 8, 0, 0, 0],
            [3, 0, 0, 1],
            [3 | 13 << 8, 0, 0, 0x2000],
            [3 | 31 << 8, 0, 0, 0x8000_0000],
            [4 | 13 << 8, 0, 0, 1],
            [5 | 1 << 16, 0, 0, 0],
            [0xFFFF_FFFF; 4],
        ] {
            assert_eq!(Request::decode(words), Err(DiskError::NotUnderstood), "{words:x?}");
        }
    }

    #[test]
    fn a_transfer_lies_on_the_disk_and_in_the_area() {
        let sectors = 1024;
        let table = [
            (0, 0, 1, true),
            (0, 0, 16, true),
            (1016, 15, 1, true),
            (1017, 0, 1, false),
            (896, 0, 16, true),
            (897, 0, 16, false),
            (0, 0, 0, false),
            (0, 1, 16, false),
            (0, 16, 1, false),
            (0, 0, 17, false),
            (1024, 0, 1, false),
            (u64::MAX, 0, 1, false),
            (u64::MAX - 7, 0, 1, false),
            (0, u32::MAX, 1, false),
        ];
        for (sector, slot, pages, sound) in table {
            let transfer = Transfer { sector, slot, pages };
            let expected = if sound { Ok(()) } else { Err(DiskError::BadRange) };
            assert_eq!(transfer.check(sectors), expected, "{transfer:?}");
        }
    }
}
