//! Transactions: lists of pages that change as long as their entries are what the caller has seen.

use libsys::abi::layout::{PAGE_SIZE, USER_TOP};
use libsys::abi::process::Target;
use libsys::abi::transaction::{COMPARED, Kind, LIST, Seen, Wish};
use libsys::paging::transaction::Stopped;
use libsys::{
    Entry, Error, Permissions, ProcessId, UserPage, machine, page_allocate, page_map, page_protect,
    process_create, range_allocate, transact,
};
use support::memory::{load, store};
use support::{Registers, gate};

use crate::expect::{Outcome, checks, equal, holds, refused};
use crate::family::{PAGE_FAULT, child, ends_well, is_killed};
use crate::memory::{bits, fresh, leaf, mappings, test_page, test_pages};

checks! {
    a_list_changes_pages_that_are_as_they_were_seen,
    a_list_stops_at_each_bit_that_is_another_one,
    a_listed_page_that_is_protected_keeps_accessed_and_dirty,
    a_list_of_256_pages_changes_all,
    an_unmap_by_a_list_leaves_marks_and_says_what_was_used,
    a_page_that_comes_twice_in_an_unmap_is_released_once,
    a_list_maps_pages_into_a_child_and_seals_them,
    a_list_shares_pages_as_a_fork_does,
    a_list_maps_pages_further_on_in_the_same_space,
    a_list_may_lie_in_a_page_that_it_unmaps,
    a_list_in_an_absent_page_is_a_fault,
    a_list_changes_nobody_elses_pages,
    a_list_adds_no_write_to_a_sealed_page,
    a_list_of_no_page_does_nothing,
}

const NONE: Permissions = Permissions::empty();
const WRITE: Permissions = Permissions::WRITE;
const COPY: Permissions = Permissions::COPY_ON_WRITE;
const SELF: Target = Target::Caller;
/// More pages than are flushed one by one.
const MANY: u32 = 100;

const fn wish(kind: Kind, drop: Permissions, add: Permissions) -> Wish {
    Wish { kind, drop, add, distance: 0 }
}

/// Kinds in word 2.
const UNMAP_WORD: u32 = 4;
const MAP_WORD: u32 = 8;

const UNMAP: Wish = wish(Kind::Unmap, NONE, NONE);
const TAKE_WRITE: Wish = wish(Kind::Protect, WRITE, NONE);
const FORK: Wish = wish(Kind::MapBoth, WRITE, COPY);

/// A page with its entry as it is.
fn seen(page: UserPage) -> Seen {
    Seen::new(page, leaf(page))
}

/// The same of the test pages from the first on.
fn seen_from<const PAGES: usize>(first: u32) -> [Seen; PAGES] {
    core::array::from_fn(|index| seen(test_page(first + index as u32)))
}

/// A call with this word 2. Returns `eax` and how many pages were done.
fn call(list: &[Seen], change: u32) -> (u32, u32) {
    call_at(list.as_ptr().expose_provenance() as u32, list.len() as u32, change)
}

fn call_at(list: u32, pages: u32, change: u32) -> (u32, u32) {
    let raw = Registers { eax: 86, ebx: list, esi: pages, edi: change, ..Default::default() };
    let answer = gate::interrupt(raw);
    (answer.eax, answer.ebx)
}

fn stops(list: &[Seen], wish: Wish, done: usize, error: Error) -> Outcome {
    equal("where it stops", transact(SELF, list, wish), Err(Stopped { error, done }))
}

fn a_list_changes_pages_that_are_as_they_were_seen() -> Outcome {
    let pages = [0, 5, 1023, 1024].map(test_page);
    for index in [0, 5, 1023, 1024] {
        fresh(index)?;
    }
    let list = pages.map(seen);
    equal("A and D", transact(SELF, &list, wish(Kind::Protect, WRITE, COPY))?, 0)?;
    for page in pages {
        equal("flags", bits(page), 0x805)?;
    }
    // The entries are not what the list says any more.
    stops(&list, UNMAP, 0, Error::Busy)?;
    transact(SELF, &pages.map(seen), UNMAP)?;
    equal("entries", pages.map(|page| leaf(page).bits()), [0; 4])
}

fn a_list_stops_at_each_bit_that_is_another_one() -> Outcome {
    for index in 0..3 {
        fresh(index)?;
    }
    for bit in (0..32).map(|index| 1 << index) {
        let mut list: [Seen; 3] = seen_from(0);
        list[1].entry ^= bit;
        let flips = wish(Kind::Protect, NONE, NONE);
        if bit & COMPARED == 0 {
            transact(SELF, &list, flips)?;
        } else {
            stops(&list, flips, 1, Error::Busy)?;
        }
    }
    let mut list: [Seen; 3] = seen_from(0);
    for wrong in [1, 4, PAGE_SIZE - 1] {
        list[1].page = test_page(1).address() + wrong;
        equal("result and pages", call(&list, 0), (0, 1))?;
        let result = Error::check(call(&list[1..], 0).0);
        refused("no address of a page", result, Error::InvalidArgument)?;
    }
    Ok(())
}

fn a_listed_page_that_is_protected_keeps_accessed_and_dirty() -> Outcome {
    for index in 0..3 {
        fresh(index)?;
    }
    store(test_page(0).address(), 7);
    load(test_page(1).address());
    let list: [Seen; 3] = seen_from(0);
    equal("A and D", transact(SELF, &list, TAKE_WRITE)?, 0x60)?;
    equal("flags", [0, 1, 2].map(|index| bits(test_page(index))), [0x065, 0x025, 0x005])?;
    let found = page_protect(SELF, test_page(0), libsys::call::Change::NONE)?;
    holds("the write is not forgotten", found.is_dirty())
}

fn a_list_of_256_pages_changes_all() -> Outcome {
    const PAGES: usize = LIST as usize;
    for first in (0..LIST).step_by(64) {
        range_allocate(SELF, test_pages(first, 64)?, WRITE)?;
    }
    // Translations with W, which must go.
    (0..LIST).for_each(|index| store(test_page(index).address(), index));
    transact(SELF, &seen_from::<PAGES>(0), TAKE_WRITE)?;
    let writer = child(|| {
        store(test_page(LIST - 1).address(), 0);
        Ok(())
    })?;
    is_killed(writer, PAGE_FAULT)?;
    let list: [Seen; PAGES] = seen_from(0);
    let free = machine().free;
    equal("A and D", transact(SELF, &list, UNMAP)?, 0x60)?;
    holds("absent", (0..LIST).all(|index| leaf(test_page(index)) == Entry::ABSENT))?;
    equal("free frames", machine().free, free + LIST)?;
    let result = Error::check(call(&[Seen::NONE; PAGES + 1], UNMAP_WORD).0);
    refused("257 pages", result, Error::InvalidArgument)
}

fn an_unmap_by_a_list_leaves_marks_and_says_what_was_used() -> Outcome {
    fresh(0)?;
    load(fresh(1)?.address());
    let free = machine().free;
    // The last page is absent.
    let list: [Seen; 3] = seen_from(0);
    equal("A and D", transact(SELF, &list, wish(Kind::Unmap, NONE, COPY))?, 0x20)?;
    equal("entries", [0, 1, 2].map(|index| leaf(test_page(index)).bits()), [0x800; 3])?;
    equal("free frames", machine().free, free + 2)?;
    transact(SELF, &seen_from::<3>(0), UNMAP)?;
    equal("entries", [0, 1, 2].map(|index| leaf(test_page(index)).bits()), [0; 3])
}

fn a_page_that_comes_twice_in_an_unmap_is_released_once() -> Outcome {
    for pages in [2, MANY] {
        range_allocate(SELF, test_pages(0, pages.min(64))?, WRITE)?;
        let free = machine().free;
        let mut list: [Seen; MANY as usize] = seen_from(0);
        let list = &mut list[..pages as usize];
        // As its entry might look while it waits for the flush.
        list[1] = Seen { page: list[0].page, entry: list[0].entry & !1 };
        stops(list, UNMAP, 1, Error::Busy)?;
        equal("entry", leaf(test_page(0)).bits(), 0)?;
        equal("free frames", machine().free, free + 1)?;
    }
    Ok(())
}

fn a_list_maps_pages_into_a_child_and_seals_them() -> Outcome {
    let other = process_create()?;
    store(fresh(0)?.address(), 40);
    store(fresh(1)?.address(), 41);
    let list: [Seen; 2] = seen_from(0);
    equal("A and D", transact(other, &list, wish(Kind::Map, WRITE, COPY))?, 0)?;
    equal("the caller's", bits(test_page(1)), 0x067)?;
    equal("mappings", mappings(test_page(1)), Some(2))?;
    for index in 0..2 {
        page_map((other, test_page(index)), (SELF, test_page(8)), NONE)?;
        equal("sealed", bits(test_page(8)), 0x105)?;
        equal("a word", load(test_page(8).address()), 40 + index)?;
    }
    libsys::process::end(other)?;
    Ok(())
}

fn a_list_shares_pages_as_a_fork_does() -> Outcome {
    let other = process_create()?;
    range_allocate(SELF, test_pages(0, 64)?, WRITE)?;
    range_allocate(SELF, test_pages(64, MANY - 64)?, WRITE)?;
    (0..MANY).for_each(|index| store(test_page(index).address(), index));
    let list: [Seen; MANY as usize] = seen_from(0);
    transact(other, &list, FORK)?;
    for index in 0..MANY {
        equal("flags", bits(test_page(index)), 0x865)?;
        equal("mappings", mappings(test_page(index)), Some(2))?;
    }
    // The write faults, though the page was written a moment ago.
    store(test_page(3).address(), 99);
    page_map((other, test_page(3)), (SELF, test_page(200)), NONE)?;
    equal("the child's page", load(test_page(200).address()), 3)?;
    libsys::process::end(other)?;
    Ok(())
}

fn a_list_maps_pages_further_on_in_the_same_space() -> Outcome {
    for index in 0..4 {
        store(fresh(index)?.address(), 50 + index);
    }
    let further = |distance: u32| Wish { distance, ..wish(Kind::Map, NONE, NONE) };
    transact(SELF, &seen_from::<4>(0), further(1024))?;
    let words = [0, 1, 2, 3].map(|index| load(test_page(1024 + index).address()));
    equal("words, a table further on", words, [50, 51, 52, 53])?;
    // Page 0 takes the place of page 1, so page 1 is another one than was seen.
    stops(&seen_from::<4>(0), further(1), 1, Error::Busy)?;
    equal("mappings", mappings(test_page(0)), Some(3))?;
    let back = further(0xF_FFFF);
    transact(SELF, &seen_from::<2>(2), back)?;
    let words = [0, 1, 2, 3].map(|index| load(test_page(index).address()));
    equal("words, a page back", words, [50, 52, 53, 53])?;
    let to_the_end = (USER_TOP - test_page(0).address()) | MAP_WORD;
    let result = Error::check(call(&seen_from::<1>(0), to_the_end).0);
    refused("a destination at UTOP", result, Error::InvalidArgument)
}

fn a_list_may_lie_in_a_page_that_it_unmaps() -> Outcome {
    for index in 0..3 {
        fresh(index)?;
    }
    let at = test_page(0).address();
    for index in 0..3 {
        let page = test_page(index);
        store(at + 8 * index, page.address());
        store(at + 8 * index + 4, leaf(page).bits());
    }
    equal("result and pages", call_at(at, 3, UNMAP_WORD), (0, 3))?;
    equal("entries", [0, 1, 2].map(|index| leaf(test_page(index)).bits()), [0; 3])
}

fn a_list_in_an_absent_page_is_a_fault() -> Outcome {
    fresh(0)?;
    // The second half of the list lies in the next page.
    let at = test_page(0).address() + PAGE_SIZE - 8;
    store(at, test_page(0).address());
    store(at + 4, leaf(test_page(0)).bits());
    let other = child(|| {
        call_at(at, 2, UNMAP_WORD);
        Ok(())
    })?;
    is_killed(other, PAGE_FAULT)?;
    let result = Error::check(call_at(USER_TOP - 4, 1, UNMAP_WORD).0);
    refused("a list that ends above UTOP", result, Error::Fault)?;
    let result = Error::check(call_at(at + 2, 1, UNMAP_WORD).0);
    refused("a list at an odd address", result, Error::InvalidArgument)?;
    equal("mappings", mappings(test_page(0)), Some(1))
}

fn a_list_changes_nobody_elses_pages() -> Outcome {
    fresh(0)?;
    let own = libsys::process::id();
    let list: [Seen; 1] = seen_from(0);
    let other = child(move || {
        let refuses = |process: ProcessId, wish| {
            refused("not its child", transact(process, &list, wish), Error::NoSuchProcess)
        };
        refuses(own, UNMAP)?;
        refuses(own, FORK)?;
        refuses(own, wish(Kind::Map, WRITE, NONE))
    })?;
    ends_well(other)?;
    equal("mappings", mappings(test_page(0)), Some(1))?;
    refused("a stale id", transact(other, &list, UNMAP), Error::NoSuchProcess)
}

fn a_list_adds_no_write_to_a_sealed_page() -> Outcome {
    let other = process_create()?;
    page_allocate(other, test_page(0), WRITE)?;
    page_map((other, test_page(0)), (SELF, test_page(1)), NONE)?;
    page_allocate(SELF, test_page(0), NONE)?;
    load(test_page(1).address());
    let list: [Seen; 2] = seen_from(0);
    stops(&list, wish(Kind::Protect, NONE, WRITE), 1, Error::NotPermitted)?;
    equal("flags", [0, 1].map(|index| bits(test_page(index))), [0x007, 0x125])?;
    libsys::process::end(other)?;
    transact(SELF, &seen_from::<2>(0), wish(Kind::Protect, NONE, WRITE))?;
    equal("the last mapping", bits(test_page(1)), 0x027)
}

fn a_list_of_no_page_does_nothing() -> Outcome {
    equal("result and pages", call(&[], UNMAP_WORD), (0, 0))?;
    // Unmapping has nothing to drop, and only a map has a distance.
    for change in [UNMAP_WORD | 2, UNMAP_WORD | PAGE_SIZE, PAGE_SIZE, 1, 0x10, 0x100] {
        let result = Error::check(call(&[], change).0);
        refused("a change", result, Error::InvalidArgument)?;
    }
    Ok(())
}
