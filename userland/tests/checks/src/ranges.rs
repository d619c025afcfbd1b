//! The range calls: what they do to each page, and how they report the pages that they have done.

use libsys::abi::transaction::{Kind, LIST, Operation, Wish};
use libsys::call::{Change, Partial};
use libsys::paging::transaction::List;
use libsys::{
    Error, PageRange, Permissions, Target, machine, page_allocate, page_map, page_unmap,
    process_create, range_allocate, range_protect, range_share, range_unmap, transact,
};

use crate::expect::{Outcome, checks, equal, refused};
use crate::memory::{bits, fresh, leaf, mappings, test_page, test_pages};
use support::memory::{load, store};

checks! {
    range_allocate_maps_up_to_64_zeroed_pages,
    range_calls_walk_up_to_1024_pages,
    range_share_maps_what_is_present_and_skips_the_rest,
    range_share_never_adds_write,
    range_share_may_change_both_sides,
    range_protect_tells_accessed_from_dirty_page_by_page,
    range_protect_stops_at_a_sealed_page_and_says_where,
    range_unmap_leaves_marks_only_where_a_page_was,
    a_range_over_absent_tables_costs_nothing,
    a_list_changes_pages_that_are_as_they_were_seen,
    a_list_puts_another_page_in_the_place_of_one_that_was_used,
}

const NONE: Permissions = Permissions::empty();
const WRITE: Permissions = Permissions::WRITE;
const SELF: Target = Target::Caller;

/// A change that only drops or only adds.
const fn change(drop: Permissions, add: Permissions) -> Change {
    Change { drop, add }
}

fn range_allocate_maps_up_to_64_zeroed_pages() -> Outcome {
    // Across the border between two page tables.
    let range = test_pages(1024 - 30, 64)?;
    equal("pages", range_allocate(SELF, range, WRITE)?, 64)?;
    for index in 0..64 {
        equal("flags", bits(range.page(index)), 0x007)?;
        equal("a word", load(range.page(index).address() + 4 * index), 0)?;
    }
    refused("65 pages", range_allocate(SELF, test_pages(0, 65)?, WRITE), Error::InvalidArgument)
}

fn range_calls_walk_up_to_1024_pages() -> Outcome {
    let last = PageRange::new(test_page(1), 1024)?;
    equal("unmap", range_unmap(SELF, last, NONE)?, 1024)?;
    equal("protect", range_protect(SELF, last, Change::NONE)?.pages, 1024)?;
    equal("share", range_share((SELF, last), (SELF, test_page(2048)), Change::NONE, false)?, 1024)
}

fn range_share_maps_what_is_present_and_skips_the_rest() -> Outcome {
    let child = process_create()?;
    for index in [0, 3, 1024] {
        store(fresh(index)?.address(), 100 + index);
    }
    page_unmap(SELF, test_page(1), Permissions::COPY_ON_WRITE)?;
    let walked =
        range_share((SELF, test_pages(0, 1024)?), (child, test_page(5)), Change::NONE, false)?;
    equal("pages walked", walked, 1024)?;
    for (index, expected) in [(0, Some(2)), (3, Some(2)), (1024, Some(1))] {
        equal("mappings", mappings(test_page(index)), expected)?;
    }
    page_map((child, test_page(5 + 3)), (SELF, test_page(2000)), NONE)?;
    equal("the fourth page, in the child", load(test_page(2000).address()), 103)?;
    let absent = page_map((child, test_page(5 + 1)), (SELF, test_page(2001)), NONE);
    refused("a page with marks alone", absent, Error::NotMapped)?;
    libsys::process::end(child)?;
    Ok(())
}

fn range_share_never_adds_write() -> Outcome {
    page_allocate(SELF, test_page(0), NONE)?;
    let raw = support::Registers {
        eax: 38 | WRITE.bits() << 8,
        ecx: test_page(0).address(),
        esi: test_page(1).address(),
        edi: 1,
        ..Default::default()
    };
    let result = Error::check(support::gate::interrupt(raw).eax);
    refused("W among the bits to add", result, Error::InvalidArgument)?;
    range_share((SELF, test_pages(0, 1)?), (SELF, test_page(1)), Change::NONE, false)?;
    equal("the second mapping", bits(test_page(1)), 0x005)
}

/// What fork does, by single calls.
fn range_share_may_change_both_sides() -> Outcome {
    let child = process_create()?;
    store(fresh(0)?.address(), 1);
    fresh(1)?;
    let fork = change(WRITE, Permissions::COPY_ON_WRITE);
    equal("pages", range_share((SELF, test_pages(0, 2)?), (child, test_page(0)), fork, true)?, 2)?;
    equal("a page that was written", bits(test_page(0)), 0x865)?;
    equal("a page that was not", bits(test_page(1)), 0x805)?;
    page_map((child, test_page(0)), (SELF, test_page(9)), Permissions::COPY_ON_WRITE)?;
    // The page came from another space without W.
    equal("the child's, mapped back", bits(test_page(9)), 0x905)?;
    libsys::process::end(child)?;
    equal("mappings", mappings(test_page(1)), Some(1))
}

fn range_protect_tells_accessed_from_dirty_page_by_page() -> Outcome {
    range_allocate(SELF, test_pages(0, 40)?, WRITE)?;
    for index in [0, 5, 31, 39] {
        store(test_page(index).address(), 1);
    }
    load(test_page(7).address());
    let found = range_protect(SELF, test_pages(0, 40)?, change(WRITE, Permissions::COPY_ON_WRITE))?;
    equal("pages", found.pages, 40)?;
    equal("all together", found.marks, 0x60)?;
    equal("accessed", found.accessed, 1 << 0 | 1 << 5 | 1 << 7 | 1 << 31)?;
    equal("dirty", found.dirty, 1 << 0 | 1 << 5 | 1 << 31)?;
    for index in [0, 7, 39] {
        equal("flags afterwards", bits(test_page(index)), 0x805)?;
    }
    // A process may give W back to its own page.
    range_protect(SELF, test_pages(0, 40)?, change(Permissions::COPY_ON_WRITE, WRITE))?;
    equal("W is back", bits(test_page(0)), 0x007)?;
    store(test_page(0).address(), 2);
    equal("and works", load(test_page(0).address()), 2)
}

fn range_protect_stops_at_a_sealed_page_and_says_where() -> Outcome {
    let child = process_create()?;
    for index in 0..4 {
        page_allocate(SELF, test_page(index), NONE)?;
    }
    page_allocate(child, test_page(0), WRITE)?;
    page_map((child, test_page(0)), (SELF, test_page(2)), NONE)?;
    let result = range_protect(SELF, test_pages(0, 4)?, change(NONE, WRITE));
    equal("where it stopped", result, Err(Partial { error: Error::NotPermitted, done: 2 }))?;
    let flags = [0, 1, 2, 3].map(|index| bits(test_page(index)));
    equal("flags", flags, [0x007, 0x007, 0x105, 0x005])?;
    libsys::process::end(child)?;
    Ok(())
}

fn range_unmap_leaves_marks_only_where_a_page_was() -> Outcome {
    fresh(0)?;
    fresh(2)?;
    let free = machine().free;
    equal("pages", range_unmap(SELF, test_pages(0, 4)?, Permissions::COPY_ON_WRITE)?, 4)?;
    let left = [0, 1, 2, 3].map(|index| leaf(test_page(index)).bits());
    equal("entries", left, [0x800, 0, 0x800, 0])?;
    equal("free frames", machine().free, free + 2)?;
    range_unmap(SELF, test_pages(0, 4)?, NONE)?;
    equal("marks are taken away, too", leaf(test_page(0)).bits(), 0)
}

fn a_range_over_absent_tables_costs_nothing() -> Outcome {
    let free = machine().free;
    let range = test_pages(20_000, 1024)?;
    range_unmap(SELF, range, Permissions::COPY_ON_WRITE)?;
    range_protect(SELF, range, change(NONE, WRITE))?;
    range_share((SELF, range), (SELF, test_page(30_000)), Change::NONE, false)?;
    equal("free frames", machine().free, free)
}

const fn wish(kind: Kind, drop: Permissions, add: Permissions) -> Wish {
    Wish { kind, drop, add, both: false }
}

fn a_list_changes_pages_that_are_as_they_were_seen() -> Outcome {
    let pages = [0, 5, 1023, 1024].map(test_page);
    for page in [0, 5, 1023, 1024] {
        fresh(page)?;
    }
    let mut words = [0; 32];
    let mut list = List::new(&mut words);
    let seen = pages.map(leaf);
    for (page, seen) in pages.into_iter().zip(seen) {
        let read_only = wish(Kind::Protect, WRITE, Permissions::SHARED);
        equal("room", list.add(read_only, page, page, seen), Ok(()))?;
    }
    equal("first", transact(SELF, list.words())?.bits(), 0)?;
    for page in pages {
        equal("flags", bits(page), 0x405)?;
    }
    // The entries are not as the list says any more.
    let stopped = Partial { error: Error::Busy, done: 0 };
    equal("second", transact(SELF, list.words()), Err(stopped))?;
    let long = [0; LIST as usize + 1];
    refused("1,025 words", transact(SELF, &long), Error::InvalidArgument)
}

fn a_list_puts_another_page_in_the_place_of_one_that_was_used() -> Outcome {
    let [old, new] = [test_page(0), test_page(1)];
    fresh(0)?;
    fresh(1)?;
    store(old.address(), 1);
    store(new.address(), 2);
    let (free, unmap, map) =
        (machine().free, wish(Kind::Unmap, NONE, NONE), wish(Kind::Map, NONE, NONE));
    let mut words = [0; 32];
    let mut list = List::new(&mut words);
    equal("room", list.add(unmap, old, old, leaf(old)), Ok(()))?;
    equal("room", list.add(map, old, new, leaf(new)), Ok(()))?;
    equal("words", list.words().len(), 2 * (Operation::HEAD + 2))?;
    equal("A and D", transact(SELF, list.words())?.bits(), 0x60)?;
    equal("the word", load(old.address()), 2)?;
    equal("mappings", mappings(old), Some(2))?;
    equal("free frames", machine().free, free + 1)
}
