//! The memory of a program, read from the ELF headers of its file, with every number checked.
//!
//! The kernel (for `init`), `spawn` and the pager all load programs, and all of them start here.
//! Only the first bytes of the file are read, and no number in them is believed: each is
//! checked against the file's length and the memory map, so that the numbers of an [`Image`] can be
//! added and compared without another check.
//!
//! A segment need not begin at a page, and two may share one, so a page is put together from
//! [`Piece`]s.

use xmas_elf::ElfFile;
use xmas_elf::header::{Class, Data, Machine, Type as FileType, Version};
use xmas_elf::program::{ProgramHeader, Type as SegmentType};

use crate::address::Page;
use crate::entry::Permissions;
use crate::layout::{BOOT_ARCHIVE, PAGE_SIZE, USER_STACK_TOP, USER_TOP};

mod error;
mod segment;
#[cfg(test)]
mod tests;

pub use self::error::ImageError;
pub use self::segment::{Piece, Segment};

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
