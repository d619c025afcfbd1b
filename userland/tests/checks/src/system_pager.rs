//! The pager that init starts: it serves what a region allows, refuses the rest, and outlives bad
//! clients.

use alloc::vec;
use alloc::vec::Vec;

use libsys::abi::call::PageTransfer;
use libsys::abi::layout::{DEVICE_MEMORY, ENTRIES, PAGE_SIZE};
use libsys::paging::fixed_pages::Scratch;
use libsys::paging::regions::{HEAP_END, HEAP_START};
use libsys::process::{Command, SpawnError, end, id, wait};
use libsys::service::pager::{Registered, Request, Statistics, put_name};
use libsys::service::tables::tables_of;
use libsys::{
    Entry, EntryFlags, Error, Page, Permissions, ProcessId, fault_forward, identity, message_call,
    process_create, window,
};

use crate::expect::{Outcome, checks, equal, holds};
use crate::family::{PAGE_FAULT, child, ends_well, idle_child, is_killed};
use crate::memory::{fresh, parent};
use support::memory::{load, store};

checks! {
    the_pager_gives_zeros_at_first_touch,
    the_pager_loads_a_program_page_by_page,
    the_pager_refuses_what_no_region_allows,
    the_pager_grows_the_stack_down_to_its_guard,
    a_half_touched_program_forks,
    the_pager_answers_nonsense_with_an_error,
    the_pager_believes_only_a_parent,
    the_pager_takes_a_limit_from_a_client_or_its_parent,
    the_pager_shows_of_a_client_what_the_client_sees,
    a_program_that_does_not_exist_leaves_nothing_behind,
}

const PAGE: usize = 4096;

fn pager() -> Result<ProcessId, Error> {
    identity().pager.ok_or(Error::NotReceiving)
}

fn statistics() -> Result<Statistics, Error> {
    let reply = message_call(pager()?, Request::Statistics.encode(), None)?;
    Ok(Statistics::decode(reply.words))
}

/// A page of the heap that no allocation has reached.
const fn far(index: u32) -> u32 {
    HEAP_END - 0x10_0000 + index * 0x1000
}

fn the_pager_gives_zeros_at_first_touch() -> Outcome {
    let before = statistics()?;
    for index in 0..10 {
        equal("what is read first", load(far(index) + 4 * index), 0)?;
        store(far(index), index);
    }
    let after = statistics()?;
    let given = after.zeroed.wrapping_sub(before.zeroed);
    holds("ten pages and a little more", (10..14).contains(&given))?;
    equal("pages of programs", after.loaded, before.loaded)
}

fn the_pager_loads_a_program_page_by_page() -> Outcome {
    let before = statistics()?;
    let child = Command::new("walk").args(&["0"]).spawn().map_err(unexpected)?;
    ends_well(child)?;
    let loaded = statistics()?.loaded.wrapping_sub(before.loaded);
    holds(format_args!("{loaded} pages are some"), (2..100).contains(&loaded))
}

/// The whole window of the caller, by the pager's words and by loads. A and D may be set meanwhile.
fn the_pager_shows_of_a_client_what_the_client_sees() -> Outcome {
    let Some(asked) = tables_of(id()) else { return holds("the caller is a client", false) };
    store(far(0), 1);
    let by_hardware = EntryFlags::ACCESSED | EntryFlags::DIRTY;
    let visible = |entry: Entry| entry.bits() & !by_hardware.bits();
    let own = window();
    let (first, behind) = (Page::containing(0), Page::containing(DEVICE_MEMORY));
    let mut pages = 0;
    for (page, entry) in own.present(first, behind) {
        let shown = asked.entry_of(page).map(visible);
        equal(format_args!("the entry of {:08x}", page.address()), shown, Some(visible(entry)))?;
        pages += 1;
    }
    holds("there are pages", pages > 0)?;
    equal("pages that the pager shows", asked.present(first, behind).count(), pages)?;
    for index in 0..ENTRIES {
        let (shown, real) = (asked.directory_entry(index), own.directory_entry(index));
        equal(format_args!("directory entry {index:03x}"), visible(shown), visible(real))?;
    }
    holds("nothing was missing", !asked.reader().is_lost())?;
    holds("init is no client", tables_of(ProcessId::first(0)).is_none())?;
    holds("nor is the pager", tables_of(pager()?).is_none())?;
    let child = idle_child()?;
    holds("a forked child is one", tables_of(child).is_some())?;
    end(child)?;
    holds("and none when it has ended", tables_of(child).is_none())
}

fn unexpected(error: SpawnError) -> crate::expect::Why {
    crate::expect::Why::new(alloc::format!("the program does not start: {error}"))
}

fn the_pager_refuses_what_no_region_allows() -> Outcome {
    // Below and above the heap; page 0; between the program and the heap; below and above the
    // stack.
    for address in [HEAP_START - 4, HEAP_END, 0, 0x0F00_0000, 0xEEA0_0000, 0xEEBF_E000] {
        for touch in [|address| _ = load(address), |address| store(address, 1)] {
            let child = child(|| {
                touch(address);
                Ok(())
            })?;
            is_killed(child, PAGE_FAULT)?;
        }
    }
    // Program text may be read.
    let text = child(|| {
        store(libsys::abi::layout::PROGRAM_TEXT + 0x20, 0);
        Ok(())
    })?;
    is_killed(text, PAGE_FAULT)
}

fn the_pager_grows_the_stack_down_to_its_guard() -> Outcome {
    const LOWEST: u32 = libsys::abi::format::elf::STACK_START + 0x1000;
    store(LOWEST, 5);
    equal("the lowest page", load(LOWEST), 5)?;
    let child = child(|| {
        load(LOWEST - 4);
        Ok(())
    })?;
    is_killed(child, PAGE_FAULT)
}

/// Touched pages are copied; the pager gives each process its own of the others.
fn a_half_touched_program_forks() -> Outcome {
    const PAGES: usize = 64;
    let mut data: Vec<u8> = vec![0; PAGES * PAGE];
    for page in (0..PAGES).step_by(2) {
        data[page * PAGE..][..PAGE].fill(page as u8 | 0x80);
    }
    for index in (0..20).step_by(2) {
        store(far(index), index);
    }
    let check = |data: &[u8]| {
        for (page, bytes) in data.chunks(PAGE).enumerate() {
            let expected = if page % 2 == 0 { page as u8 | 0x80 } else { 0 };
            let wrong = bytes.iter().find(|byte| **byte != expected);
            equal(format_args!("page {page}"), wrong, None)?;
        }
        for index in 0..20 {
            let expected = if index % 2 == 0 { index } else { 0 };
            equal("far", load(far(index)), expected)?;
        }
        Ok(())
    };
    let child = child(|| {
        check(&data)?;
        // And its child, after it has written its own bytes.
        data.fill(7);
        let grandchild = child(|| {
            let wrong = data.iter().find(|byte| **byte != 7);
            equal("what its parent wrote", wrong, None)?;
            equal("far", load(far(2)), 2)
        })?;
        ends_well(grandchild)
    })?;
    ends_well(child)?;
    check(&data)
}

fn the_pager_answers_nonsense_with_an_error() -> Outcome {
    let not_understood = Registered::NotUnderstood.encode();
    for words in [
        [0; 4],
        [u32::MAX; 4],
        [1, 0, 0, 0],
        [3, 4, 5, 6],
        [1, 0x1000, 7, 0],
        [0x5245_4144, 0, 0, 0],
    ] {
        equal("reply", message_call(pager()?, words, None)?.words, not_understood)?;
    }
    // A page that the pager has not asked for, and a writable one.
    let page = fresh(0)?;
    for word in 0..PAGE_SIZE / 4 {
        store(page.address() + 4 * word, u32::MAX);
    }
    let transfer = PageTransfer { page, send: Some(Permissions::WRITE), accept: true };
    equal("reply", message_call(pager()?, [9; 4], Some(transfer))?.words, not_understood)?;
    equal("the page is back", crate::memory::mappings(page), Some(1))?;
    // A message that wants no answer, and a fault that did not happen.
    libsys::send(pager()?, [0; 4], None)?;
    let made_up = fault_forward(0, libsys::abi::fault::Access::all(), 0);
    equal("a fault that is none", made_up, Err(Error::Refused))?;
    equal("it serves", load(far(100)), 0)
}

/// Asks the pager to serve `child` as the program `name`.
fn register(child: ProcessId, name: Option<&str>) -> Result<Registered, Error> {
    let mut page = Scratch::new()?;
    if let Some(name) = name {
        put_name(page.bytes(), name).ok_or(Error::InvalidArgument)?;
    }
    let transfer = name.map(|_| Scratch::SHOWN);
    let reply = message_call(pager()?, Request::Register { child }.encode(), transfer)?;
    Ok(Registered::decode(reply.words))
}

fn the_pager_believes_only_a_parent() -> Outcome {
    let not_a_client = Registered::NotAClient;
    for stranger in [parent()?, pager()?, identity().id, crate::memory::stale_id()?] {
        equal("for a stranger", register(stranger, Some("walk"))?, not_a_client)?;
    }
    let child = process_create()?;
    equal("without a name", register(child, None)?, Registered::NoSuchProgram)?;
    equal("an unknown name", register(child, Some("nonesuch"))?, Registered::NoSuchProgram)?;
    libsys::set_pager(child, None)?;
    equal("a child of no pager", register(child, Some("walk"))?, not_a_client)?;
    end(child)?;
    // A sibling's child.
    let sibling = idle_child()?;
    let thief = crate::family::child(|| {
        equal("a sibling", register(sibling, Some("walk"))?, not_a_client)
    })?;
    ends_well(thief)?;
    end(sibling)?;
    Ok(())
}

fn the_pager_takes_a_limit_from_a_client_or_its_parent() -> Outcome {
    let limit = |client| -> Result<u32, Error> {
        let request = Request::SetLimit { client, pages: 0 };
        Ok(message_call(pager()?, request.encode(), None)?.words[0])
    };
    equal("its own", limit(identity().id)?, 0)?;
    let child = idle_child()?;
    equal("its child's", limit(child)?, 0)?;
    let sibling = crate::family::child(|| equal("a sibling's", limit(child)?, 1))?;
    ends_well(sibling)?;
    end(child)?;
    equal("a stranger's", limit(parent()?)?, 1)
}

fn a_program_that_does_not_exist_leaves_nothing_behind() -> Outcome {
    // The first attempts map what this program itself needs for an attempt: code, heap, the page
    // table of the scratch page.
    fail_to_spawn()?;
    let (frames, processes) = (libsys::machine().free, libsys::machine().processes);
    fail_to_spawn()?;
    equal("processes", libsys::machine().processes, processes)?;
    equal("free frames", libsys::machine().free, frames)?;
    equal("nobody to wait for", wait(None), Err(Error::NoChild))
}

fn fail_to_spawn() -> Outcome {
    for name in ["nonesuch", "", "bin/walk", "../walk"] {
        let result = Command::new(name).spawn();
        equal(name, result, Err(SpawnError::NoSuchProgram))?;
    }
    let long = "x".repeat(3000);
    let result = Command::new("walk").args(&[&long]).spawn();
    equal("too long", result, Err(SpawnError::ArgumentsTooLong))
}
