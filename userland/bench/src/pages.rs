//! What one page costs: to allocate, to map, to unmap. Its page table exists; the page itself is
//! absent before.

use libsys::{Permissions, Target, UserPage, page_allocate, page_map, page_unmap};

use crate::stopwatch::{Outcome, row};
use crate::test_pages::test_page;

/// `page_alloc`, `page_map`, `page_unmap`.
pub fn run() -> Outcome {
    // Constants: the compiler sees that the safe calls may change them. An address that is known
    // only when the program runs costs three instructions more.
    const PAGE: UserPage = test_page(0);
    const OTHER: UserPage = test_page(1);
    page_allocate(Target::Caller, PAGE, Permissions::WRITE)?;
    let unmap = || page_unmap(Target::Caller, OTHER, Permissions::empty());
    let map = || page_map((Target::Caller, PAGE), (Target::Caller, OTHER), Permissions::WRITE);
    row("page_alloc", 1000, |watch| {
        watch.time(|| page_allocate(Target::Caller, OTHER, Permissions::WRITE))?;
        unmap()?;
        Ok(())
    })?;
    row("page_map", 1000, |watch| {
        watch.time(map)?;
        unmap()?;
        Ok(())
    })?;
    row("page_unmap", 1000, |watch| {
        map()?;
        watch.time(unmap)?;
        Ok(())
    })?;
    Ok(())
}
