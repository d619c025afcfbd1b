//! A page that comes with a message: where it is received, and how it is read.
//!
//! The sender may go on writing the page, so it is copied out word by word and no reference to it exists.
#![allow(unsafe_code)]

use abi::call::PageOffer;
use abi::layout::{PAGE_SIZE, SCRATCH};
use abi::process::Target;
use abi::{Permissions, UserPage};

use crate::call;
use crate::window::live::window;

/// Where received pages are mapped: the page after the scratch page.
const PAGE: UserPage = UserPage::known(SCRATCH + PAGE_SIZE);

/// What a receiving call is given so that a page may come.
pub const OFFER: PageOffer = PageOffer { page: PAGE, send: None, accept: true };

/// Copies the page that came last; `None` if none is there.
#[must_use]
pub fn copy() -> Option<[u8; PAGE_SIZE as usize]> {
    window().entry_of(PAGE.page()).filter(|entry| entry.is_present())?;
    let words = core::ptr::with_exposed_provenance::<u32>(PAGE.address() as usize);
    let mut page = [0; PAGE_SIZE as usize];
    for (index, copied) in page.as_chunks_mut().0.iter_mut().enumerate() {
        // SAFETY: the page is present, as the window shows, and stays so: only `clear` and the next receiving call of
        // this one thread change it. Volatile, because its sender may write it.
        *copied = unsafe { words.wrapping_add(index).read_volatile() }.to_le_bytes();
    }
    Some(page)
}

/// Gives the page back.
pub fn clear() {
    // Unmapping without marks needs no memory and cannot fail.
    let _ = call::page_unmap(Target::Caller, PAGE, Permissions::empty());
}
