//! What a fork costs: of a small process (this one, as it was spawned), for each further page that
//! was written, and of memory as real programs have it.

use libsys::call::Change;
use libsys::paging::fork::{Fork, fork, unshare};
use libsys::process::{exit, wait};
use libsys::{Permissions, Target, page_protect, page_unmap, window};

use crate::stopwatch::{Failure, Outcome, Samples, print_size, repeat};
use crate::test_pages::{allocate, protect, test_page};
use crate::touch;

/// Further pages: one page table of them.
const PAGES: u32 = 1024;

/// The change that drops fork's mark from a page of which this process is the last owner.
pub const UNMARKED: Change = Change { drop: Permissions::COPY_ON_WRITE, add: Permissions::WRITE };

/// The change that has a fork share a page as it is.
const SHARED: Change = Change { drop: Permissions::empty(), add: Permissions::SHARED };

/// `fork_small`, `fork_per_page`, `fork_wait_per_page`, `fork_alternating_per_page`,
/// `fork_sparse_per_page`.
pub fn run() -> Outcome {
    let (small, small_whole) = (alone(0, 50)?, whole(0)?);
    print_size("small_process", window().present_user().count(), "pages");
    small_whole.print("fork_small", 1);
    allocate(Target::Caller, PAGES)?;
    alone(PAGES, 20)?.beyond(&small).print("fork_per_page", PAGES);
    whole(PAGES)?.beyond(&small_whole).print("fork_wait_per_page", PAGES);
    mixed(&small)
}

/// Pages of which no two neighbours are alike: first every other one is shared with a child as it
/// is, and the rest are copied when they are written; then every other one is absent.
fn mixed(small: &Samples) -> Outcome {
    let odd = || (1..PAGES).step_by(2).map(test_page);
    for page in odd() {
        page_protect(Target::Caller, page, SHARED)?;
    }
    let alternating = repeat(20, |watch| {
        let forked = watch.time(fork)?;
        finish(forked, every_other)
    })?;
    alternating.beyond(small).print("fork_alternating_per_page", PAGES);
    for page in odd() {
        page_unmap(Target::Caller, page, Permissions::empty())?;
    }
    let sparse = repeat(20, |watch| {
        let forked = watch.time(fork)?;
        finish(forked, every_other)
    })?;
    sparse.beyond(small).print("fork_sparse_per_page", PAGES / 2);
    Ok(())
}

/// Drops fork's mark from every other page.
fn every_other() -> Outcome {
    for page in (0..PAGES).step_by(2).map(test_page) {
        page_protect(Target::Caller, page, UNMARKED)?;
    }
    Ok(())
}

/// `fork_program_per_page`: a whole fork of a program with text, data, heap and stack, divided by
/// its pages. Before each fork the program's writable pages are its own, as before its first one.
pub fn program() -> Outcome {
    touch::everything();
    let pages = window().present_user().count();
    print_size("forked_program", pages, "pages");
    let samples = repeat(20, |watch| {
        unshare()?;
        let forked = watch.time(fork)?;
        finish(forked, || Ok(()))
    })?;
    samples.print("fork_program_per_page", pages as u32);
    Ok(())
}

/// From the call of fork to its return in the parent, with `pages` test pages that only the parent
/// maps.
pub fn alone(pages: u32, iterations: usize) -> Result<Samples, Failure> {
    repeat(iterations, |watch| {
        let forked = watch.time(fork)?;
        finish(forked, || Ok(protect(pages, UNMARKED)?))
    })
}

/// Fork, exit and wait.
fn whole(pages: u32) -> Result<Samples, Failure> {
    repeat(50, |watch| {
        let ended = watch.time(|| match fork()? {
            Fork::Child => exit(0),
            Fork::Parent { child } => wait(Some(child)),
        })?;
        protect(pages, UNMARKED)?;
        if ended.status == 0 { Ok(()) } else { Err(Failure::Wrong("a child failed")) }
    })
}

/// Ends the child, waits for it, and makes the parent's pages as they were.
fn finish(forked: Fork, restore: impl FnOnce() -> Outcome) -> Outcome {
    match forked {
        Fork::Child => exit(0),
        Fork::Parent { child } => {
            wait(Some(child))?;
            restore()
        }
    }
}
