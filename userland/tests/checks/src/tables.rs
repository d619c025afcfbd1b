//! What a process reads of its own page tables: all of them, and nothing of other processes.

use libsys::abi::layout::{ENTRIES, PAGE_SIZE, PUBLIC_FRAMES, UENVS, UPAGES, UVPD, UVPT};
use libsys::call::Change;
use libsys::paging::self_map::Step;
use libsys::process::info;
use libsys::{Entry, EntryFlags, Page, Permissions, Slot, Target, UserPage, range_protect, window};

use crate::bare::{self, LOAD, STORE};
use crate::expect::{Outcome, checks, equal, holds};
use crate::family::{PAGE_FAULT, is_killed};
use crate::memory::{bits, fresh, leaf, test_page, test_pages};
use support::Registers;
use support::gate::interrupt;
use support::memory::{load, store};

checks! {
    window_shows_what_was_mapped,
    accessed_and_dirty_bits_are_one_load_away,
    clean_again_after_a_map_onto_itself,
    clean_again_after_a_protect,
    window_ends_in_itself,
    three_kernel_entries_are_for_programs_and_none_writable,
    kernel_tables_cannot_be_read_through_the_window,
    window_cannot_be_written,
    kernel_memory_cannot_be_read,
    process_facts_are_31_pages_and_no_more,
    frame_counts_end_where_memory_does,
    public_tables_cannot_be_written,
    public_facts_keep_secrets_at_zero,
}

/// `UVPT + 4 * page`, read as plain memory.
fn plain_entry(page: UserPage) -> u32 {
    load(UVPT + 4 * page.page().number())
}

fn window_shows_what_was_mapped() -> Outcome {
    equal("before", leaf(test_page(0)), Entry::ABSENT)?;
    let page = fresh(0)?;
    let entry = leaf(page);
    equal("the entry as plain memory", plain_entry(page), entry.bits())?;
    holds("the entry names a frame", entry.frame().number() != 0)?;
    let table = window().directory_entry(page.page().directory_index());
    let as_leaf = load(UVPT + 4 * Page::containing(UVPT + 4 * page.page().number()).number());
    let without_accessed = |bits: u32| bits & !EntryFlags::ACCESSED.bits();
    equal("table, seen both ways", without_accessed(as_leaf), without_accessed(table.bits()))
}

fn accessed_and_dirty_bits_are_one_load_away() -> Outcome {
    let page = fresh(0)?;
    equal("fresh", bits(page), 0x007)?;
    load(page.address());
    equal("after a read", bits(page), 0x027)?;
    store(page.address(), 1);
    equal("after a write", bits(page), 0x067)
}

/// JOS call 5 of a page onto itself, by which a JOS file server clears the dirty bit of a block.
fn clean_again_after_a_map_onto_itself() -> Outcome {
    let page = fresh(0)?;
    for round in 0..3 {
        store(page.address(), round);
        equal("after a write", bits(page), 0x067)?;
        let (address, permissions) = (page.address(), 0x007);
        let call = Registers {
            eax: 5,
            ecx: address,
            edi: address,
            esi: permissions,
            ..Registers::default()
        };
        equal("result", interrupt(call).eax, 0)?;
        equal("after the map", bits(page), 0x007)?;
        equal("the contents", load(address), round)?;
        equal("after a read", bits(page), 0x027)?;
    }
    Ok(())
}

fn clean_again_after_a_protect() -> Outcome {
    let page = fresh(0)?;
    store(page.address(), 7);
    let found = range_protect(Target::Caller, test_pages(0, 1)?, Change::NONE)?;
    equal("what the call found", (found.marks, found.accessed, found.dirty), (0x60, 1, 1))?;
    equal("after the call", bits(page), 0x007)?;
    load(page.address());
    let found = range_protect(Target::Caller, test_pages(0, 1)?, Change::NONE)?;
    equal("after a read", (found.marks, found.accessed, found.dirty), (0x20, 1, 0))
}

fn window_ends_in_itself() -> Outcome {
    let own = Slot::WINDOW.index();
    let directory = window().directory_entry(own);
    equal("its flags", directory.flags() - EntryFlags::ACCESSED, EntryFlags::USER_LEAF)?;
    equal("the directory at UVPD", load(UVPD + 4 * own), directory.bits())?;
    let Step::Leaf(leaf) = window().walk(Page::containing(UVPD)) else {
        return holds("the window's page can be walked to", false);
    };
    equal("the frame of the directory", leaf.frame(), directory.frame())
}

fn three_kernel_entries_are_for_programs_and_none_writable() -> Outcome {
    for index in 0x3BB..ENTRIES {
        let flags = window().directory_entry(index).flags();
        let public = (0x3BB..=0x3BD).contains(&index);
        let what = |claim| alloc::format!("directory entry {index:#05x}: {claim}");
        equal(what("is a program's to read"), flags.contains(EntryFlags::USER), public)?;
        if public {
            holds(what("is present"), flags.contains(EntryFlags::PRESENT))?;
            holds(what("lacks W"), !flags.contains(EntryFlags::WRITE))?;
        }
        holds(what("has no bit 8"), !flags.contains(EntryFlags::SEALED))?;
    }
    Ok(())
}

/// Each of these addresses must be a page fault in ring 3.
fn each_is_killed(code: &[u8], addresses: impl Iterator<Item = u32>) -> Outcome {
    for address in addresses {
        let child = bare::run(code, bare::at(address))?;
        is_killed(child, PAGE_FAULT)?;
    }
    Ok(())
}

fn kernel_tables_cannot_be_read_through_the_window() -> Outcome {
    let kernel = [0x3BE, 0x3BF, 0x3C0, 0x3C1, 0x3C2, 0x3FC, 0x3FD, 0x3FE, 0x3FF];
    each_is_killed(LOAD, kernel.into_iter().map(|index| Slot::WINDOW.table_address(index)))
}

fn window_cannot_be_written() -> Outcome {
    let own_table = Slot::WINDOW.entry_address(Page::containing(bare::CODE));
    let own_entry = Slot::WINDOW.directory_entry_address(Slot::WINDOW.index());
    each_is_killed(STORE, [own_table, UVPD, own_entry, UVPD + 4092, UVPT].into_iter())
}

fn kernel_memory_cannot_be_read() -> Outcome {
    let addresses = [
        0xEF80_0000,
        0xEFC0_0000,
        0xEFFF_F000,
        0xF000_0000,
        0xF010_0000,
        0xF040_0000,
        0xFF40_0000,
        0xFF80_0000,
        0xFFBF_E000,
        0xFFC0_0000,
        0xFFFF_F000,
        0xFFFF_FFFC,
    ];
    each_is_killed(LOAD, addresses.into_iter())
}

/// The pages of a table that the kernel shows: present and read-only up to one, absent from there
/// on.
fn public_pages(start: u32) -> Result<u32, crate::expect::Why> {
    let page = |index: u32| Page::containing(start + index * PAGE_SIZE);
    let present = |index: u32| window().entry_of(page(index)).is_some();
    let pages = (0..ENTRIES).take_while(|index| present(*index)).count() as u32;
    for index in 0..pages {
        let entry = window().entry_of(page(index)).unwrap_or(Entry::ABSENT);
        holds(format_args!("{:#x} is read-only", page(index).address()), !entry.is_writable())?;
    }
    let beyond = (pages..ENTRIES).find(|index| present(*index));
    equal("a page beyond the table's end", beyond, None)?;
    Ok(pages)
}

fn process_facts_are_31_pages_and_no_more() -> Outcome {
    equal("pages of UENVS", public_pages(UENVS)?, 31)?;
    each_is_killed(LOAD, [UENVS + 31 * PAGE_SIZE, UPAGES - 4].into_iter())
}

/// The table may be mapped past the last frame, to the end of its last page; the counts there are
/// 0.
fn frame_counts_end_where_memory_does() -> Outcome {
    let pages = public_pages(UPAGES)?;
    let frames = (pages * PAGE_SIZE / 8).min(PUBLIC_FRAMES);
    let memory = libsys::machine().frames.min(PUBLIC_FRAMES);
    holds(format_args!("{frames} records hold {memory} frames"), frames >= memory)?;
    if pages < ENTRIES {
        each_is_killed(LOAD, [UPAGES + pages * PAGE_SIZE, UVPT - 4].into_iter())?;
    }
    Ok(())
}

fn public_tables_cannot_be_written() -> Outcome {
    each_is_killed(STORE, [UENVS, UENVS + 72, UPAGES, UPAGES + 4].into_iter())
}

/// The registers, directory and handler of a JOS record would tell about other processes.
fn public_facts_keep_secrets_at_zero() -> Outcome {
    libsys::paging::fault::set_handler(None)?;
    for info in info::processes() {
        equal("registers", info.registers, [0; 17])?;
        equal("link, directory, handler", (info.link, info.directory, info.handler), (0, 0, 0))?;
        equal("message fields", (info.receiving, info.value, info.from), (0, 0, 0))?;
    }
    let own = info::slot(libsys::process::id().index());
    equal("the parent of this process", own.parent, crate::memory::parent()?.bits())?;
    let (page, permissions) = (test_page(0), Permissions::WRITE);
    libsys::page_allocate(Target::Caller, page, permissions)?;
    let counted = info::frame_references(leaf(page).frame());
    equal("mappings of a fresh page", counted, Some(1))
}
