//! Where the checks keep what they map: addresses at which nothing of the program lies.

use libsys::abi::layout::PAGE_SIZE;
use libsys::paging::self_map::Step;
use libsys::process::id;
use libsys::process::info;
use libsys::{Entry, Error, PageRange, Permissions, Target, UserPage, page_allocate, window};

/// `0x4000_0000  PDE 0x100`: the first of many pages for a check to map as it likes.
const FIRST_TEST_PAGE: u32 = 0x4000_0000;
/// `0x3000_0000  PDE 0x0C0`: a page that parent and child share.
pub const BOARD: UserPage = UserPage::known(0x3000_0000);

/// How many pages the checks have there: 2.25 GiB.
pub const TEST_PAGES: u32 = 0x9_0000;

/// The `index`-th page of the checks' own: `0..TEST_PAGES`.
pub const fn test_page(index: u32) -> UserPage {
    assert!(index < TEST_PAGES);
    UserPage::known(FIRST_TEST_PAGE + index * PAGE_SIZE)
}

/// Pages from the `index`-th on; `pages` is 1 to 1,024.
pub fn test_pages(index: u32, pages: u32) -> Result<PageRange, Error> {
    PageRange::new(test_page(index), pages)
}

/// Maps a fresh writable page at the `index`-th place.
pub fn fresh(index: u32) -> Result<UserPage, Error> {
    page_allocate(Target::Caller, test_page(index), Permissions::WRITE)?;
    Ok(test_page(index))
}

/// Maps [`BOARD`], which forks share.
pub fn share_board() -> Result<(), Error> {
    page_allocate(Target::Caller, BOARD, Permissions::WRITE | Permissions::SHARED)
}

/// The leaf of a page, absent if there is no table.
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

/// How many mappings the frame behind a page has.
pub fn mappings(page: UserPage) -> Option<u32> {
    info::frame_references(leaf(page).frame())
}

/// An id that nobody has any more.
pub fn stale_id() -> Result<libsys::ProcessId, Error> {
    let child = libsys::process_create()?;
    libsys::process::end(child)?;
    Ok(child)
}

/// Takes every page that fork has marked copy-on-write for the caller alone, and some stack ahead, so that the
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
        .filter(move |facts| facts.parent == own)
        .filter_map(|facts| libsys::ProcessId::new(facts.id).ok())
}
