//! What the boot loader reports: the memory map, the boot archive, the command line.

use ::boot::multiboot::{Bytes, Information, MAGIC, Physical};
use abi::Frame;
use abi::layout::PAGE_SIZE;
use kernel_core::BootArchive;
use kernel_core::boot::memory_map::{MemoryPlan, PlanError, Span, Survey};
use kernel_core::hardware::Hardware as _;

use crate::boot::error::CannotBoot;
use crate::x86::hardware::Machine;

/// The longest command line, its final zero included.
const LONGEST_COMMAND_LINE: usize = 1024;

/// The loader's report, checked; the command line is copied.
pub struct Loader {
    information: Information,
    archive: Bytes,
    command_line: [u8; LONGEST_COMMAND_LINE],
    length: usize,
}

impl Loader {
    /// Reads the report through frame slots, because it may lie anywhere in memory.
    ///
    /// # Errors
    /// - `NotMultiboot`: `magic` is not that of a Multiboot 1 loader.
    /// - `Memory`: there is no archive, and the machine has too little memory to hold one, which is
    ///   why a loader may have left it out.
    /// - `NoArchive`: there is no archive, though there is room for one.
    /// - `UnalignedArchive`: the archive does not start on a page.
    /// - `LongCommandLine`: the command line is longer than the kernel's copy of it.
    pub fn read(machine: &mut Machine, magic: u32, information: u32) -> Result<Self, CannotBoot> {
        if magic != MAGIC {
            return Err(CannotBoot::NotMultiboot { magic });
        }
        let information = Information::read(machine, information);
        let archive = match information.module.filter(|bytes| bytes.start < bytes.end) {
            Some(archive) => archive,
            None => {
                survey(machine, &information, &[image()]).plan()?;
                return Err(CannotBoot::NoArchive);
            }
        };
        if !archive.start.is_multiple_of(PAGE_SIZE) {
            return Err(CannotBoot::UnalignedArchive { address: archive.start });
        }
        let mut command_line = [0; LONGEST_COMMAND_LINE];
        let length = information
            .copy_command_line(machine, &mut command_line)
            .ok_or(CannotBoot::LongCommandLine { limit: LONGEST_COMMAND_LINE - 1 })?;
        Ok(Self { information, archive, command_line, length })
    }

    /// Decides which frames may be given out: all memory but the image and the archive. The rest of
    /// the loader's report must have been read by then, because its frames may be given out, too.
    ///
    /// The bytes behind the archive in its last page are cleared, because `init` will see them.
    ///
    /// # Errors
    /// `TooLittleMemory`: less than 4 MiB would be left.
    pub fn plan(&self, machine: &mut Machine) -> Result<MemoryPlan, PlanError> {
        let plan = survey(machine, &self.information, &[image(), self.archive]).plan()?;
        self.clear_tail(machine);
        Ok(plan)
    }

    fn clear_tail(&self, machine: &mut Machine) {
        let (frame, end) = (Frame::containing(self.archive.end - 1), self.archive.end);
        for address in end..end.next_multiple_of(PAGE_SIZE) {
            let (index, shift) = (address % PAGE_SIZE / 4, address % 4 * 8);
            let word = machine.read_frame(frame, index);
            machine.write_frame(frame, index, word & !(0xFF << shift));
        }
    }

    /// The boot archive, for the kernel's core.
    pub const fn archive(&self) -> BootArchive {
        BootArchive {
            first: Frame::containing(self.archive.start),
            length: self.archive.end - self.archive.start,
        }
    }

    /// The frames of the boot archive.
    pub fn archive_frames(&self) -> impl Iterator<Item = Frame> {
        (self.archive.start / PAGE_SIZE..self.archive.end.div_ceil(PAGE_SIZE))
            .map(Frame::from_number)
    }

    /// The command line, without its final zero.
    pub fn command_line(&self) -> &[u8] {
        &self.command_line[..self.length]
    }
}

/// The memory that the loader reports, with what is in use.
fn survey(machine: &mut Machine, information: &Information, used: &[Bytes]) -> Survey {
    let mut survey = Survey::new();
    for bytes in used {
        survey.reserve(Span { start: bytes.start.into(), end: bytes.end.into() });
    }
    information.for_each_entry(machine, |entry| {
        survey.entry(Span::new(entry.base, entry.length), entry.usable);
    });
    survey
}

/// Where the kernel itself lies.
fn image() -> Bytes {
    Bytes {
        start: ::boot::image::physical(::boot::image::start()),
        end: ::boot::image::physical(::boot::image::end()),
    }
}

impl Physical for Machine {
    fn byte(&mut self, address: u32) -> u8 {
        (self.word(address & !3) >> (address % 4 * 8)) as u8
    }

    fn word(&mut self, address: u32) -> u32 {
        if address.is_multiple_of(4) {
            return self.read_frame(Frame::containing(address), address % PAGE_SIZE / 4);
        }
        u32::from_le_bytes(core::array::from_fn(|offset| {
            self.byte(address.wrapping_add(offset as u32))
        }))
    }
}
