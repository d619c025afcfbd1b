//! Why a file is no program that can be loaded.

use core::fmt;

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
    /// Its program headers do not lie within the first [`HEADER_LIMIT`](super::HEADER_LIMIT) bytes,
    /// or have a strange size or place.
    BadHeaders,
    /// It has no segment to load.
    NoSegments,
    /// It has more than [`SEGMENT_LIMIT`](super::SEGMENT_LIMIT).
    TooManySegments,
    /// A segment reaches beyond the end of the file.
    BeyondFile,
    /// A segment has more bytes in the file than in memory.
    ShortMemory,
    /// A segment wraps, or lies where the [`Rules`](super::Rules) leave no room for it.
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
