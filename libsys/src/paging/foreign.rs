//! How a page is read that another process may be writing: word by word, so that no reference to it exists.
#![allow(unsafe_code)]

use abi::UserPage;
use abi::layout::PROGRAM_TEXT;

use crate::paging::scratch::Bytes;
use crate::paging::self_map::live::window;

/// Copies a page below the program's text, where no Rust object lies. `false`: nothing is mapped there, and `bytes` are as
/// they were.
///
/// # Panics
/// If the page lies elsewhere.
pub(crate) fn copy(page: UserPage, bytes: &mut Bytes) -> bool {
    assert!(page.address() < PROGRAM_TEXT, "not a page for what belongs to others");
    if window().entry_of(page.page()).is_none() {
        return false;
    }
    let words = core::ptr::with_exposed_provenance::<u32>(page.address() as usize);
    for (index, four) in bytes.as_chunks_mut().0.iter_mut().enumerate() {
        // SAFETY: the page is present, as the window shows, and this one thread does not unmap it meanwhile. The index is
        // below 1,024, so the word lies in the page, in which there is no Rust object. Volatile, because another process
        // may write it.
        *four = unsafe { words.wrapping_add(index).read_volatile() }.to_le_bytes();
    }
    true
}
