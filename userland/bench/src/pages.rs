//! What one page costs: to allocate, to map, to unmap. Its page table exists; the page itself is
//! absent before.

use libsys::{Permissions, Target, page_allocate, page_map, page_unmap};

use crate::stopwatch::{Outcome, row};
use crate::test_pages::test_page;

/// `page_alloc`, `page_map`, `page_unmap`.
pub fn run() -> Outcome {
    let (page, other) = (test_page(0), test_page(1));
    page_allocate(Target::Caller, page, Permissions::WRITE)?;
    let unmap = || page_unmap(Target::Caller, other, Permissions::empty());
    let map = || page_map((Target::Caller, page), (Target::Caller, other), Permissions::WRITE);
    row("page_alloc", 1000, |watch| {
        watch.time(|| page_allocate(Target::Caller, other, Permissions::WRITE))?;
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
