//! How the first processes come to be: `init`, or the JOS programs that the command line names.
//!
//! Their files are found in the boot archive and loaded whole. `init` gets the archive and a stack with arguments;
//! a JOS program gets what JOS would give it: one stack page, and nothing on it.

use core::fmt;

use abi::format::elf::{BOOT_ARCHIVE_LIMIT, HEADER_LIMIT, Image, ImageError, Rules};
use abi::format::ustar::ArchiveError;
use abi::layout::{BOOT_ARCHIVE, PAGE_SIZE, USER_STACK_TOP};
use abi::process_info::{KIND_FILE_SERVER, KIND_USER};
use abi::{Entry, EntryFlags, Error, Frame, Page, Permissions, Registers, UserPage};

use crate::boot::archive::{BootArchive, Extent, FindError};
use crate::boot::command_line::{BootLine, FirstProgram};
use crate::hardware::Hardware;
use crate::kernel::{After, Trap};
use crate::state::frames::FreshFrame;
use crate::state::ports::Ports;
use crate::state::process::Index;

/// Why there is no first process. `Display` gives the one line that the user sees.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BootError {
    /// The archive is not a readable ustar file.
    Archive(ArchiveError),
    /// The archive ends in the middle of a member.
    ArchiveTooShort,
    /// The archive is longer than [`BOOT_ARCHIVE_LIMIT`], the room that `init` has for it.
    ArchiveTooLong,
    /// The archive has no such member.
    NoSuchMember(Name),
    /// That member is not a program.
    Image(Name, ImageError),
    /// Memory is too small for that program and its page tables.
    OutOfFrames(Name),
    /// There is no process left for that program.
    OutOfProcesses(Name),
    /// The command line is longer than 1 KiB.
    CommandLineTooLong,
    /// After `elf=` comes something that cannot be read.
    BadProgram(Name),
}

impl fmt::Display for BootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Archive(error) => write!(f, "the boot archive is damaged: {error}"),
            Self::ArchiveTooShort => {
                f.write_str("the boot archive is damaged: it ends in the middle of a member")
            }
            Self::ArchiveTooLong => {
                write!(f, "the boot archive is longer than {} MiB", BOOT_ARCHIVE_LIMIT >> 20)
            }
            Self::NoSuchMember(name) => write!(f, "the boot archive has no {name}"),
            Self::Image(name, error) => write!(f, "{name} is damaged: {error}"),
            Self::OutOfFrames(name) => write!(f, "too little memory for {name}"),
            Self::OutOfProcesses(name) => write!(f, "too many processes to start {name}"),
            Self::CommandLineTooLong => {
                write!(f, "the command line is longer than {COMMAND_LINE_LIMIT} bytes")
            }
            Self::BadProgram(name) => {
                write!(f, "cannot read elf={name}: not MEMBER[,type=fs]")?;
                f.write_str("[,abi=lab3|lab4|lab4-2014]")
            }
        }
    }
}

/// What a program is called in a [`BootError`]: its first 48 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Name {
    bytes: [u8; 48],
    length: usize,
}

impl Name {
    fn new(name: &[u8]) -> Self {
        let mut bytes = [0; 48];
        let length = name.len().min(bytes.len());
        bytes[..length].copy_from_slice(&name[..length]);
        Self { bytes, length }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.bytes[..self.length].escape_ascii())
    }
}

/// Where the first program lies in the archive, if the command line names none.
const INIT: &str = "bin/init";
/// The longest command line, in bytes.
const COMMAND_LINE_LIMIT: usize = 1024;
/// A first program's top stack page.
const STACK_PAGE: UserPage = UserPage::known(USER_STACK_TOP - PAGE_SIZE);

impl<H: Hardware> Trap<'_, H> {
    /// Loads the first programs and makes them ready. `cpu` runs on the kernel's directory and there are no
    /// processes yet.
    ///
    /// With `init`, the machine ends when it does. With JOS programs it ends when nothing can run any more.
    ///
    /// # Errors
    /// A [`BootError`]; the machine cannot go on.
    pub fn start_first(
        &mut self,
        archive: BootArchive,
        command_line: &[u8],
    ) -> Result<After, BootError> {
        if command_line.len() > COMMAND_LINE_LIMIT {
            return Err(BootError::CommandLineTooLong);
        }
        self.make_empty_view().ok_or(BootError::OutOfFrames(Name::new(b"views")))?;
        let line = BootLine(command_line);
        self.kernel.report_as_jos = line.reports_as_jos();
        let has_init = line.programs().next().is_none();
        if has_init && archive.length > BOOT_ARCHIVE_LIMIT {
            return Err(BootError::ArchiveTooLong);
        }
        archive.check(self.cpu).map_err(|error| unreadable(error, Name::new(b"")))?;
        if has_init {
            self.start_init(archive, command_line)?;
        }
        for program in line.programs() {
            let program = program.map_err(|word| BootError::BadProgram(Name::new(word)))?;
            self.start_program(archive, program)?;
        }
        Ok(self.resume())
    }

    /// Starts `init`: its stack holds `["init", command_line]`, and the archive is mapped read-only at
    /// [`BOOT_ARCHIVE`].
    fn start_init(&mut self, archive: BootArchive, command_line: &[u8]) -> Result<(), BootError> {
        let short = |error| no_room(Name::new(INIT.as_bytes()), error);
        let (init, entry) = self.load(archive, INIT, Rules::Vitrine)?;
        self.map_archive(init, archive).map_err(short)?;
        let esp = self.make_stack(init, command_line).map_err(short)?;
        self.kernel.processes[init].registers = Registers::start(entry, esp);
        self.kernel.processes[init].driver = true;
        self.kernel.first = Some(init);
        self.start(init);
        Ok(())
    }

    /// Starts a program as JOS starts it.
    fn start_program(
        &mut self,
        archive: BootArchive,
        program: FirstProgram<'_>,
    ) -> Result<(), BootError> {
        let (index, entry) = self.load(archive, program.member, Rules::Jos)?;
        let space = self.space(index);
        self.memory()
            .allocate(space, STACK_PAGE, Permissions::WRITE)
            .map_err(|error| no_room(Name::new(program.member.as_bytes()), error))?;
        let process = &mut self.kernel.processes[index];
        process.registers = Registers::start(entry, USER_STACK_TOP);
        process.numbering = program.numbering;
        if program.file_server {
            process.ports = Ports::ALL;
        }
        self.count_program();
        self.kernel.processes.facts_of(index).kind =
            if program.file_server { KIND_FILE_SERVER } else { KIND_USER };
        self.start(index);
        Ok(())
    }

    /// Makes a stopped process with all of a program's segments; also returns the program's entry.
    fn load(
        &mut self,
        archive: BootArchive,
        member: &str,
        rules: Rules,
    ) -> Result<(Index, u32), BootError> {
        let name = Name::new(member.as_bytes());
        let file = archive.find(self.cpu, member).map_err(|error| unreadable(error, name))?;
        let mut header = [0; HEADER_LIMIT];
        let known = header.len().min(file.length as usize);
        archive.read(self.cpu, file.offset, &mut header[..known]);
        let image = Image::plan_by(rules, &header[..known], file.length)
            .map_err(|error| BootError::Image(name, error))?;

        let index = self.create(None, false).map_err(|error| no_room(name, error))?;
        for page in image.pages() {
            self.load_page(index, archive, file, &image, page)
                .map_err(|error| no_room(name, error))?;
        }
        Ok((index, image.entry()))
    }

    fn load_page(
        &mut self,
        index: Index,
        archive: BootArchive,
        file: Extent,
        image: &Image,
        page: Page,
    ) -> Result<(), Error> {
        let Some(permissions) = image.permissions(page) else { return Ok(()) };
        let fresh = self.kernel.frames.allocate().ok_or(Error::OutOfFrames)?;
        self.cpu.hardware.zero_frame(fresh.frame());
        for piece in image.pieces(page) {
            archive.copy_piece(self.cpu, file, piece, fresh.frame());
        }
        let writes = permissions.contains(Permissions::WRITE);
        let seal = if writes { EntryFlags::empty() } else { EntryFlags::SEALED };
        self.map_over(index, UserPage::new(page.address())?, permissions.leaf() | seal, fresh)
    }

    fn map_over(
        &mut self,
        index: Index,
        page: UserPage,
        flags: EntryFlags,
        fresh: FreshFrame,
    ) -> Result<(), Error> {
        let space = self.space(index);
        self.memory().map_fresh(space, page, flags, fresh)
    }

    fn map_archive(&mut self, init: Index, archive: BootArchive) -> Result<(), Error> {
        let space = self.space(init);
        for index in 0..archive.length.div_ceil(PAGE_SIZE) {
            let frame = Frame::from_number(archive.first.number() + index);
            let source = Entry::new(frame, EntryFlags::USER_LEAF);
            let page = UserPage::new(BOOT_ARCHIVE + index * PAGE_SIZE)?;
            self.memory().map_entry(source, true, space, page, Permissions::empty())?;
        }
        Ok(())
    }

    /// Lays out `argc, argv` for init as a spawned JOS program finds them; returns the stack pointer.
    fn make_stack(&mut self, init: Index, command_line: &[u8]) -> Result<u32, Error> {
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
        let fresh = self.kernel.frames.allocate().ok_or(Error::OutOfFrames)?;
        for (index, word) in bytes.chunks_exact(4).enumerate() {
            let word = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
            self.cpu.hardware.write_frame(fresh.frame(), index as u32, word);
        }
        self.map_over(init, STACK_PAGE, EntryFlags::FRESH, fresh)?;
        Ok(address_of(esp))
    }
}

/// The archive does not have what was looked for there.
fn unreadable(error: FindError, name: Name) -> BootError {
    match error {
        FindError::Archive(error) => BootError::Archive(error),
        FindError::TooShort => BootError::ArchiveTooShort,
        FindError::NoSuchMember => BootError::NoSuchMember(name),
    }
}

/// A first process was refused something: memory, unless there are too many of them.
fn no_room(name: Name, error: Error) -> BootError {
    if error == Error::OutOfProcesses {
        BootError::OutOfProcesses(name)
    } else {
        BootError::OutOfFrames(name)
    }
}
