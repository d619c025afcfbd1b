//! How the first process is made: `init`, or the JOS programs that the command line names.
//!
//! `init` is loaded whole from the boot archive. The archive is mapped into its space, and its
//! stack holds the command line.

use abi::format::elf::{BOOT_ARCHIVE_LIMIT, Rules};
use abi::layout::{BOOT_ARCHIVE, PAGE_SIZE};
use abi::{Entry, EntryFlags, Error, Frame, Permissions, Registers, UserPage};

use crate::boot::archive::BootArchive;
use crate::boot::error::{BootError, COMMAND_LINE_LIMIT, Name, no_room, unreadable};
use crate::boot::load::STACK_PAGE;
use crate::hardware::Hardware;
use crate::kernel::{After, Kernel};
use crate::state::process::Index;

/// The first program's name in the archive, if the command line names no JOS program.
const INIT: &str = "bin/init";

impl<H: Hardware> Kernel<H> {
    /// Loads the first programs and makes them ready. The kernel's directory is loaded, and there
    /// are no processes yet.
    ///
    /// With `init`, the machine powers off when `init` ends. With JOS programs, it powers off when
    /// no process can run any more.
    ///
    /// # Errors
    /// A [`BootError`]: the machine cannot go on.
    pub fn start_first(
        &mut self,
        archive: BootArchive,
        command_line: &[u8],
    ) -> Result<After, BootError> {
        if command_line.len() > COMMAND_LINE_LIMIT {
            return Err(BootError::CommandLineTooLong);
        }
        self.make_empty_view().ok_or(BootError::OutOfFrames(Name::new(b"views")))?;
        if !self.start_jos_programs(archive, command_line)? {
            self.start_init(archive, command_line)?;
        }
        Ok(self.resume())
    }

    /// Starts `init`. Its stack holds `["init", command_line]`, and the archive is mapped read-only
    /// at [`BOOT_ARCHIVE`].
    ///
    /// # Errors
    /// - `ArchiveTooLong`: the archive is longer than [`BOOT_ARCHIVE_LIMIT`].
    /// - `Archive`, `ArchiveTooShort`: the archive is damaged.
    /// - `OutOfFrames`, and the errors of `load`.
    fn start_init(&mut self, archive: BootArchive, command_line: &[u8]) -> Result<(), BootError> {
        if archive.length > BOOT_ARCHIVE_LIMIT {
            return Err(BootError::ArchiveTooLong);
        }
        archive.reader(&mut self.cpu).check().map_err(|error| unreadable(error, Name::new(b"")))?;
        let short = |error| no_room(Name::new(INIT.as_bytes()), error);
        let (init, entry) = self.load(archive, INIT, Rules::Vitrine)?;
        self.map_archive(init, archive).map_err(short)?;
        let esp = self.make_stack(init, command_line).map_err(short)?;
        self.processes[init].registers = Registers::start(entry, esp);
        self.processes[init].device.driver = true;
        self.first = Some(init);
        self.start(init);
        Ok(())
    }

    /// Maps the archive's frames into `init`'s space, read-only.
    fn map_archive(&mut self, init: Index, archive: BootArchive) -> Result<(), Error> {
        let space = self.space(init);
        for index in 0..archive.length.div_ceil(PAGE_SIZE) {
            let frame = Frame::from_number(archive.first.number() + index);
            let source = Entry::new(frame, EntryFlags::USER_LEAF);
            let page = UserPage::new(BOOT_ARCHIVE + index * PAGE_SIZE)?;
            self.memory().map_entry(source, true, space.at(page), Permissions::empty())?;
        }
        Ok(())
    }

    /// Makes `init`'s stack page, with `argc` and `argv` where a JOS program that was spawned finds
    /// them. Returns the stack pointer.
    fn make_stack(&mut self, init: Index, command_line: &[u8]) -> Result<u32, Error> {
        // From the top of the page down: the command line, "init", the array `argv` with its null
        // pointer, and then `argv` and `argc` as the arguments of a call.
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
        let fresh = self.frames.allocate().ok_or(Error::OutOfFrames)?;
        for (index, word) in bytes.chunks_exact(4).enumerate() {
            let word = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
            self.cpu.hardware.write_frame(fresh.frame(), index as u32, word);
        }
        self.map_over(init, STACK_PAGE, EntryFlags::FRESH, fresh)?;
        Ok(address_of(esp))
    }
}
