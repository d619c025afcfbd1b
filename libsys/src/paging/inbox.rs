//! Where a page is received that comes with a message.

use abi::call::PageTransfer;
use abi::layout::{PAGE_SIZE, SCRATCH};
use abi::process::Target;
use abi::{Permissions, UserPage};

use crate::call;
use crate::paging::foreign;
use crate::paging::scratch::Bytes;

/// Where received pages are mapped: the page after the scratch page.
const PAGE: UserPage = UserPage::known(SCRATCH + PAGE_SIZE);

/// What a receiving call is given so that a page may come.
pub const OFFER: PageTransfer = PageTransfer { page: PAGE, send: None, accept: true };

/// Copies the page that came last; `None` if none is there.
#[must_use]
pub fn copy() -> Option<Bytes> {
    let mut bytes = [0; PAGE_SIZE as usize];
    foreign::copy(PAGE, &mut bytes).then_some(bytes)
}

/// Gives the page back.
pub fn clear() {
    // Unmapping without marks needs no memory and cannot fail.
    let _ = call::page_unmap(Target::Caller, PAGE, Permissions::empty());
}
