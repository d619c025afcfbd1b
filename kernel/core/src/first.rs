//! How the first process comes to be: `init` is found in the boot archive, loaded whole, and given the archive.

use core::fmt;

use abi::archive::{self, ArchiveError, Header};
use abi::image::{HEADER_LIMIT, Image, ImageError, Piece};
use abi::layout::{BOOT_ARCHIVE, PAGE_SIZE, USER_STACK_TOP};
use abi::{Entry, EntryFlags, Error, Frame, Page, Permissions, Registers, UserPage};

use crate::cpu::Cpu;
use crate::frames::FreshFrame;
use crate::hardware::Hardware;
use crate::kernel::{After, Kernel};
use crate::process::Index;

/// The boot archive: a module in consecutive frames, from the first byte of the first one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BootArchive {
    /// Its first frame.
    pub first: Frame,
    /// Its length in bytes.
    pub length: u32,
}

/// Why there is no first process. `Display` gives the one line that the user sees.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BootError {
    /// The archive is not a readable ustar file.
    Archive(ArchiveError),
    /// The archive ends in the middle of a member.
    ArchiveTooShort,
    /// The archive has no member `bin/init`.
    NoInit,
    /// Init is not a program.
    Image(ImageError),
    /// Memory is too small for init and its page tables.
    OutOfFrames,
    /// The command line is longer than 1 KiB.
    CommandLineTooLong,
}

impl fmt::Display for BootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Archive(error) => write!(f, "the boot archive is damaged: {error}"),
            Self::ArchiveTooShort => {
                f.write_str("the boot archive is damaged: it ends in the middle of a member")
            }
            Self::NoInit => write!(f, "the boot archive has no {INIT}"),
            Self::Image(error) => write!(f, "{INIT} is damaged: {error}"),
            Self::OutOfFrames => write!(f, "too little memory for {INIT}"),
            Self::CommandLineTooLong => {
                write!(f, "the command line is longer than {COMMAND_LINE_LIMIT} bytes")
            }
        }
    }
}

impl From<Error> for BootError {
    fn from(_: Error) -> Self {
        Self::OutOfFrames
    }
}

/// Where the first program lies in the archive.
const INIT: &str = "bin/init";
/// The longest command line, in bytes.
const COMMAND_LINE_LIMIT: usize = 1024;
/// Init's top stack page.
const STACK_PAGE: UserPage = UserPage::known(USER_STACK_TOP - PAGE_SIZE);

/// A file's bytes in the archive: where they begin, from the archive's start, and how many they are.
#[derive(Clone, Copy)]
struct Extent {
    offset: u32,
    length: u32,
}

impl Kernel {
    /// Loads `init` and makes it ready: its stack holds `["init", command_line]`, and the archive is mapped
    /// read-only at [`BOOT_ARCHIVE`]. `cpu` runs on the kernel's directory and there are no processes yet.
    ///
    /// # Errors
    /// A [`BootError`]; the machine cannot go on.
    pub fn start_first<H: Hardware>(
        &mut self,
        cpu: &mut Cpu<H>,
        archive: BootArchive,
        command_line: &[u8],
    ) -> Result<After, BootError> {
        if command_line.len() > COMMAND_LINE_LIMIT {
            return Err(BootError::CommandLineTooLong);
        }
        let file = find_member(cpu, archive, INIT)?;
        let mut header = [0; HEADER_LIMIT];
        let known = header.len().min(file.length as usize);
        read(cpu, archive, file.offset, &mut header[..known]);
        let image = Image::plan(&header[..known], file.length).map_err(BootError::Image)?;

        let init = self.create(cpu, None, false)?;
        for page in image.pages() {
            self.load_page(cpu, init, archive, file, &image, page)?;
        }
        self.map_archive(cpu, init, archive)?;
        let esp = self.make_stack(cpu, init, command_line)?;
        self.processes[init].registers = Registers::start(image.entry(), esp);
        self.first = Some(init);
        self.start(init);
        Ok(self.resume(cpu))
    }

    fn load_page<H: Hardware>(
        &mut self,
        cpu: &mut Cpu<H>,
        init: Index,
        archive: BootArchive,
        file: Extent,
        image: &Image,
        page: Page,
    ) -> Result<(), BootError> {
        let Some(permissions) = image.permissions(page) else { return Ok(()) };
        let fresh = self.frames.allocate().ok_or(BootError::OutOfFrames)?;
        cpu.hardware.zero_frame(fresh.frame());
        for piece in image.pieces(page) {
            copy_piece(cpu, archive, file, piece, fresh.frame());
        }
        let writes = permissions.contains(Permissions::WRITE);
        let seal = if writes { EntryFlags::empty() } else { EntryFlags::SEALED };
        self.map_over(cpu, init, UserPage::new(page.address())?, permissions.leaf() | seal, fresh)
    }

    fn map_over<H: Hardware>(
        &mut self,
        cpu: &mut Cpu<H>,
        init: Index,
        page: UserPage,
        flags: EntryFlags,
        fresh: FreshFrame,
    ) -> Result<(), BootError> {
        let space = self.space(cpu, init);
        Ok(self.memory(cpu).map_fresh(space, page, flags, fresh)?)
    }

    fn map_archive<H: Hardware>(
        &mut self,
        cpu: &mut Cpu<H>,
        init: Index,
        archive: BootArchive,
    ) -> Result<(), BootError> {
        let space = self.space(cpu, init);
        for index in 0..archive.length.div_ceil(PAGE_SIZE) {
            let frame = Frame::from_number(archive.first.number() + index);
            let source = Entry::new(frame, EntryFlags::USER_LEAF);
            let page = UserPage::new(BOOT_ARCHIVE + index * PAGE_SIZE)?;
            self.memory(cpu).map_entry(source, true, space, page, Permissions::empty())?;
        }
        Ok(())
    }

    /// Lays out `argc, argv` for init as a spawned JOS program finds them; returns the stack pointer.
    fn make_stack<H: Hardware>(
        &mut self,
        cpu: &mut Cpu<H>,
        init: Index,
        command_line: &[u8],
    ) -> Result<u32, BootError> {
        let mut bytes = [0; PAGE_SIZE as usize];
        let line = bytes.len() - command_line.len() - 1;
        bytes[line..line + command_line.len()].copy_from_slice(command_line);
        let name = line - b"init\0".len();
        bytes[name..line].copy_from_slice(b"init\0");
        let address_of = |offset: usize| STACK_PAGE.address() + offset as u32;
        let argv = (name & !3) - 12;
        let esp = argv - 8;
        let words = [2, address_of(argv), address_of(name), address_of(line), 0];
        for (index, word) in words.into_iter().enumerate() {
            bytes[esp + 4 * index..][..4].copy_from_slice(&u32::to_le_bytes(word));
        }
        let fresh = self.frames.allocate().ok_or(BootError::OutOfFrames)?;
        for (index, word) in bytes.chunks_exact(4).enumerate() {
            let word = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
            cpu.hardware.write_frame(fresh.frame(), index as u32, word);
        }
        self.map_over(cpu, init, STACK_PAGE, EntryFlags::FRESH, fresh)?;
        Ok(address_of(esp))
    }
}

/// Finds a member of the archive, each header checked on the way.
fn find_member<H: Hardware>(
    cpu: &mut Cpu<H>,
    archive: BootArchive,
    name: &str,
) -> Result<Extent, BootError> {
    let mut at = 0;
    loop {
        if archive.length.checked_sub(at).is_none_or(|rest| rest < archive::BLOCK) {
            return Err(BootError::ArchiveTooShort);
        }
        let mut block = [0; archive::BLOCK as usize];
        read(cpu, archive, at, &mut block);
        let Some(member) = Header::parse(&block).map_err(BootError::Archive)? else {
            return Err(BootError::NoInit);
        };
        let extent = Extent { offset: at + archive::BLOCK, length: member.size };
        if archive.length - extent.offset < extent.length {
            return Err(BootError::ArchiveTooShort);
        }
        if member.name() == name {
            return Ok(extent);
        }
        at = member.next(at).ok_or(BootError::ArchiveTooShort)?;
    }
}

/// Copies bytes out of the archive.
fn read<H: Hardware>(cpu: &mut Cpu<H>, archive: BootArchive, offset: u32, bytes: &mut [u8]) {
    for (at, byte) in (offset..).zip(bytes) {
        let frame = Frame::from_number(archive.first.number() + at / PAGE_SIZE);
        let word = cpu.hardware.read_frame(frame, at % PAGE_SIZE / 4);
        *byte = word.to_le_bytes()[(at % 4) as usize];
    }
}

/// Copies a piece of the file into a frame: whole words where both sides are aligned, single bytes elsewhere.
fn copy_piece<H: Hardware>(
    cpu: &mut Cpu<H>,
    archive: BootArchive,
    file: Extent,
    piece: Piece,
    frame: Frame,
) {
    let mut done = 0;
    while done < piece.length {
        let source = file.offset + piece.file_offset + done;
        let source_frame = Frame::from_number(archive.first.number() + source / PAGE_SIZE);
        let (here, there) = (piece.page_offset + done, source % PAGE_SIZE);
        let length = (PAGE_SIZE - there).min(piece.length - done);
        if here.is_multiple_of(4) && there.is_multiple_of(4) && length >= 4 {
            cpu.hardware.copy_words((frame, here / 4), (source_frame, there / 4), length / 4);
            done += length & !3;
        } else {
            let byte = cpu.hardware.read_frame(source_frame, there / 4).to_le_bytes()
                [(there % 4) as usize];
            let mut word = cpu.hardware.read_frame(frame, here / 4).to_le_bytes();
            word[(here % 4) as usize] = byte;
            cpu.hardware.write_frame(frame, here / 4, u32::from_le_bytes(word));
            done += 1;
        }
    }
}
