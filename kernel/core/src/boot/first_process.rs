//! How the first process comes to be: `init`, or the JOS programs that the command line names.
//!
//! `init` is found in the boot archive and loaded whole. It gets the archive and a stack with arguments.

use abi::format::elf::{BOOT_ARCHIVE_LIMIT, Rules};
use abi::layout::{BOOT_ARCHIVE, PAGE_SIZE};
use abi::{Entry, EntryFlags, Error, Frame, Permissions, Registers, UserPage};

use crate::boot::archive::BootArchive;
use crate::boot::error::{BootError, COMMAND_LINE_LIMIT, Name, no_room, unreadable};
use crate::boot::load::STACK_PAGE;
use crate::hardware::Hardware;
use crate::kernel::{After, Kernel};
use crate::state::process::Index;

/// Where the first program lies in the archive, if the command line names none.
const INIT: &str = "bin/init";

impl<H: Hardware> Kernel<H> {
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
        if !self.start_jos_programs(archive, command_line)? {
            self.start_init(archive, command_line)?;
        }
        Ok(self.resume())
    }

    /// Starts `init`: its stack holds `["init", command_line]`, and the archive is mapped read-only at
    /// [`BOOT_ARCHIVE`].
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
        let fresh = self.frames.allocate().ok_or(Error::OutOfFrames)?;
        for (index, word) in bytes.chunks_exact(4).enumerate() {
            let word = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
            self.cpu.hardware.write_frame(fresh.frame(), index as u32, word);
        }
        self.map_over(init, STACK_PAGE, EntryFlags::FRESH, fresh)?;
        Ok(address_of(esp))
    }
}
