//! Tests of program files: sound ones, and files with one lie each.

use super::*;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

const LOAD: u32 = 1;
const READ: u32 = 4;
const WRITE: u32 = 2;

/// A program header: type, offset, address, file size, memory size, flags.
type Row = [u32; 6];

const TEXT: Row = [LOAD, 0x20, 0x80_0020, 0x1F80, 0x1F80, READ];
const DATA: Row = [LOAD, 0x2000, 0x80_2000, 0x123, 0x2345, READ | WRITE];
const LENGTH: u32 = 0x3000;

fn elf(entry: u32, rows: &[Row]) -> Vec<u8> {
    let mut bytes = vec![0x7F, b'E', b'L', b'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let half = |bytes: &mut Vec<u8>, value: u16| bytes.extend(value.to_le_bytes());
    let word = |bytes: &mut Vec<u8>, value: u32| bytes.extend(value.to_le_bytes());
    half(&mut bytes, 2); // executable
    half(&mut bytes, 3); // 386
    for value in [1, entry, 52, 0, 0] {
        word(&mut bytes, value); // version, entry, program headers, section headers, flags
    }
    for value in [52, 32, rows.len() as u16, 0, 0, 0] {
        half(&mut bytes, value);
    }
    for [kind, offset, address, file, memory, flags] in rows.iter().copied() {
        for value in [kind, offset, address, address, file, memory, flags, 0x1000] {
            word(&mut bytes, value);
        }
    }
    bytes
}

fn plan(rows: &[Row]) -> Result<Image, ImageError> {
    Image::plan(&elf(0x80_0020, rows), LENGTH)
}

fn with(index: usize, value: u32) -> Result<Image, ImageError> {
    let mut row = DATA;
    row[index] = value;
    plan(&[TEXT, row])
}

#[test]
fn a_sound_program_is_taken_as_it_is() {
    let image = plan(&[TEXT, DATA]).unwrap();
    assert_eq!(image.entry(), 0x80_0020);
    let [text, data] = image.segments() else { panic!("two segments") };
    assert_eq!((text.address, text.file_offset, text.writable), (0x80_0020, 0x20, false));
    assert_eq!((data.file_length, data.memory_length, data.writable), (0x123, 0x2345, true));
}

#[test]
fn headers_need_not_be_aligned_in_memory() {
    let mut shifted = vec![0];
    shifted.extend(elf(0x80_0020, &[TEXT]));
    assert!(Image::plan(&shifted[1..], LENGTH).is_ok());
}

#[test]
fn a_lying_segment_is_refused() {
    let table = [
        (1, 0x2F00, ImageError::BeyondFile),
        (1, 0xFFFF_FFFF, ImageError::BeyondFile),
        (2, STACK_START - 0x1000, ImageError::BadAddress),
        (2, 0xEEBF_D000, ImageError::BadAddress),
        (2, 0xF000_0000, ImageError::BadAddress),
        (2, 0xFFFF_F000, ImageError::BadAddress),
        (2, BOOT_ARCHIVE, ImageError::BadAddress),
        (2, BOOT_ARCHIVE - 0x2000, ImageError::BadAddress),
        (2, BOOT_ARCHIVE_END - 0x1000, ImageError::BadAddress),
        (2, 0x80_1000, ImageError::Overlap),
        (3, 0x2346, ImageError::ShortMemory),
        (4, 0x122, ImageError::ShortMemory),
        (4, 0, ImageError::ShortMemory),
        (4, 0xFFFF_FFFF, ImageError::BadAddress),
    ];
    for (index, value, error) in table {
        assert_eq!(with(index, value), Err(error), "field {index} = {value:#x}");
    }
}

#[test]
fn a_page_that_a_segment_only_begins_in_counts_whole() {
    assert_eq!(with(2, BOOT_ARCHIVE - 0x2345 + 1), Err(ImageError::BadAddress));
    assert!(with(2, BOOT_ARCHIVE - 0x3000).is_ok());
}

#[test]
fn a_jos_program_may_lie_anywhere_below_utop_but_on_the_stack_page() {
    let at = |address: u32, length: u32| {
        let rows = [TEXT, [LOAD, 0, address, 0, length, READ]];
        Image::plan_by(Rules::Jos, &elf(0x80_0020, &rows), LENGTH).map(|_| ())
    };
    assert_eq!(at(BOOT_ARCHIVE, 0x1000), Ok(()));
    assert_eq!(at(0, 0x1000), Ok(()));
    assert_eq!(at(0xEEBF_E000, 0x2000), Ok(()), "the pages up to UTOP");
    assert_eq!(at(0xEEBF_E000, 0x2001), Err(ImageError::BadAddress), "UTOP");
    assert_eq!(at(0xEEBF_C000, 0x1001), Err(ImageError::BadAddress), "the stack page");
    assert_eq!(at(0xEEBF_DFFF, 1), Err(ImageError::BadAddress), "the stack page's last byte");
    assert_eq!(at(0xFFFF_F000, 0x2000), Err(ImageError::BadAddress), "it wraps");
}

#[test]
fn all_of_a_jos_program_is_writable() {
    let image = Image::plan_by(Rules::Jos, &elf(0x80_0020, &[TEXT]), LENGTH).unwrap();
    assert_eq!(image.permissions(Page::containing(0x80_0000)), Some(Permissions::WRITE));
}

#[test]
fn a_lying_header_is_refused() {
    let table: &[(usize, u8, ImageError)] = &[
        (0, 0x7E, ImageError::NotElf),
        (4, 2, ImageError::NotElf), // a 64-bit header is longer than this file's first 84 bytes say
        (4, 0, ImageError::NotElf),
        (5, 2, ImageError::WrongMachine),
        (6, 3, ImageError::NotElf),
        (16, 1, ImageError::NotExecutable),
        (16, 3, ImageError::NotExecutable),
        (18, 62, ImageError::WrongMachine),
        (20, 2, ImageError::NotElf),
        (24, 0x1F, ImageError::BadEntry),
        (27, 0xFF, ImageError::BadEntry),
        (28, 0, ImageError::BadHeaders),
        (28, 51, ImageError::BadHeaders),
        (28, 53, ImageError::BadHeaders),
        (31, 0xFF, ImageError::BadHeaders),
        (42, 0, ImageError::BadHeaders),
        (42, 56, ImageError::BadHeaders),
        (44, 0, ImageError::NoSegments),
        (44, 2, ImageError::BadHeaders),
        (45, 0xFF, ImageError::BadHeaders),
        (52, 2, ImageError::Dynamic),
        (52, 3, ImageError::Dynamic),
        (52, 4, ImageError::NoSegments),
        (52, 0x99, ImageError::NoSegments),
    ];
    for &(offset, value, error) in table {
        let mut bytes = elf(0x80_0020, &[TEXT]);
        bytes[offset] = value;
        let result = Image::plan(&bytes, LENGTH);
        let class = offset == 4 && matches!(result, Err(ImageError::WrongMachine));
        assert!(class || result == Err(error), "byte {offset} = {value:#x}: {result:?}");
    }
}

#[test]
fn a_file_cut_off_anywhere_in_its_headers_is_refused() {
    let bytes = elf(0x80_0020, &[TEXT, DATA]);
    for length in 0..bytes.len() {
        assert!(Image::plan(&bytes[..length], length as u32).is_err(), "{length}");
        assert!(Image::plan(&bytes, length as u32).is_err(), "{length}");
    }
}

#[test]
fn a_ninth_segment_is_refused() {
    let row = |index: u32| [LOAD, 0, 0x80_0000 + index * 0x1000, 0x100, 0x100, READ];
    let rows: Vec<Row> = (0..9).map(row).collect();
    assert_eq!(plan(&rows[..8]).unwrap().segments().len(), 8);
    assert_eq!(plan(&rows), Err(ImageError::TooManySegments));
}

#[test]
fn segments_that_only_touch_are_taken_in_either_order() {
    let next = [LOAD, 0x1FA0, 0x80_1FA0, 0x40, 0x100, READ];
    assert_eq!(plan(&[TEXT, next]).unwrap().segments().len(), 2);
    assert_eq!(plan(&[next, TEXT]).unwrap().segments().len(), 2);
}

#[test]
fn a_segment_without_memory_is_nothing_and_one_without_bytes_may_name_any_offset() {
    let empty = [LOAD, 0, 0x80_2000, 0, 0, READ];
    assert_eq!(plan(&[TEXT, empty]).unwrap().segments().len(), 1);
    let zeros = [LOAD, LENGTH + 1, 0x80_2000, 0, 0x1000, READ];
    let image = plan(&[TEXT, zeros]).unwrap();
    assert_eq!((image.segments().len(), image.segments()[1].file_offset), (2, 0));
}

#[test]
fn a_segment_that_ends_with_a_page_says_nothing_about_the_next_page() {
    let rows =
        [[LOAD, 0x20, 0x80_0020, 0xFE0, 0xFE0, READ], [LOAD, 0, 0x80_2000, 0x1000, 0x1001, READ]];
    let image = plan(&rows).unwrap();
    let permissions = |address| image.permissions(Page::containing(address));
    assert_eq!(
        (permissions(0x80_0000), permissions(0x80_1000)),
        (Some(Permissions::empty()), None)
    );
    assert_eq!(
        (permissions(0x80_3000), permissions(0x80_4000)),
        (Some(Permissions::empty()), None)
    );
    assert_eq!(image.pieces(Page::containing(0x80_3000)).count(), 0, "all zeros");
}

#[test]
fn every_page_comes_once_also_when_segments_share_one() {
    let shared = [LOAD, 0x1FA0, 0x80_1FA0, 0x40, 0x100, READ | WRITE];
    let image = plan(&[TEXT, shared]).unwrap();
    let pages: Vec<u32> = image.pages().map(Page::address).collect();
    assert_eq!(pages, [0x80_0000, 0x80_1000, 0x80_2000]);
    let second = Page::containing(0x80_1000);
    assert_eq!(image.permissions(second), Some(Permissions::WRITE));
    assert_eq!(image.permissions(Page::containing(0x80_0000)), Some(Permissions::empty()));
    assert_eq!(image.permissions(Page::containing(0x80_3000)), None);
    let pieces: Vec<Piece> = image.pieces(second).collect();
    let text = Piece { page_offset: 0, file_offset: 0x1000, length: 0xFA0 };
    let data = Piece { page_offset: 0xFA0, file_offset: 0x1FA0, length: 0x40 };
    assert_eq!(pieces, [text, data]);
}

#[test]
fn the_first_page_begins_where_its_segment_does() {
    let image = plan(&[TEXT]).unwrap();
    let pieces: Vec<Piece> = image.pieces(Page::containing(0x80_0000)).collect();
    assert_eq!(pieces, [Piece { page_offset: 0x20, file_offset: 0x20, length: 0xFE0 }]);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_or_leave_the_file(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..200), sound: bool, length: u32,
    ) {
        if sound {
            let real = elf(0x80_0020, &[TEXT, DATA]);
            let keep = 52.min(bytes.len());
            bytes[..keep].copy_from_slice(&real[..keep]);
        }
        let Ok(image) = Image::plan(&bytes, length) else { return Ok(()) };
        for page in image.pages().take(16) {
            for piece in image.pieces(page) {
                prop_assert!(piece.page_offset + piece.length <= PAGE_SIZE);
                prop_assert!(piece.file_offset.checked_add(piece.length).unwrap() <= length);
            }
        }
    }
}
