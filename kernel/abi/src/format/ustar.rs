//! How the boot archive is read: the ustar format (POSIX.1-1988), one block at a time.
//!
//! Pure steps over copies of blocks: the kernel reads them through its frame slots, programs from
//! their own memory. A member is a header block, its bytes, and zeros up to the next block. A block
//! of zeros ends the archive. Only the first 100 bytes of a name are used: the boot archive's names
//! are short.

use core::fmt;

/// Bytes of a block: headers are one, members begin at one.
pub const BLOCK: u32 = 512;

const NAME: core::ops::Range<usize> = 0..100;
const SIZE: core::ops::Range<usize> = 124..136;
const CHECKSUM: core::ops::Range<usize> = 148..156;
const KIND: usize = 156;
const MAGIC: core::ops::Range<usize> = 257..262;
const PREFIX: usize = 345;

/// Why an archive cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ArchiveError {
    /// The block where a header should be is none.
    NotUstar,
    /// The header's bytes do not add up to its checksum.
    BadChecksum,
    /// The size is no octal number below 2 GiB.
    BadSize,
    /// The name is empty, longer than 100 bytes, or not UTF-8.
    BadName,
    /// The archive ends within a member, or without an end mark.
    Truncated,
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotUstar => "a member's header is none of ustar's",
            Self::BadChecksum => "a member's header has the wrong checksum",
            Self::BadSize => "a member's size is no octal number below 2 GiB",
            Self::BadName => "a member's name is empty, too long or not UTF-8",
            Self::Truncated => "it ends within a member",
        })
    }
}

impl core::error::Error for ArchiveError {}

/// The header block of a member.
#[derive(Clone, Copy, Debug)]
pub struct Header;

impl Header {
    /// The offsets of the words of a header that [`Header::size`] takes: its magic, and its size.
    pub const WORDS: [u32; 5] =
        [256, 260, SIZE.start as u32, SIZE.start as u32 + 4, SIZE.start as u32 + 8];

    /// The size in a header of which only five words were read: so that a walk over an archive
    /// costs a few dozen instructions a member. The checksum is not looked at.
    ///
    /// # Errors
    /// `NotUstar`, `BadSize`.
    pub fn size([magic, more, high, middle, low]: [u32; 5]) -> Result<u32, ArchiveError> {
        const MAGIC: [u32; 2] = [u32::from_le_bytes(*b"\0ust"), u32::from_le_bytes(*b"ar\0\0")];
        if magic & !0xFF != MAGIC[0] || more & 0xFFFF != MAGIC[1] {
            return Err(ArchiveError::NotUstar);
        }
        // The usual way to write it: a zero, ten octal digits, a zero byte. Four digits at a time.
        let digits = |word: u32| word & 0xF8F8_F8F8 == 0x3030_3030;
        let ends = low >> 24 == 0 && high & 0xFF == 0x30;
        if ends && digits(high) && digits(middle) && digits(low | 0x3000_0000) {
            let value = |word: u32| {
                let [first, second, third, fourth] = word.to_le_bytes().map(|digit| digit & 7);
                let pair = |one: u8, other: u8| u32::from(one) << 3 | u32::from(other);
                pair(first, second) << 6 | pair(third, fourth)
            };
            return Ok(value(high) << 21 | value(middle) << 9 | value(low) >> 3);
        }
        let mut field = [0; 12];
        for (bytes, word) in field.as_chunks_mut().0.iter_mut().zip([high, middle, low]) {
            *bytes = u32::to_le_bytes(word);
        }
        octal(&field).filter(|size| size.cast_signed() >= 0).ok_or(ArchiveError::BadSize)
    }

    /// Reads a header block; `None` is the end of the archive.
    ///
    /// # Errors
    /// [`ArchiveError`] names the condition of each.
    pub fn parse(block: &[u8; BLOCK as usize]) -> Result<Option<Member>, ArchiveError> {
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        if &block[MAGIC] != b"ustar" {
            return Err(ArchiveError::NotUstar);
        }
        if octal(&block[CHECKSUM]) != Some(checksum(block)) {
            return Err(ArchiveError::BadChecksum);
        }
        let size = octal(&block[SIZE])
            .filter(|size| size.cast_signed() >= 0)
            .ok_or(ArchiveError::BadSize)?;
        let mut name = [0; NAME.end];
        name.copy_from_slice(&block[NAME]);
        let length = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
        if length == 0 || block[PREFIX] != 0 || core::str::from_utf8(&name[..length]).is_err() {
            return Err(ArchiveError::BadName);
        }
        let is_file = matches!(block[KIND], 0 | b'0');
        Ok(Some(Member { size, is_file, name, length }))
    }
}

/// A member of the archive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Member {
    /// Bytes that follow the header: below 2 GiB.
    pub size: u32,
    /// It is an ordinary file, not a directory or a link.
    pub is_file: bool,
    name: [u8; NAME.end],
    length: usize,
}

impl Member {
    /// The name, as in `bin/init`.
    #[must_use]
    pub fn name(&self) -> &str {
        core::str::from_utf8(&self.name[..self.length]).expect("checked by `Header::parse`")
    }

    /// Offset of the next header if this one's is at `at`; `None` if it would not fit 32 bits.
    #[must_use]
    pub const fn next(&self, at: u32) -> Option<u32> {
        header_after(at, self.size)
    }
}

/// Offset of the header after one at `at`, whose file has `size` bytes; `None` if it would not fit
/// 32 bits.
#[must_use]
pub const fn header_after(at: u32, size: u32) -> Option<u32> {
    let blocks = size.div_ceil(BLOCK) * BLOCK;
    match at.checked_add(BLOCK) {
        Some(start) => start.checked_add(blocks),
        None => None,
    }
}

/// A whole archive that lies in memory.
#[derive(Clone, Copy, Debug)]
pub struct Archive<'a> {
    bytes: &'a [u8],
}

impl<'a> Archive<'a> {
    /// The archive in these bytes; what follows its end mark is not looked at.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The members, in order; after an error there are no more.
    #[must_use]
    pub const fn members(&self) -> Members<'a> {
        Members { bytes: self.bytes, at: Some(0) }
    }

    /// The bytes of the file called `name`.
    ///
    /// # Errors
    /// An [`ArchiveError`] of a member on the way.
    pub fn find(&self, name: &str) -> Result<Option<&'a [u8]>, ArchiveError> {
        for file in self.members() {
            let (member, bytes) = file?;
            if member.is_file && member.name() == name {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }
}

/// The members of an [`Archive`], with their bytes.
#[derive(Clone, Debug)]
pub struct Members<'a> {
    bytes: &'a [u8],
    at: Option<u32>,
}

impl<'a> Members<'a> {
    fn step(&mut self, at: u32) -> Result<Option<(Member, &'a [u8])>, ArchiveError> {
        let rest = self.bytes.get(at as usize..).ok_or(ArchiveError::Truncated)?;
        let (header, rest) = rest.split_first_chunk().ok_or(ArchiveError::Truncated)?;
        let Some(member) = Header::parse(header)? else { return Ok(None) };
        let contents = rest.get(..member.size as usize).ok_or(ArchiveError::Truncated)?;
        self.at = Some(member.next(at).ok_or(ArchiveError::Truncated)?);
        Ok(Some((member, contents)))
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = Result<(Member, &'a [u8]), ArchiveError>;

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.at.take()?;
        self.step(at).transpose()
    }
}

/// An octal number, padded by spaces or zeros in front and ended by a space, a zero byte or the
/// field.
fn octal(field: &[u8]) -> Option<u32> {
    let digits = field.trim_ascii_start();
    let end = digits.iter().position(|byte| matches!(byte, 0 | b' ')).unwrap_or(digits.len());
    let digits = core::str::from_utf8(&digits[..end]).ok()?;
    if digits.starts_with('+') { None } else { u32::from_str_radix(digits, 8).ok() }
}

/// The sum of all bytes, with the checksum's own counted as spaces.
fn checksum(block: &[u8; BLOCK as usize]) -> u32 {
    // Four bytes at a time: the even ones and the odd ones of 128 words cannot overflow their
    // halves.
    let words = block.as_chunks().0.iter().copied().map(u32::from_le_bytes);
    let pairs = words.fold(0, |sum, word| sum + (word & 0x00FF_00FF) + (word >> 8 & 0x00FF_00FF));
    let all = (pairs & 0xFFFF) + (pairs >> 16);
    let own: u32 = block[CHECKSUM].iter().copied().map(u32::from).sum();
    all - own + CHECKSUM.len() as u32 * u32::from(b' ')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::format;
    use std::vec::Vec;

    type Block = [u8; BLOCK as usize];

    fn header(name: &str, size: u32) -> Block {
        let mut block = [0; BLOCK as usize];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[SIZE].copy_from_slice(format!("{size:011o}\0").as_bytes());
        block[KIND] = b'0';
        block[257..265].copy_from_slice(b"ustar\x0000");
        sealed(block)
    }

    fn sealed(mut block: Block) -> Block {
        let sum = checksum(&block);
        block[CHECKSUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        block
    }

    fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, contents) in members {
            bytes.extend(header(name, contents.len() as u32));
            bytes.extend_from_slice(contents);
            bytes.resize(bytes.len().next_multiple_of(BLOCK as usize), 0);
        }
        bytes.extend([0; 2 * BLOCK as usize]);
        bytes
    }

    /// The words of a header that [`Header::size`] takes.
    fn words(block: &Block) -> [u32; 5] {
        Header::WORDS.map(|at| u32::from_le_bytes(block[at as usize..][..4].try_into().unwrap()))
    }

    #[test]
    fn five_words_of_a_header_tell_the_same_size_as_all_of_it() {
        for place in 257..262 {
            let mut block = header("bin/init", 0);
            block[place] ^= 1;
            assert_eq!(Header::size(words(&block)), Err(ArchiveError::NotUstar), "{place}");
        }
        let fields: [&[u8; 12]; 14] = [
            b"00000001234\0",
            b"00000001234 ",
            b"        1234",
            b"1234\0\0\0\0\0\0\0\0",
            b"17777777777\0",
            b"07777777777\0",
            b"20000000000\0",
            b"77777777777\0",
            b"000000012348",
            b"000000012347",
            b"0xxxxxxxxxx\0",
            b"00000001238\0",
            b"0000000+123\0",
            b"\0\0\0\0\0\0\0\0\0\0\0\0",
        ];
        for field in fields {
            let mut block = header("bin/init", 0);
            block[SIZE].copy_from_slice(field);
            block = sealed(block);
            let whole = Header::parse(&block).map(|member| member.unwrap().size);
            assert_eq!(Header::size(words(&block)), whole, "{}", field.escape_ascii());
        }
    }

    #[test]
    fn a_member_has_its_name_and_size() {
        let member = Header::parse(&header("bin/init", 0o1234)).unwrap().unwrap();
        assert_eq!((member.name(), member.size, member.is_file), ("bin/init", 0o1234, true));
    }

    #[test]
    fn the_checksum_of_the_largest_bytes_does_not_wrap() {
        assert_eq!(checksum(&[0xFF; 512]), 504 * 0xFF + 8 * 0x20);
    }

    #[test]
    fn a_block_of_zeros_is_the_end() {
        assert_eq!(Header::parse(&[0; 512]), Ok(None));
    }

    #[test]
    fn the_next_header_is_at_the_next_block_and_never_wraps() {
        let table = [
            (0, 0, Some(512)),
            (1, 0, Some(1024)),
            (512, 0, Some(1024)),
            (513, 512, Some(2048)),
            (0x7FFF_FFFF, 0, Some(0x8000_0200)),
            (0x7FFF_FFFF, 0x7FFF_FE00, None),
            (0, 0xFFFF_FE00, None),
        ];
        for (size, at, next) in table {
            let member = Header::parse(&header("a", size)).unwrap().unwrap();
            assert_eq!(member.next(at), next, "{size:#x} at {at:#x}");
        }
    }

    #[test]
    fn each_kind_of_damage_has_its_error() {
        let damaged = |offset: usize, bytes: &[u8]| {
            let mut block = header("bin/init", 5);
            block[offset..offset + bytes.len()].copy_from_slice(bytes);
            block
        };
        assert_eq!(Header::parse(&damaged(257, b"ustax")), Err(ArchiveError::NotUstar));
        assert_eq!(Header::parse(&damaged(0, b"c")), Err(ArchiveError::BadChecksum));
        assert_eq!(Header::parse(&damaged(148, b"zzzzzz")), Err(ArchiveError::BadChecksum));
        for size in [b"8", b"-", b"+", b"\0", b"\x80"] {
            assert_eq!(
                Header::parse(&sealed(damaged(124, size))),
                Err(ArchiveError::BadSize),
                "{size:?}"
            );
        }
        assert_eq!(
            Header::parse(&sealed(damaged(124, b"20000000000"))),
            Err(ArchiveError::BadSize)
        );
        assert_eq!(Header::parse(&sealed(damaged(0, b"\0"))), Err(ArchiveError::BadName));
        assert_eq!(Header::parse(&sealed(damaged(0, b"\xFF"))), Err(ArchiveError::BadName));
        assert_eq!(Header::parse(&sealed(damaged(345, b"long"))), Err(ArchiveError::BadName));
    }

    #[test]
    fn a_file_is_found_by_its_name() {
        let bytes = archive(&[("bin/a", b"first"), ("bin/b", &[7; 600]), ("bin/c", b"")]);
        let archive = Archive::new(&bytes);
        assert_eq!(archive.find("bin/b"), Ok(Some(&[7; 600][..])));
        assert_eq!(archive.find("bin/c"), Ok(Some(&b""[..])));
        assert_eq!(archive.find("bin/d"), Ok(None));
        assert_eq!(archive.members().count(), 3);
    }

    #[test]
    fn an_archive_cut_off_before_its_end_mark_is_truncated() {
        let bytes = archive(&[("bin/a", b"first"), ("bin/b", &[7; 600])]);
        for length in (0..bytes.len() - 1024).step_by(100) {
            let result = Archive::new(&bytes[..length]).find("bin/z");
            assert_eq!(result, Err(ArchiveError::Truncated), "{length}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 512..2048)) {
            for member in Archive::new(&bytes).members() {
                prop_assert!(member.is_ok() || member.is_err());
            }
        }
    }
}
