//! Pages at addresses at which no Rust object lies, for the operations that are measured.

use libsys::abi::layout::PAGE_SIZE;
use libsys::call::Change;
use libsys::{
    PageRange, Permissions, Target, UserPage, call::Partial, range_allocate, range_protect,
};

/// `0x4000_0000  PDE 0x100`: the first test page.
const FIRST_TEST_PAGE: u32 = 0x4000_0000;
/// How many test pages there are: 1 GiB.
const TEST_PAGES: u32 = 0x4_0000;
/// The most pages that one call allocates.
const ALLOCATION: u32 = 64;

/// Drops W.
pub const READ_ONLY: Change = Change { drop: Permissions::WRITE, add: Permissions::empty() };
/// Adds W.
pub const WRITABLE: Change = Change { drop: Permissions::empty(), add: Permissions::WRITE };

/// The `index`-th test page: `0..TEST_PAGES`.
pub const fn test_page(index: u32) -> UserPage {
    assert!(index < TEST_PAGES);
    UserPage::known(FIRST_TEST_PAGE + index * PAGE_SIZE)
}

/// The first `pages` test pages, in ranges of at most `limit`.
pub fn ranges(pages: u32, limit: u32) -> impl Iterator<Item = PageRange> {
    (0..pages).step_by(limit as usize).map(move |first| {
        let length = limit.min(pages - first);
        PageRange::new(test_page(first), length).expect("test pages are a process's")
    })
}

/// Maps fresh writable pages over the first `pages` test pages of a process.
pub fn allocate(process: impl Into<Target> + Copy, pages: u32) -> Result<(), Partial> {
    for range in ranges(pages, ALLOCATION) {
        range_allocate(process, range, Permissions::WRITE)?;
    }
    Ok(())
}

/// Changes the bits of the caller's first `pages` test pages.
pub fn protect(pages: u32, change: Change) -> Result<(), Partial> {
    for range in ranges(pages, PageRange::LIMIT) {
        range_protect(Target::Caller, range, change)?;
    }
    Ok(())
}
