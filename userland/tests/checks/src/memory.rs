//! Test pages: pages at addresses at which no Rust object lies, and what the checks ask about
//! pages.

use libsys::abi::layout::PAGE_SIZE;
use libsys::paging::self_map::Step;
use libsys::process::id;
use libsys::process::info;
use libsys::{Entry, Error, PageRange, Permissions, Target, UserPage, page_allocate, window};

/// `0x4000_0000  PDE 0x100`: the first test page.
const FIRST_TEST_PAGE: u32 = 0x4000_0000;
/// `0x3000_0000  PDE 0x0C0`: a page that parent and child share.
pub const BOARD: UserPage = UserPage::known(0x3000_0000);

/// How many test pages there are: 2.25 GiB.
pub const TEST_PAGES: u32 = 0x9_0000;

/// More frames than a forked process needs.
pub const ONE_PROCESS: u32 = 16;
/// The first test page that is used to take frames.
pub const HOARD: u32 = 8192;

/// The `index`-th test page: `0..TEST_PAGES`.
pub const fn test_page(index: u32) -> UserPage {
    assert!(index < TEST_PAGES);
    UserPage::known(FIRST_TEST_PAGE + index * PAGE_SIZE)
}

/// The test pages from the `index`-th on; `pages` is 1 to 1,024.
pub fn test_pages(index: u32, pages: u32) -> Result<PageRange, Error> {
    PageRange::new(test_page(index), pages)
}

/// Maps a fresh writable page at the `index`-th test page.
pub fn fresh(index: u32) -> Result<UserPage, Error> {
    page_allocate(Target::Caller, test_page(index), Permissions::WRITE)?;
    Ok(test_page(index))
}

/// Maps [`BOARD`] so that forks share it.
pub fn share_board() -> Result<(), Error> {
    page_allocate(Target::Caller, BOARD, Permissions::WRITE | Permissions::SHARED)
}

/// The leaf of a page; absent if there is no table.
pub fn leaf(page: UserPage) -> Entry {
    match window().walk(page.page()) {
        Step::Leaf(entry) => entry,
        Step::NoTable(_) | Step::Hidden(_) | Step::Large(_) | Step::View(_) => Entry::ABSENT,
    }
}

/// The twelve low bits of a page's leaf.
pub fn bits(page: UserPage) -> u32 {
    leaf(page).flags().bits()
}

/// How many mappings the frame of a page has.
pub fn mappings(page: UserPage) -> Option<u32> {
    info::frame_references(leaf(page).frame())
}

/// The id of a process that has ended.
pub fn stale_id() -> Result<libsys::ProcessId, Error> {
    let child = libsys::process_create()?;
    libsys::process::end(child)?;
    Ok(child)
}

/// Makes every page private that fork has marked copy-on-write, and touches some stack, so that the
/// caller needs no frame for a while.
pub fn need_nothing() -> Result<(), Error> {
    let deep = core::hint::black_box([0_u8; 6 * PAGE_SIZE as usize]);
    core::hint::black_box(&deep);
    libsys::paging::fork::unshare()
}

/// The caller's parent.
pub fn parent() -> Result<libsys::ProcessId, Error> {
    libsys::identity().parent.ok_or(Error::NoSuchProcess)
}

/// The caller's living children.
pub fn children() -> impl Iterator<Item = libsys::ProcessId> {
    let own = id().bits();
    info::processes()
        .filter(move |info| info.parent == own)
        .filter_map(|info| libsys::ProcessId::new(info.id).ok())
}

/// More frames than one process has test pages for.
pub const fn most_frames() -> u32 {
    TEST_PAGES - HOARD
}
