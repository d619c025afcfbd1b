//! What is wrong with a boot archive, and the one line that says so.

use crate::world::{World, image};

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
}
