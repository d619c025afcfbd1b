//! How a program comes out of the boot archive; what is wrong with an archive, and the one line
//! that says so.

use crate::world::{DATA, World, image};
use abi::layout::{BOOT_ARCHIVE, PAGE_SIZE, USER_STACK_TOP};
use kernel_core::state::process::Index;

/// The line that ends the boot.
pub fn refused(archive: &[u8], line: &str) -> String {
    match World::boot(4, archive, line) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("{line} boots"),
    }
}

#[test]
fn an_archive_that_is_cut_off_anywhere_does_not_boot() {
    let member = image::archive("bin/init", &image::program());
    let init = &member[..member.len() - 1024];
    let archive = [init, &image::archive("bin/last", b"the last program")].concat();
    let damaged = "the boot archive is damaged: it ends in the middle of a member";
    for length in [511, 512, init.len() - 1, init.len(), init.len() + 511, init.len() + 512] {
        assert_eq!(refused(&archive[..length], ""), damaged, "{length} bytes");
        assert_eq!(refused(&archive[..length], "elf=bin/init"), damaged, "{length} bytes");
    }
    let (end, last) = (archive.len() - 1024, archive.len() - 1024 - 512);
    assert_eq!(refused(&archive[..last + 15], ""), damaged, "within the last file");
    assert_eq!(refused(&archive[..end], ""), damaged, "no end mark");
    assert_eq!(refused(&archive[..end + 511], ""), damaged, "half an end mark");
    assert!(World::boot(4, &archive[..end + 512], "").is_ok(), "a block of zeros ends it");
    #[cfg(feature = "jos")]
    assert_eq!(refused(&archive[..end + 512], "elf=q"), "the boot archive has no q");
    assert!(World::boot(4, &archive, "").is_ok());
}

#[test]
fn a_header_that_is_none_ends_the_boot_wherever_it_is() {
    let member = image::archive("bin/init", &image::program());
    let init = member.len() - 1024;
    let archive = [&member[..init], &image::archive("bin/last", b"the last program")].concat();
    let table = [
        (init + 257, "a member's header is none of ustar's"),
        (init + 124, "a member's size is no octal number below 2 GiB"),
    ];
    for (place, why) in table {
        let mut archive = archive.clone();
        archive[place] = b'x';
        assert_eq!(refused(&archive, ""), format!("the boot archive is damaged: {why}"));
    }
}

#[test]
fn an_archive_that_init_has_no_room_for_ends_the_boot_with_one_line() {
    const LIMIT: u32 = abi::format::elf::BOOT_ARCHIVE_LIMIT;
    let archive = image::archive("bin/init", &image::program());
    for length in [LIMIT + 1, LIMIT + 0x1000, u32::MAX] {
        let error = World::boot_described(4, &archive, length, "").err().map(|e| e.to_string());
        assert_eq!(
            error.as_deref(),
            Some("the boot archive is longer than 256 MiB"),
            "{length:#x}"
        );
    }
    // An archive of the greatest length is read: its program is too large for this memory.
    let mut huge = image::program();
    huge[52 + 32 + 22] = 0x80;
    let archive = image::archive("bin/init", &huge);
    let error = World::boot_described(4, &archive, LIMIT, "").err().map(|e| e.to_string());
    assert_eq!(error.as_deref(), Some("too little memory for bin/init"));
}

#[test]
fn every_byte_of_a_program_is_loaded_however_it_lies_in_the_file() {
    let table = [
        (0, 0, 0x1800),
        (0, 0, 0x1803),
        (1, 1, 0x1802),
        (0, 1, 0x1001),
        (1, 0, 0x1001),
        (3, 2, 9),
        (0, 0, 3),
        (0, 0, 4),
        (0, 0, 5),
        (2, 2, 1),
        (0xFFE, 0xDFE, 4),
        (0xFF0, 0x1F1, 0x1020),
    ];
    for (address, offset, length) in table {
        let data: Vec<u8> = (0..length).map(|index| (index * 7 / 3 + 1) as u8).collect();
        let program = image::program_with(0x400 + offset, DATA + address, &data);
        let mut world = World::boot(4, &image::archive("bin/init", &program), "").unwrap();
        let pages = (address + length).div_ceil(PAGE_SIZE);
        let mut expected = vec![0; (pages * PAGE_SIZE) as usize];
        expected[address as usize..][..data.len()].copy_from_slice(&data);
        assert_eq!(
            bytes(&mut world, DATA, pages),
            expected,
            "{address:#x} {offset:#x} {length:#x}"
        );
        assert!(world.read(DATA + pages * PAGE_SIZE).is_err(), "no page more");
    }
}

#[test]
fn the_archive_is_mapped_whole_and_in_order_and_only_to_be_read() {
    let program = image::program_with(0x3000, DATA, b"the last page");
    let archive = image::archive("bin/init", &program);
    let mut world = World::boot(4, &archive, "").unwrap();
    let pages = (archive.len() as u32).div_ceil(PAGE_SIZE);
    assert_eq!(pages, 4);
    let mut expected = archive;
    expected.resize((pages * PAGE_SIZE) as usize, 0);
    assert_eq!(bytes(&mut world, BOOT_ARCHIVE, pages), expected);
    for page in 0..=pages {
        let leaf = world.leaf(world.init(), BOOT_ARCHIVE + page * PAGE_SIZE);
        assert_eq!((leaf.is_present(), leaf.is_writable()), (page < pages, false), "page {page}");
    }
}

/// What the running process reads in these pages.
fn bytes(world: &mut World, address: u32, pages: u32) -> Vec<u8> {
    let words = (address..address + pages * PAGE_SIZE).step_by(4);
    words.flat_map(|address| world.read(address).unwrap().to_le_bytes()).collect()
}

#[test]
fn an_end_mark_that_is_not_all_zeros_ends_the_boot() {
    let member = image::archive("bin/init", &image::program());
    let end = member.len() - 1024;
    for place in [4, 100, 508] {
        let mut archive = member.clone();
        archive[end + place] = b'x';
        let why = "the boot archive is damaged: ";
        assert!(refused(&archive, "").starts_with(why), "{place}: {}", refused(&archive, ""));
    }
}

#[test]
fn the_stack_of_init_holds_its_arguments_from_the_top_down() {
    for line in ["", "x", "hello world", "--quiet a=b c"] {
        let archive = image::archive("bin/init", &image::program());
        let mut world = World::boot(4, &archive, line).unwrap();
        let esp = world.registers().esp;
        let mut word = |index: u32| world.read(esp + 4 * index).unwrap();
        let [count, argv, name, text, null] = [0, 1, 2, 3, 4].map(&mut word);
        assert_eq!((count, null, argv), (2, 0, esp + 8));
        assert_eq!(text, USER_STACK_TOP - line.len() as u32 - 1, "{line}");
        assert_eq!((name, argv), (text - 5, (name & !3) - 12), "{line}");
        let stack = bytes(&mut world, USER_STACK_TOP - PAGE_SIZE, 1);
        assert!(stack.ends_with(format!("init\0{line}\0").as_bytes()), "{line}");
    }
}

#[test]
fn a_command_line_has_1024_bytes_at_most() {
    let archive = image::archive("bin/init", &image::program());
    assert!(World::boot(4, &archive, &"x".repeat(1024)).is_ok());
    for length in [1025, 1026, 3000] {
        let why = refused(&archive, &"x".repeat(length));
        assert_eq!(why, "the command line is longer than 1024 bytes", "{length}");
    }
}

#[test]
fn the_table_for_debuggers_says_where_things_are() {
    let world = World::new();
    let table = world.kernel.describe(0xF123_4000);
    let address = |slot| std::ptr::from_ref(&world.kernel.processes()[Index::new(slot)]).addr();
    assert_eq!((table.magic, table.frames), (abi::debug::MAGIC, 0xF123_4000));
    assert_eq!(table.slots, address(0) as u32);
    assert_eq!(table.slot_size as usize, address(1) - address(0));
    assert_eq!(table.kernel_directory, world.kernel_directory.number() * PAGE_SIZE);
    let pool = table.dma_first..table.dma_first + table.dma_frames;
    let reserved: Vec<u32> = world.reserved().iter().map(|frame| frame.number()).collect();
    assert!(!pool.is_empty() && pool.clone().all(|frame| reserved.contains(&frame)), "{pool:?}");
}
