//! What it costs to find the dirty pages by reading the window: to have them as bits, and to have a
//! list of them and use it.

use alloc::vec::Vec;

use libsys::paging::primitives;
use libsys::{Page, PageRange, Target, window};

use crate::stopwatch::{Failure, Outcome, repeat};
use crate::test_pages::{allocate, ranges, test_page};
use crate::touch::{load, store};

/// Pages of one scan.
const PAGES: u32 = 10_000;

/// How many whole groups of 32 pages there are among them.
const FULL_GROUPS: usize = (PAGES / 32) as usize;

/// `dirty_scan_per_page`, `dirty_list_per_page`.
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
    list()
}

/// What a checkpoint does, or a collector: it has the list of the pages that were written, and
/// reads each of them; here only its first word.
fn list() -> Outcome {
    let mut list: Vec<Page> = Vec::with_capacity(PAGES as usize);
    let samples = repeat(20, |watch| {
        list.clear();
        watch.time(|| {
            for range in ranges(PAGES, PageRange::LIMIT) {
                primitives::dirty(range, |page| list.push(page));
            }
            list.iter().for_each(|page| load(*page));
        });
        let every_other = (0..PAGES).step_by(2).map(|index| test_page(index).page());
        if list.iter().copied().eq(every_other) {
            Ok(())
        } else {
            Err(Failure::Wrong("the list has not every other page"))
        }
    })?;
    samples.print("dirty_list_per_page", PAGES);
    Ok(())
}
