//! Why boot cannot start the first process.

use core::fmt;

use abi::Error;
use abi::format::elf::{BOOT_ARCHIVE_LIMIT, ImageError};
use abi::format::ustar::ArchiveError;

use crate::boot::archive::FindError;

/// The longest command line, in bytes.
pub(crate) const COMMAND_LINE_LIMIT: usize = 1024;
/// Why boot cannot start the first process. `Display` gives the line that the console shows.
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
    /// The member is not a valid program.
    Image(Name, ImageError),
    /// There are too few frames for the program and its page tables.
    OutOfFrames(Name),
    /// No process slot is free for the program.
    OutOfProcesses(Name),
    /// The command line is longer than 1 KiB.
    CommandLineTooLong,
    /// The text after `elf=` cannot be read.
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

/// The name of a program in a [`BootError`]: its first 48 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Name {
    bytes: [u8; 48],
    length: usize,
}

impl Name {
    /// The first 48 bytes of `name`.
    pub(crate) fn new(name: &[u8]) -> Self {
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

/// The boot error for a member that was not found.
pub(crate) fn unreadable(error: FindError, name: Name) -> BootError {
    match error {
        FindError::Archive(error) => BootError::Archive(error),
        FindError::TooShort => BootError::ArchiveTooShort,
        FindError::NoSuchMember => BootError::NoSuchMember(name),
    }
}

/// The boot error for an operation that was refused while a first program was loaded: no slot, or
/// else no frame.
pub(crate) fn no_room(name: Name, error: Error) -> BootError {
    if error == Error::OutOfProcesses {
        BootError::OutOfProcesses(name)
    } else {
        BootError::OutOfFrames(name)
    }
}
