//! Pages that belong to others and are held for a while: where they lie, and how their bytes are read.
//!
//! Whoever takes a page from a client ([`crate::page_move`]) has it here, out of everyone's way. Another process may
//! still map the frame and write it, so its bytes are copied out one word at a time and no reference to it exists.
#![allow(unsafe_code)]

use abi::UserPage;
use abi::layout::{PAGE_SIZE, SCRATCH};

use crate::scratch::Bytes;
use crate::window::live::window;

/// How many pages can be held.
pub const PLACES: usize = 16;

/// `0x0041_0000  PDE 0x001`: where the first one lies.
const FIRST: u32 = SCRATCH + 0x1_0000;

/// `0x0040_F000  PDE 0x001`: where a page lies that is only looked at for a moment.
pub const PROBE: UserPage = UserPage::known(FIRST - PAGE_SIZE);

/// Where place `place` (`0..16`) lies.
///
/// # Panics
/// If there is no such place.
#[must_use]
pub const fn page(place: usize) -> UserPage {
    assert!(place < PLACES, "there are 16 places");
    UserPage::known(FIRST + place as u32 * PAGE_SIZE)
}

/// Copies the bytes of the page that is held in `place`.
///
/// # Panics
/// If none is.
pub fn copy(place: usize, bytes: &mut Bytes) {
    let page = page(place);
    assert!(window().entry_of(page.page()).is_some(), "no page is held in place {place}");
    let words = core::ptr::with_exposed_provenance::<u32>(page.address() as usize);
    for (index, four) in bytes.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        // SAFETY: the page is present, as the window shows, and stays so: only this one thread unmaps it. The index is
        // below 1,024, so the word lies in the page. Volatile, because someone else may write it.
        *four = unsafe { words.wrapping_add(index).read_volatile() }.to_le_bytes();
    }
}
