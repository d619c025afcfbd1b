//! The memory of a program, read from the ELF headers of its file, with every number checked.
//!
//! The kernel (for `init`), `spawn` and the pager all load programs, and all of them start here.
//! Only the first bytes of the file are read, and no number in them is believed: each is
//! checked against the file's length and the memory map, so that the numbers of an [`Image`] can be
//! added and compared without another check.
//!
//! A segment need not begin at a page, and two may share one, so a page is put together from
//! [`Piece`]s.

use core::fmt;

use xmas_elf::ElfFile;
use xmas_elf::header::{Class, Data, Machine, Type as FileType, Version};
use xmas_elf::program::{ProgramHeader, Type as SegmentType};

use crate::address::Page;
use crate::entry::Permissions;
use crate::layout::{BOOT_ARCHIVE, PAGE_SIZE, USER_STACK_TOP, USER_TOP};

/// How much of the file's beginning has to hold all its headers; the rest of what [`Image::plan`]
/// gets is not read.
pub const HEADER_LIMIT: usize = 1024;
/// The most segments that a program may have.
pub const SEGMENT_LIMIT: usize = 8;
/// The 1 MiB below [`USER_STACK_TOP`] that is left for the stack to grow in.
pub const STACK_START: u32 = USER_STACK_TOP - 0x10_0000;
/// The longest boot archive that `init` can have: 256 MiB.
pub const BOOT_ARCHIVE_LIMIT: u32 = 0x1000_0000;
/// End of the 256 MiB from [`BOOT_ARCHIVE`] on that are left for the boot archive.
pub const BOOT_ARCHIVE_END: u32 = BOOT_ARCHIVE + BOOT_ARCHIVE_LIMIT;

/// The rules for a program, and the memory that it gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rules {
    /// Vitrine's own: it leaves room for a stack that grows and for the boot archive, and only what
    /// says so is writable.
    Vitrine,
    /// JOS's: it may lie anywhere below UTOP but on the stack page, and all of it is writable.
    Jos,
}

impl Rules {
    /// May a program have the pages from `first` to below `end`? Both are multiples of the page
    /// size.
    fn allow(self, first: u64, end: u64) -> bool {
        let disjoint = |start: u32, stop: u32| end <= u64::from(start) || first >= u64::from(stop);
        match self {
            Self::Vitrine => {
                end <= u64::from(STACK_START) && disjoint(BOOT_ARCHIVE, BOOT_ARCHIVE_END)
            }
            Self::Jos => {
                end <= u64::from(USER_TOP) && disjoint(USER_STACK_TOP - PAGE_SIZE, USER_STACK_TOP)
            }
        }
    }
}

/// Part of a program: `memory_length` bytes at `address`, of which the first `file_length` come
/// from the file at `file_offset`; the others are zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// First address.
    pub address: u32,
    /// Offset of the first byte in the file.
    pub file_offset: u32,
    /// Bytes that the file has: at most `memory_length`.
    pub file_length: u32,
    /// Bytes in memory: at least 1. Neither sum of this with `address` nor of `file_length` with
    /// `file_offset` wraps.
    pub memory_length: u32,
    /// The program may write it.
    pub writable: bool,
}

impl Segment {
    const NONE: Self =
        Self { address: 0, file_offset: 0, file_length: 0, memory_length: 0, writable: false };

    const fn end(&self) -> u32 {
        self.address + self.memory_length
    }

    const fn covers(&self, page: Page) -> bool {
        let first = Page::containing(self.address).number();
        let last = Page::containing(self.end() - 1).number();
        first <= page.number() && page.number() <= last
    }

    fn piece(&self, page: Page) -> Option<Piece> {
        let from = page.address().max(self.address);
        let to = (page.address() + PAGE_SIZE).min(self.address + self.file_length);
        (from < to).then(|| Piece {
            page_offset: from - page.address(),
            file_offset: self.file_offset + (from - self.address),
            length: to - from,
        })
    }
}

/// Bytes of the file that belong into a page. What no piece covers is zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Piece {
    /// Offset in the page: below 4,096, also after adding `length - 1`.
    pub page_offset: u32,
    /// Offset in the file.
    pub file_offset: u32,
    /// Bytes: 1 to 4,096.
    pub length: u32,
}

/// Why a file is no program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ImageError {
    /// It is no ELF file of version 1, or ends within its header.
    NotElf,
    /// It is an ELF file, but not for 32-bit little-endian x86.
    WrongMachine,
    /// It is not an executable with fixed addresses.
    NotExecutable,
    /// It wants a dynamic linker.
    Dynamic,
    /// Its program headers do not lie within the first [`HEADER_LIMIT`] bytes, or have a strange
    /// size or place.
    BadHeaders,
    /// It has no segment to load.
    NoSegments,
    /// It has more than [`SEGMENT_LIMIT`].
    TooManySegments,
    /// A segment reaches beyond the end of the file.
    BeyondFile,
    /// A segment has more bytes in the file than in memory.
    ShortMemory,
    /// A segment wraps, or lies where the [`Rules`] leave no room for it.
    BadAddress,
    /// Two segments claim the same bytes.
    Overlap,
    /// The entry lies in no segment.
    BadEntry,
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotElf => "not an ELF file",
            Self::WrongMachine => "not a program for 32-bit x86",
            Self::NotExecutable => "not an executable with fixed addresses",
            Self::Dynamic => "it wants a dynamic linker",
            Self::BadHeaders => "its program headers are not where they should be",
            Self::NoSegments => "it has no segments",
            Self::TooManySegments => "it has too many segments",
            Self::BeyondFile => "a segment reaches beyond the end of the file",
            Self::ShortMemory => "a segment is longer in the file than in memory",
            Self::BadAddress => "a segment lies where no program may",
            Self::Overlap => "two segments overlap",
            Self::BadEntry => "its entry lies in no segment",
        })
    }
}

impl core::error::Error for ImageError {}

/// A program that can be loaded: every number in it has been checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Image {
    entry: u32,
    segments: [Segment; SEGMENT_LIMIT],
    count: usize,
}

impl Image {
    /// Reads what the first bytes of one of our own programs, a file of `file_length` bytes, say.
    ///
    /// # Errors
    /// An [`ImageError`]; the file is not to be loaded.
    pub fn plan(header: &[u8], file_length: u32) -> Result<Self, ImageError> {
        Self::plan_by(Rules::Vitrine, header, file_length)
    }

    /// As [`Image::plan`], for a program that follows these rules.
    ///
    /// # Errors
    /// An [`ImageError`]; the file is not to be loaded.
    pub fn plan_by(rules: Rules, header: &[u8], file_length: u32) -> Result<Self, ImageError> {
        // The ELF crate reads words in place, so its input has to be aligned, and zeros after a
        // short file are harmless.
        let mut aligned = Aligned([0; HEADER_LIMIT]);
        let known = header.len().min(HEADER_LIMIT).min(file_length as usize);
        aligned.0[..known].copy_from_slice(&header[..known]);
        let elf = ElfFile::new(&aligned.0[..known]).map_err(|_| ImageError::NotElf)?;
        check_kind(&elf)?;
        check_headers(&elf, known)?;
        let mut image = Self { entry: 0, segments: [Segment::NONE; SEGMENT_LIMIT], count: 0 };
        for index in 0..elf.header.pt2.ph_count() {
            let header = elf.program_header(index).map_err(|_| ImageError::BadHeaders)?;
            match header.get_type() {
                Ok(SegmentType::Load) if header.mem_size() > 0 => {
                    image.add(segment(rules, &header, file_length)?)?
                }
                Ok(SegmentType::Load) if header.file_size() > 0 => {
                    return Err(ImageError::ShortMemory);
                }
                Ok(SegmentType::Interp | SegmentType::Dynamic) => return Err(ImageError::Dynamic),
                // Notes, tables for debuggers and whatever a newer linker adds: nothing to load.
                Ok(_) | Err(_) => {}
            }
        }
        if image.count == 0 {
            return Err(ImageError::NoSegments);
        }
        let entry =
            u32::try_from(elf.header.pt2.entry_point()).map_err(|_| ImageError::BadEntry)?;
        let inside = |segment: &Segment| (segment.address..segment.end()).contains(&entry);
        if !image.segments().iter().any(inside) {
            return Err(ImageError::BadEntry);
        }
        Ok(Self { entry, ..image })
    }

    /// The address at which the program begins to run: inside a segment.
    #[must_use]
    pub const fn entry(&self) -> u32 {
        self.entry
    }

    /// The segments: at least one.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments[..self.count]
    }

    /// Every page that the program has, each once.
    pub fn pages(&self) -> impl Iterator<Item = Page> {
        self.segments().iter().enumerate().flat_map(|(index, segment)| {
            let earlier = &self.segments[..index];
            (segment.address & !(PAGE_SIZE - 1)..segment.end())
                .step_by(PAGE_SIZE as usize)
                .map(Page::containing)
                .filter(|page| !earlier.iter().any(|segment| segment.covers(*page)))
        })
    }

    /// The permissions of a page, or `None` if the page is not part of the program.
    #[must_use]
    pub fn permissions(&self, page: Page) -> Option<Permissions> {
        let mut covering = self.segments().iter().filter(|segment| segment.covers(page)).peekable();
        covering.peek()?;
        let writable = covering.any(|segment| segment.writable);
        Some(if writable { Permissions::WRITE } else { Permissions::empty() })
    }

    /// The pieces of a page that the file has; none for a page that is all zeros or not part of the
    /// program.
    pub fn pieces(&self, page: Page) -> impl Iterator<Item = Piece> {
        self.segments().iter().filter_map(move |segment| segment.piece(page))
    }

    fn add(&mut self, segment: Segment) -> Result<(), ImageError> {
        let overlaps =
            |other: &Segment| segment.address < other.end() && other.address < segment.end();
        if self.segments().iter().any(overlaps) {
            return Err(ImageError::Overlap);
        }
        *self.segments.get_mut(self.count).ok_or(ImageError::TooManySegments)? = segment;
        self.count += 1;
        Ok(())
    }
}

#[repr(align(8))]
struct Aligned([u8; HEADER_LIMIT]);

fn check_kind(elf: &ElfFile<'_>) -> Result<(), ImageError> {
    let (ident, header) = (elf.header.pt1, elf.header.pt2);
    if ident.version() != Version::Current || header.version() != 1 {
        return Err(ImageError::NotElf);
    }
    let x86 = ident.class() == Class::ThirtyTwo
        && ident.data() == Data::LittleEndian
        && header.machine().as_machine() == Machine::X86;
    if !x86 {
        return Err(ImageError::WrongMachine);
    }
    if header.type_().as_type() != FileType::Executable {
        return Err(ImageError::NotExecutable);
    }
    Ok(())
}

/// Makes sure that the ELF crate, which asserts instead of refusing, will find every program
/// header.
fn check_headers(elf: &ElfFile<'_>, known: usize) -> Result<(), ImageError> {
    const PROGRAM_HEADER_SIZE: u64 = 32;
    let header = elf.header.pt2;
    let table = header.ph_offset();
    let end = table + u64::from(header.ph_count()) * PROGRAM_HEADER_SIZE;
    if header.ph_count() == 0 {
        return Err(ImageError::NoSegments);
    }
    let sound = u64::from(header.ph_entry_size()) == PROGRAM_HEADER_SIZE
        && table.is_multiple_of(4)
        && table >= header.size() as u64
        && end <= known as u64;
    if sound { Ok(()) } else { Err(ImageError::BadHeaders) }
}

fn segment(
    rules: Rules,
    header: &ProgramHeader<'_>,
    file_length: u32,
) -> Result<Segment, ImageError> {
    let (address, memory_length) = (header.virtual_addr(), header.mem_size());
    let (file_offset, length) = (header.offset(), header.file_size());
    if length > memory_length {
        return Err(ImageError::ShortMemory);
    }
    if length > 0 && file_offset + length > u64::from(file_length) {
        return Err(ImageError::BeyondFile);
    }
    // Compared by whole pages: no program page may also be a page of the stack or of the archive.
    let first = address & !u64::from(PAGE_SIZE - 1);
    let end = (address + memory_length).next_multiple_of(u64::from(PAGE_SIZE));
    if !rules.allow(first, end) {
        return Err(ImageError::BadAddress);
    }
    // A segment without bytes in the file may name any offset; 0 keeps sums with it from wrapping.
    let file_offset = if length == 0 { 0 } else { file_offset };
    let word = |value: u64| u32::try_from(value).map_err(|_| ImageError::BadAddress);
    Ok(Segment {
        address: word(address)?,
        file_offset: word(file_offset)?,
        file_length: word(length)?,
        memory_length: word(memory_length)?,
        writable: rules == Rules::Jos || header.flags().is_write(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec;
    use std::vec::Vec;

    const LOAD: u32 = 1;
    const READ: u32 = 4;
    const WRITE: u32 = 2;

    /// A program header: type, offset, address, file size, memory size, flags.
    type Row = [u32; 6];

    const TEXT: Row = [LOAD, 0x20, 0x80_0020, 0x1F80, 0x1F80, READ];
    const DATA: Row = [LOAD, 0x2000, 0x80_2000, 0x123, 0x2345, READ | WRITE];
    const LENGTH: u32 = 0x3000;

    fn elf(entry: u32, rows: &[Row]) -> Vec<u8> {
        let mut bytes = vec![0x7F, b'E', b'L', b'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let half = |bytes: &mut Vec<u8>, value: u16| bytes.extend(value.to_le_bytes());
        let word = |bytes: &mut Vec<u8>, value: u32| bytes.extend(value.to_le_bytes());
        half(&mut bytes, 2); // executable
        half(&mut bytes, 3); // 386
        for value in [1, entry, 52, 0, 0] {
            word(&mut bytes, value); // version, entry, program headers, section headers, flags
        }
        for value in [52, 32, rows.len() as u16, 0, 0, 0] {
            half(&mut bytes, value);
        }
        for [kind, offset, address, file, memory, flags] in rows.iter().copied() {
            for value in [kind, offset, address, address, file, memory, flags, 0x1000] {
                word(&mut bytes, value);
            }
        }
        bytes
    }

    fn plan(rows: &[Row]) -> Result<Image, ImageError> {
        Image::plan(&elf(0x80_0020, rows), LENGTH)
    }

    fn with(index: usize, value: u32) -> Result<Image, ImageError> {
        let mut row = DATA;
        row[index] = value;
        plan(&[TEXT, row])
    }

    #[test]
    fn a_sound_program_is_taken_as_it_is() {
        let image = plan(&[TEXT, DATA]).unwrap();
        assert_eq!(image.entry(), 0x80_0020);
        let [text, data] = image.segments() else { panic!("two segments") };
        assert_eq!((text.address, text.file_offset, text.writable), (0x80_0020, 0x20, false));
        assert_eq!((data.file_length, data.memory_length, data.writable), (0x123, 0x2345, true));
    }

    #[test]
    fn headers_need_not_be_aligned_in_memory() {
        let mut shifted = vec![0];
        shifted.extend(elf(0x80_0020, &[TEXT]));
        assert!(Image::plan(&shifted[1..], LENGTH).is_ok());
    }

    #[test]
    fn a_lying_segment_is_refused() {
        let table = [
            (1, 0x2F00, ImageError::BeyondFile),
            (1, 0xFFFF_FFFF, ImageError::BeyondFile),
            (2, STACK_START - 0x1000, ImageError::BadAddress),
            (2, 0xEEBF_D000, ImageError::BadAddress),
            (2, 0xF000_0000, ImageError::BadAddress),
            (2, 0xFFFF_F000, ImageError::BadAddress),
            (2, BOOT_ARCHIVE, ImageError::BadAddress),
            (2, BOOT_ARCHIVE - 0x2000, ImageError::BadAddress),
            (2, BOOT_ARCHIVE_END - 0x1000, ImageError::BadAddress),
            (2, 0x80_1000, ImageError::Overlap),
            (3, 0x2346, ImageError::ShortMemory),
            (4, 0x122, ImageError::ShortMemory),
            (4, 0, ImageError::ShortMemory),
            (4, 0xFFFF_FFFF, ImageError::BadAddress),
        ];
        for (index, value, error) in table {
            assert_eq!(with(index, value), Err(error), "field {index} = {value:#x}");
        }
    }

    #[test]
    fn a_page_that_a_segment_only_begins_in_counts_whole() {
        assert_eq!(with(2, BOOT_ARCHIVE - 0x2345 + 1), Err(ImageError::BadAddress));
        assert!(with(2, BOOT_ARCHIVE - 0x3000).is_ok());
    }

    #[test]
    fn a_jos_program_may_lie_anywhere_below_utop_but_on_the_stack_page() {
        let at = |address: u32, length: u32| {
            let rows = [TEXT, [LOAD, 0, address, 0, length, READ]];
            Image::plan_by(Rules::Jos, &elf(0x80_0020, &rows), LENGTH).map(|_| ())
        };
        assert_eq!(at(BOOT_ARCHIVE, 0x1000), Ok(()));
        assert_eq!(at(0, 0x1000), Ok(()));
        assert_eq!(at(0xEEBF_E000, 0x2000), Ok(()), "the pages up to UTOP");
        assert_eq!(at(0xEEBF_E000, 0x2001), Err(ImageError::BadAddress), "UTOP");
        assert_eq!(at(0xEEBF_C000, 0x1001), Err(ImageError::BadAddress), "the stack page");
        assert_eq!(at(0xEEBF_DFFF, 1), Err(ImageError::BadAddress), "the stack page's last byte");
        assert_eq!(at(0xFFFF_F000, 0x2000), Err(ImageError::BadAddress), "it wraps");
    }

    #[test]
    fn all_of_a_jos_program_is_writable() {
        let image = Image::plan_by(Rules::Jos, &elf(0x80_0020, &[TEXT]), LENGTH).unwrap();
        assert_eq!(image.permissions(Page::containing(0x80_0000)), Some(Permissions::WRITE));
    }

    #[test]
    fn a_lying_header_is_refused() {
        let table: &[(usize, u8, ImageError)] = &[
            (0, 0x7E, ImageError::NotElf),
            (4, 2, ImageError::NotElf), // a 64-bit header is longer than this file's first 84 bytes say
            (4, 0, ImageError::NotElf),
            (5, 2, ImageError::WrongMachine),
            (6, 3, ImageError::NotElf),
            (16, 1, ImageError::NotExecutable),
            (16, 3, ImageError::NotExecutable),
            (18, 62, ImageError::WrongMachine),
            (20, 2, ImageError::NotElf),
            (24, 0x1F, ImageError::BadEntry),
            (27, 0xFF, ImageError::BadEntry),
            (28, 0, ImageError::BadHeaders),
            (28, 51, ImageError::BadHeaders),
            (28, 53, ImageError::BadHeaders),
            (31, 0xFF, ImageError::BadHeaders),
            (42, 0, ImageError::BadHeaders),
            (42, 56, ImageError::BadHeaders),
            (44, 0, ImageError::NoSegments),
            (44, 2, ImageError::BadHeaders),
            (45, 0xFF, ImageError::BadHeaders),
            (52, 2, ImageError::Dynamic),
            (52, 3, ImageError::Dynamic),
            (52, 4, ImageError::NoSegments),
            (52, 0x99, ImageError::NoSegments),
        ];
        for &(offset, value, error) in table {
            let mut bytes = elf(0x80_0020, &[TEXT]);
            bytes[offset] = value;
            let result = Image::plan(&bytes, LENGTH);
            let class = offset == 4 && matches!(result, Err(ImageError::WrongMachine));
            assert!(class || result == Err(error), "byte {offset} = {value:#x}: {result:?}");
        }
    }

    #[test]
    fn a_file_cut_off_anywhere_in_its_headers_is_refused() {
        let bytes = elf(0x80_0020, &[TEXT, DATA]);
        for length in 0..bytes.len() {
            assert!(Image::plan(&bytes[..length], length as u32).is_err(), "{length}");
            assert!(Image::plan(&bytes, length as u32).is_err(), "{length}");
        }
    }

    #[test]
    fn a_ninth_segment_is_refused() {
        let row = |index: u32| [LOAD, 0, 0x80_0000 + index * 0x1000, 0x100, 0x100, READ];
        let rows: Vec<Row> = (0..9).map(row).collect();
        assert_eq!(plan(&rows[..8]).unwrap().segments().len(), 8);
        assert_eq!(plan(&rows), Err(ImageError::TooManySegments));
    }

    #[test]
    fn every_page_comes_once_also_when_segments_share_one() {
        let shared = [LOAD, 0x1FA0, 0x80_1FA0, 0x40, 0x100, READ | WRITE];
        let image = plan(&[TEXT, shared]).unwrap();
        let pages: Vec<u32> = image.pages().map(Page::address).collect();
        assert_eq!(pages, [0x80_0000, 0x80_1000, 0x80_2000]);
        let second = Page::containing(0x80_1000);
        assert_eq!(image.permissions(second), Some(Permissions::WRITE));
        assert_eq!(image.permissions(Page::containing(0x80_0000)), Some(Permissions::empty()));
        assert_eq!(image.permissions(Page::containing(0x80_3000)), None);
        let pieces: Vec<Piece> = image.pieces(second).collect();
        let text = Piece { page_offset: 0, file_offset: 0x1000, length: 0xFA0 };
        let data = Piece { page_offset: 0xFA0, file_offset: 0x1FA0, length: 0x40 };
        assert_eq!(pieces, [text, data]);
    }

    #[test]
    fn the_first_page_begins_where_its_segment_does() {
        let image = plan(&[TEXT]).unwrap();
        let pieces: Vec<Piece> = image.pieces(Page::containing(0x80_0000)).collect();
        assert_eq!(pieces, [Piece { page_offset: 0x20, file_offset: 0x20, length: 0xFE0 }]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_leave_the_file(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..200), sound: bool, length: u32,
        ) {
            if sound {
                let real = elf(0x80_0020, &[TEXT, DATA]);
                let keep = 52.min(bytes.len());
                bytes[..keep].copy_from_slice(&real[..keep]);
            }
            let Ok(image) = Image::plan(&bytes, length) else { return Ok(()) };
            for page in image.pages().take(16) {
                for piece in image.pieces(page) {
                    prop_assert!(piece.page_offset + piece.length <= PAGE_SIZE);
                    prop_assert!(piece.file_offset.checked_add(piece.length).unwrap() <= length);
                }
            }
        }
    }
}
