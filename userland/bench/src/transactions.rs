//! What one page of a transaction costs: of scattered pages, and of pages that follow each other.
//!
//! The list is written before; `protect_scattered_listed` also counts reading the entries through
//! the window and writing the list.

use libsys::abi::transaction::{Kind, Operation};
use libsys::paging::transaction::{List, Wish};
use libsys::{Entry, Permissions, Target, UserPage, page_allocate, transact, window};

use crate::stopwatch::{Outcome, repeat};
use crate::test_pages::{allocate, test_page};

/// Pages of a transaction.
const PAGES: u32 = 100;
/// From one scattered page to the next.
const STRIDE: u32 = 7;
/// Where pages are mapped: from this test page on, under another table.
const SECOND: u32 = 1024;

const READ_ONLY: Wish =
    Wish { kind: Kind::Protect, drop: Permissions::WRITE, add: Permissions::empty(), both: false };
const WRITABLE: Wish =
    Wish { kind: Kind::Protect, drop: Permissions::empty(), add: Permissions::WRITE, both: false };
const UNMAP: Wish =
    Wish { kind: Kind::Unmap, drop: Permissions::empty(), add: Permissions::empty(), both: false };
const MAP: Wish =
    Wish { kind: Kind::Map, drop: Permissions::empty(), add: Permissions::empty(), both: false };

/// `transact_protect`, `transact_protect_run`, `transact_unmap`, `transact_map`,
/// `protect_scattered_listed`, a page.
pub fn run() -> Outcome {
    allocate(Target::Caller, PAGES * STRIDE)?;
    page_allocate(Target::Caller, test_page(SECOND), Permissions::WRITE)?;
    let make = |list: &List<'_>| transact(Target::Caller, list.words());
    let (mut words, mut others) = ([0; 1024], [0; 1024]);
    let protected = repeat(100, |watch| {
        for wish in [READ_ONLY, WRITABLE] {
            let list = scattered(&mut words, wish, 0);
            watch.time(|| make(&list))?;
        }
        Ok(())
    })?;
    protected.print("transact_protect", PAGES);
    let protected = repeat(100, |watch| {
        for wish in [READ_ONLY, WRITABLE] {
            let length = run_of(&mut words, wish);
            watch.time(|| transact(Target::Caller, &words[..length]))?;
        }
        Ok(())
    })?;
    protected.print("transact_protect_run", PAGES);
    let mapped = repeat(100, |watch| {
        let list = scattered(&mut words, MAP, SECOND);
        watch.time(|| make(&list))?;
        make(&scattered(&mut others, UNMAP, SECOND))?;
        Ok(())
    })?;
    mapped.print("transact_map", PAGES);
    let unmapped = repeat(100, |watch| {
        make(&scattered(&mut words, MAP, SECOND))?;
        let list = scattered(&mut others, UNMAP, SECOND);
        watch.time(|| make(&list))?;
        Ok(())
    })?;
    unmapped.print("transact_unmap", PAGES);
    let listed = repeat(100, |watch| {
        watch.time(|| make(&scattered(&mut words, READ_ONLY, 0)))?;
        make(&scattered(&mut words, WRITABLE, 0))?;
        Ok(())
    })?;
    listed.print("protect_scattered_listed", PAGES);
    Ok(())
}

/// A list of all scattered pages, `second` pages further on. Sources are the pages themselves.
fn scattered<'w>(words: &'w mut [u32], wish: Wish, second: u32) -> List<'w> {
    let mut list = List::new(words);
    for index in (0..PAGES).map(|index| index * STRIDE) {
        let (page, source) = (test_page(second + index), test_page(index));
        let seen = if wish.kind == Kind::Map { source } else { page };
        let entry = window().entry_of(seen.page()).unwrap_or(Entry::ABSENT);
        let _ = list.add(wish, page, source, entry);
    }
    list
}

/// One operation on the first test pages, which follow each other. Returns how many words it takes.
fn run_of(words: &mut [u32], wish: Wish) -> usize {
    let (page, source) = (test_page(0), UserPage::known(0));
    let operation = Operation { wish, page, source, pages: PAGES, scattered: false };
    let (head, rest) = words.split_at_mut(Operation::HEAD);
    head.copy_from_slice(&operation.words());
    for (word, index) in rest.iter_mut().zip(0..PAGES) {
        *word = window().entry_of(test_page(index).page()).map_or(0, Entry::bits);
    }
    Operation::HEAD + PAGES as usize
}
