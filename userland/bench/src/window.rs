//! What it costs to find the dirty pages by reading the window.

use libsys::Target;
use libsys::window;

use crate::stopwatch::{Failure, Outcome, repeat};
use crate::test_pages::{allocate, test_page};
use crate::touch::store;

/// Pages of one scan.
const PAGES: u32 = 10_000;

/// How many whole groups of 32 pages there are among them.
const FULL_GROUPS: usize = (PAGES / 32) as usize;

/// `dirty_scan_per_page`.
pub fn run() -> Outcome {
    allocate(Target::Caller, PAGES)?;
    (0..PAGES).step_by(2).for_each(|index| store(test_page(index)));
    let (first, end) = (test_page(0).page(), test_page(PAGES).page());
    // Each group has a bit for each page; in the whole groups every other page must be dirty.
    let dirty = || window().dirty(first, end).filter(|(_, pages)| *pages == 0x5555_5555).count();
    let samples = repeat(20, |watch| match watch.time(dirty) {
        FULL_GROUPS => Ok(()),
        _ => Err(Failure::Wrong("not every other page is dirty")),
    })?;
    samples.print("dirty_scan_per_page", PAGES);
    Ok(())
}
