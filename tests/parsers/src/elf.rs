//! Program files, beside what the crate `object` reads in them. The first word is the length that the file claims.

use abi::address::Page;
use abi::format::elf::{HEADER_LIMIT, Image, Rules};
use abi::layout::{BOOT_ARCHIVE, USER_STACK_TOP, USER_TOP};
use object::LittleEndian as Le;
use object::elf::{EM_386, ET_EXEC, FileHeader32, PF_W, PT_LOAD};
use object::read::elf::{FileHeader, ProgramHeader};

use crate::words;

const PAGE: u64 = 4096;
/// Pages of a program that are looked at: a segment may have a million.
const PAGES: usize = 4;

pub fn judge(bytes: &[u8]) -> bool {
    let [length] = words(bytes);
    let file = bytes.get(4..).unwrap_or_default();
    let by = |rules| Image::plan_by(rules, file, length).ok();
    let images = [Rules::Vitrine, Rules::Jos].map(|rules| (rules, by(rules)));
    for (rules, image) in &images {
        let Some(image) = image else { continue };
        is_what_object_reads(*rules, image, file, length);
        for (first, end) in ranges(image) {
            assert!(is_allowed(*rules, first / PAGE * PAGE, end.next_multiple_of(PAGE)));
        }
        for page in image.pages().take(PAGES) {
            has_each_byte_where_it_belongs(image, page);
        }
    }
    images.iter().any(|(_, image)| image.is_some())
}

/// The segments that another reader finds, and its entry.
fn is_what_object_reads(rules: Rules, image: &Image, file: &[u8], length: u32) {
    let known = file.len().min(HEADER_LIMIT).min(length as usize);
    let header = FileHeader32::<Le>::parse(&file[..known]).expect("a file that is taken is ELF");
    assert_eq!((header.e_type(Le), header.e_machine(Le)), (ET_EXEC, EM_386));
    assert_eq!(header.e_entry(Le), image.entry());
    let segments = header.program_headers(Le, &file[..known]).expect("its headers can be read");
    let loaded = segments.iter().filter(|s| s.p_type(Le) == PT_LOAD && s.p_memsz(Le) > 0);
    let expected: Vec<_> = loaded
        .map(|s| {
            let offset = if s.p_filesz(Le) == 0 { 0 } else { s.p_offset(Le) };
            let writable = rules == Rules::Jos || s.p_flags(Le).0 & PF_W.0 != 0;
            (s.p_vaddr(Le), offset, s.p_filesz(Le), s.p_memsz(Le), writable)
        })
        .collect();
    let found = image.segments().iter().map(|s| {
        assert!(u64::from(s.file_offset) + u64::from(s.file_length) <= u64::from(length));
        (s.address, s.file_offset, s.file_length, s.memory_length, s.writable)
    });
    assert_eq!(found.collect::<Vec<_>>(), expected);
    assert!(ranges(image).any(|(first, end)| (first..end).contains(&u64::from(image.entry()))));
    let ranges: Vec<_> = ranges(image).collect();
    for (index, one) in ranges.iter().enumerate() {
        assert!(ranges[index + 1..].iter().all(|other| one.1 <= other.0 || other.1 <= one.0));
    }
}

/// The addresses of each segment, half-open.
fn ranges(image: &Image) -> impl Iterator<Item = (u64, u64)> {
    image.segments().iter().map(|segment| {
        let first = u64::from(segment.address);
        (first, first + u64::from(segment.memory_length))
    })
}

fn is_allowed(rules: Rules, first: u64, end: u64) -> bool {
    let [top, stack, archive] = [USER_TOP, USER_STACK_TOP, BOOT_ARCHIVE].map(u64::from);
    let apart = |start: u64, stop: u64| end <= start || first >= stop;
    match rules {
        Rules::Vitrine => end <= stack - (1 << 20) && apart(archive, archive + (256 << 20)),
        Rules::Jos => end <= top && apart(stack - PAGE, stack),
    }
}

/// Puts a page together from its pieces, as offsets in the file, and again byte by byte from the segments.
fn has_each_byte_where_it_belongs(image: &Image, page: Page) {
    assert!(image.permissions(page).is_some());
    let mut bytes = [None; PAGE as usize];
    for piece in image.pieces(page) {
        for index in 0..piece.length {
            let byte = &mut bytes[(piece.page_offset + index) as usize];
            assert_eq!(*byte, None, "two pieces have one byte");
            *byte = Some(piece.file_offset + index);
        }
    }
    for (address, byte) in (page.address()..).zip(bytes) {
        let from = image.segments().iter().find_map(|segment| {
            let offset = address.checked_sub(segment.address)?;
            (offset < segment.file_length).then(|| segment.file_offset + offset)
        });
        assert_eq!(byte, from, "the byte at {address:#x}");
    }
}
