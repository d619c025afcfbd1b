//! How the JOS programs that the command line names are started: as in JOS, with one empty stack
//! page.

use abi::format::elf::Rules;
use abi::layout::USER_STACK_TOP;
use abi::process_info::{KIND_FILE_SERVER, KIND_USER};
use abi::{Permissions, Registers};

use crate::boot::archive::BootArchive;
use crate::boot::error::{BootError, Name, no_room, unreadable};
use crate::boot::load::STACK_PAGE;
use crate::hardware::{Hardware, Ports};
use crate::jos::command_line::{BootLine, FirstProgram};
use crate::kernel::Kernel;

impl<H: Hardware> Kernel<H> {
    /// Starts the JOS programs that the command line names. Returns whether it names any.
    ///
    /// # Errors
    /// - `Archive`, `ArchiveTooShort`: the boot archive is damaged.
    /// - `BadProgram`: an `elf=` word cannot be read.
    /// - The errors of `load`, and `OutOfFrames` for the stack page.
    pub(crate) fn start_jos_programs(
        &mut self,
        archive: BootArchive,
        command_line: &[u8],
    ) -> Result<bool, BootError> {
        let line = BootLine(command_line);
        self.course.reports = line.reports_as_jos();
        let mut programs = line.programs().peekable();
        let any = programs.peek().is_some();
        if any {
            archive
                .reader(&mut self.cpu)
                .check()
                .map_err(|error| unreadable(error, Name::new(b"")))?;
        }
        for program in programs {
            let program = program.map_err(|word| BootError::BadProgram(Name::new(word)))?;
            self.start_program(archive, program)?;
        }
        Ok(any)
    }

    /// Loads and starts one program.
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
        let process = &mut self.processes[index];
        process.registers = Registers::start(entry, USER_STACK_TOP);
        process.numbering = program.numbering;
        if program.file_server {
            process.device.ports = Ports::ALL;
            process.switches_more = true;
        }
        self.course.deciding += 1;
        self.processes.info_of(index).kind =
            if program.file_server { KIND_FILE_SERVER } else { KIND_USER };
        self.start(index);
        Ok(())
    }
}
