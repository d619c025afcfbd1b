//! `window`: what a program reads of its own page tables (UVPT, UVPD) and of frames (UPAGES), and
//! that it can only read.
#![no_std]
#![no_main]

use conformance::calls::{page_alloc, page_map, page_unmap};
use conformance::claims::{Outcome, equal, holds};
use conformance::family::{child, end, ends_well, stopped_child};
use conformance::shown::{
    READ, WRITE, count, directory_entry, entry, flags, frame, fresh, own, pageref, test_page,
};
use conformance::upcall::{Access, can_write, peek, touch};
use support::Registers;
use support::memory::{load, store};

conformance::program! {
    a_fresh_page_reads_007_after_a_read_027_after_a_write_067,
    marks_of_programs_are_seen,
    the_directory_is_the_table_of_the_window,
    the_window_is_readable_and_not_writable,
    directory_entries_of_programs_are_open,
    a_table_comes_with_its_first_page,
    the_entry_of_an_absent_table_faults,
    nothing_that_the_kernel_shows_can_be_written,
    counts_are_those_of_all_processes,
    counts_are_at_offset_4_of_8_bytes,
    a_child_has_a_window_of_its_own,
}

fn a_fresh_page_reads_007_after_a_read_027_after_a_write_067() -> Outcome {
    let page = fresh(1);
    equal("fresh", load(0xEF40_0000 + 4 * (page >> 12)) & 0xFFF, 0x007)?;
    load(page + 0xFFC);
    equal("read", load(0xEF40_0000 + 4 * (page >> 12)) & 0xFFF, 0x027)?;
    store(page, 0);
    equal("written", load(0xEF40_0000 + 4 * (page >> 12)) & 0xFFF, 0x067)
}

fn marks_of_programs_are_seen() -> Outcome {
    let page = fresh(1);
    for perm in [0x205, 0x407, 0x805, 0xE07] {
        equal("map", page_map((0, page), (0, test_page(2)), perm), 0)?;
        equal("flags", flags(test_page(2)), perm)?;
    }
    Ok(())
}

/// Entry 0x3BD of the directory is the directory.
fn the_directory_is_the_table_of_the_window() -> Outcome {
    equal("frames", load(0xEF7B_D000 + 4 * 0x3BD) >> 12, load(0xEF40_0000 + 4 * 0xEF7BD) >> 12)?;
    let index = 0x3BD;
    equal("the same word", load(0xEF7B_D000 + 4 * index), load(0xEF40_0000 + 4 * (0xEF400 + index)))
}

fn the_window_is_readable_and_not_writable() -> Outcome {
    equal("P, W, U", directory_entry(0xEF40_0000) & 7, 5)?;
    equal("exception stack", page_alloc(0, 0xEEBF_F000, WRITE), 0)?;
    for address in [0xEF40_0000 + 4 * (test_page(1) >> 12), 0xEF7B_D000, 0xEF7B_DEF4] {
        let write = Registers { eax: 0xFFFF_FFFF, ecx: address, ..Registers::default() };
        let caught = touch(Access::Write, write);
        let found = caught.map(|caught| (caught.word(0), caught.word(4)));
        equal("address and error code", found, Some((address, 7)))?;
    }
    Ok(())
}

fn directory_entries_of_programs_are_open() -> Outcome {
    for index in 0..0x3BB {
        let entry = load(0xEF7B_D000 + 4 * index);
        holds("absent, or P, W and U", entry == 0 || entry & 7 == 7)?;
    }
    equal("the program's own", directory_entry(0x0080_0000) & 7, 7)
}

fn a_table_comes_with_its_first_page() -> Outcome {
    let page = 0x5000_0000;
    equal("before", directory_entry(page), 0)?;
    equal("allocate", page_alloc(0, page, READ), 0)?;
    equal("P, W, U", directory_entry(page) & 7, 7)?;
    equal("the page", flags(page) & 7, 5)?;
    let others = (1..1024).map(|index| page + 0x1000 * index);
    equal("the others", others.fold(0, |all, page| all | entry(page)), 0)?;
    equal("unmap", page_unmap(0, page), 0)
}

/// So programs read UVPD first.
fn the_entry_of_an_absent_table_faults() -> Outcome {
    equal("no table", directory_entry(0x6000_0000), 0)?;
    equal("its entries", peek(0xEF40_0000 + 4 * (0x6000_0000 >> 12)), None)
}

fn nothing_that_the_kernel_shows_can_be_written() -> Outcome {
    for address in [0xEEC0_0000, 0xEEC0_0000 + 84, 0xEF00_0000 + 4, 0xEEC0_0000 + 124 * 1023] {
        equal("writable", (address, can_write(address)), (address, false))?;
    }
    Ok(())
}

fn counts_are_those_of_all_processes() -> Outcome {
    let page = fresh(1);
    equal("one", pageref(page), 1)?;
    equal("map", page_map((0, page), (0, test_page(2)), READ), 0)?;
    equal("two", pageref(page), 2)?;
    let other = stopped_child(|| Ok(()))?;
    equal("a copy does not count", pageref(page), 2)?;
    equal("to a child", page_map((0, page), (other, test_page(3)), WRITE), 0)?;
    equal("and again", page_map((0, page), (other, test_page(4)), WRITE), 0)?;
    equal("four", pageref(page), 4)?;
    equal("replace", page_alloc(other, test_page(3), WRITE), 0)?;
    equal("three", pageref(page), 3)?;
    end(other)?;
    equal("two", pageref(page), 2)
}

fn counts_are_at_offset_4_of_8_bytes() -> Outcome {
    let (page, other) = (fresh(1), fresh(2));
    equal("map", page_map((0, page), (0, test_page(3)), READ), 0)?;
    equal("the page's", load(0xEF00_0000 + 8 * frame(page) + 4), 2)?;
    equal("another's", load(0xEF00_0000 + 8 * frame(other) + 4), 1)?;
    equal("the same", count(frame(other)), 1)
}

fn a_child_has_a_window_of_its_own() -> Outcome {
    let page = fresh(1);
    let (frame_here, directory) = (frame(page), directory_entry(0xEF40_0000) >> 12);
    ends_well(child(|| {
        holds("its page is another", frame(page) != frame_here)?;
        holds("its directory is another", directory_entry(0xEF40_0000) >> 12 != directory)?;
        equal("it runs", own(84), 3)
    })?)
}
