//! What it costs to change the permissions of pages: to take W, and, of one page, to give it back.

use libsys::{PageRange, Target, UserPage, page_protect, range_protect};

use crate::stopwatch::{Outcome, repeat, row};
use crate::test_pages::{READ_ONLY, WRITABLE, allocate, test_page};

/// Pages of one call.
const PAGES: u32 = 100;

/// `protect_1`, `unprotect_1`, `protect_100_per_page`.
pub fn run() -> Outcome {
    // A constant, as in `pages`.
    const ONE: UserPage = test_page(0);
    allocate(Target::Caller, PAGES)?;
    row("protect_1", 500, |watch| {
        watch.time(|| page_protect(Target::Caller, ONE, READ_ONLY))?;
        page_protect(Target::Caller, ONE, WRITABLE)?;
        Ok(())
    })?;
    row("unprotect_1", 500, |watch| {
        page_protect(Target::Caller, ONE, READ_ONLY)?;
        watch.time(|| page_protect(Target::Caller, ONE, WRITABLE))?;
        Ok(())
    })?;
    let many = PageRange::new(test_page(0), PAGES)?;
    let samples = repeat(100, |watch| {
        watch.time(|| range_protect(Target::Caller, many, READ_ONLY))?;
        range_protect(Target::Caller, many, WRITABLE)?;
        Ok(())
    })?;
    samples.print("protect_100_per_page", PAGES);
    Ok(())
}
