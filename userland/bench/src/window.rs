//! What it costs to ask the window which pages are dirty.

use libsys::Target;
use libsys::window;

use crate::places::{allocate, place};
use crate::stopwatch::{Failure, Outcome, repeat};
use crate::touch::store;

/// Pages of one scan.
const PAGES: u32 = 10_000;

/// `dirty_scan_per_page`.
pub fn run() -> Outcome {
    allocate(Target::Caller, PAGES)?;
    (0..PAGES).step_by(2).for_each(|index| store(place(index)));
    let (first, end) = (place(0).page(), place(PAGES).page());
    let dirty = || window().dirty(first, end).map(|(_, pages)| pages.count_ones()).sum::<u32>();
    let samples = repeat(20, |watch| match watch.time(dirty) {
        5_000 => Ok(()),
        _ => Err(Failure::Wrong("not every other page is dirty")),
    })?;
    samples.tell("dirty_scan_per_page", PAGES);
    Ok(())
}
