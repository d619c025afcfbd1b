//! The boot archive: a ustar file that the boot loader left in memory. The kernel reads it before
//! there are processes.
//!
//! The archive is read through frame slots, one word at a time: it is not mapped anywhere yet.

use abi::Frame;
use abi::format::elf::Piece;
use abi::format::ustar::{self, ArchiveError, Header};
use abi::layout::PAGE_SIZE;

use crate::cpu::Cpu;
use crate::hardware::Hardware;

/// A boot module in consecutive frames. It begins at the first byte of the first frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BootArchive {
    /// The first frame.
    pub first: Frame,
    /// The length in bytes.
    pub length: u32,
}

/// The bytes of a file in the archive.
#[derive(Clone, Copy)]
pub(crate) struct Extent {
    /// Where the file begins, in bytes from the start of the archive.
    pub offset: u32,
    /// The file's length in bytes.
    pub length: u32,
}

/// Why a member of the archive was not found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FindError {
    /// The archive is not a readable ustar file.
    Archive(ArchiveError),
    /// The archive ends in the middle of a member.
    TooShort,
    /// The archive has no such member.
    NoSuchMember,
}

impl BootArchive {
    /// The archive, to be read on this CPU.
    pub(crate) const fn reader<H>(self, cpu: &mut Cpu<H>) -> ArchiveReader<'_, H> {
        ArchiveReader { archive: self, cpu }
    }

    /// The frame that holds the byte at `offset`.
    const fn frame_of(self, offset: u32) -> Frame {
        Frame::from_number(self.first.number() + offset / PAGE_SIZE)
    }
}

/// An archive and the CPU on which it is read.
pub(crate) struct ArchiveReader<'a, H> {
    archive: BootArchive,
    cpu: &'a mut Cpu<H>,
}

impl<H: Hardware> ArchiveReader<'_, H> {
    /// Checks that the archive is complete: follows the members' sizes up to the end mark.
    ///
    /// The headers' checksums are not checked here but when a member is looked up.
    ///
    /// # Errors
    /// - `TooShort`: the archive ends within a member, or without an end mark.
    /// - `Archive`: a block that should be a header is not one.
    pub(crate) fn check(&mut self) -> Result<(), FindError> {
        let mut at = 0;
        loop {
            let rest =
                self.archive.length.checked_sub(at).and_then(|rest| rest.checked_sub(ustar::BLOCK));
            rest.ok_or(FindError::TooShort)?;
            if self.word(at) == 0 {
                return self.check_end(at);
            }
            let words = Header::WORDS.map(|offset| self.word(at + offset));
            let size = Header::size(words).map_err(FindError::Archive)?;
            // If the archive ends within this member, it ends before the next header, too.
            at = ustar::header_after(at, size).ok_or(FindError::TooShort)?;
        }
    }

    /// Checks that the block at `at`, whose first word is 0, is an end mark: all zeros.
    ///
    /// # Errors
    /// `Archive`: the block is not all zeros.
    fn check_end(&mut self, at: u32) -> Result<(), FindError> {
        if (0..ustar::BLOCK).step_by(4).all(|offset| self.word(at + offset) == 0) {
            return Ok(());
        }
        let mut block = [0; ustar::BLOCK as usize];
        self.read(at, &mut block);
        Err(FindError::Archive(Header::parse(&block).err().unwrap_or(ArchiveError::BadName)))
    }

    /// The word at `at`, a multiple of 4.
    fn word(&mut self, at: u32) -> u32 {
        self.cpu.hardware.read_frame(self.archive.frame_of(at), at % PAGE_SIZE / 4)
    }

    /// Finds a member, and checks each header up to it.
    ///
    /// # Errors
    /// - `Archive`: a header is damaged.
    /// - `TooShort`: the archive ends within a member, or without an end mark.
    /// - `NoSuchMember`: no member has this name.
    pub(crate) fn find(&mut self, name: &str) -> Result<Extent, FindError> {
        let mut at = 0;
        loop {
            if self.archive.length.checked_sub(at).is_none_or(|rest| rest < ustar::BLOCK) {
                return Err(FindError::TooShort);
            }
            let mut block = [0; ustar::BLOCK as usize];
            self.read(at, &mut block);
            let Some(member) = Header::parse(&block).map_err(FindError::Archive)? else {
                return Err(FindError::NoSuchMember);
            };
            let extent = Extent { offset: at + ustar::BLOCK, length: member.size };
            if self.archive.length - extent.offset < extent.length {
                return Err(FindError::TooShort);
            }
            if member.name() == name {
                return Ok(extent);
            }
            at = member.next(at).ok_or(FindError::TooShort)?;
        }
    }

    /// Copies bytes out of the archive. `offset` is a multiple of 4, as every member's is.
    pub(crate) fn read(&mut self, offset: u32, bytes: &mut [u8]) {
        debug_assert!(offset.is_multiple_of(4));
        let mut at = offset;
        let mut next = || {
            let word = self.cpu.hardware.read_frame(self.archive.frame_of(at), at % PAGE_SIZE / 4);
            at += 4;
            word.to_le_bytes()
        };
        let (words, rest) = bytes.as_chunks_mut();
        words.iter_mut().for_each(|word| *word = next());
        if !rest.is_empty() {
            rest.copy_from_slice(&next()[..rest.len()]);
        }
    }

    /// Copies a piece of a file into a frame: whole words where source and destination are aligned,
    /// single bytes elsewhere.
    pub(crate) fn copy_piece(&mut self, file: Extent, piece: Piece, frame: Frame) {
        let mut done = 0;
        while done < piece.length {
            let source = file.offset + piece.file_offset + done;
            let source_frame = self.archive.frame_of(source);
            let (here, there) = (piece.page_offset + done, source % PAGE_SIZE);
            let length = (PAGE_SIZE - there).min(piece.length - done);
            if here.is_multiple_of(4) && there.is_multiple_of(4) && length >= 4 {
                self.cpu.hardware.copy_words(
                    (frame, here / 4),
                    (source_frame, there / 4),
                    length / 4,
                );
                done += length & !3;
            } else {
                let byte = self.cpu.hardware.read_frame(source_frame, there / 4).to_le_bytes()
                    [(there % 4) as usize];
                let mut word = self.cpu.hardware.read_frame(frame, here / 4).to_le_bytes();
                word[(here % 4) as usize] = byte;
                self.cpu.hardware.write_frame(frame, here / 4, u32::from_le_bytes(word));
                done += 1;
            }
        }
    }
}
