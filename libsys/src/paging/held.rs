//! Where pages lie that belong to others and are held for a while.
//!
//! Whoever takes a page from a client ([`crate::page_move`]) has it here, out of everyone's way. Another process may
//! still map the frame and write it.

use abi::UserPage;
use abi::layout::{PAGE_SIZE, SCRATCH};

use crate::paging::foreign;
use crate::paging::scratch::Bytes;

/// How many pages can be held.
pub const PLACES: usize = 16;

/// `0x0041_0000  PDE 0x001`: where the first one lies.
const FIRST: u32 = SCRATCH + 0x1_0000;

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
    assert!(foreign::copy(page(place), bytes), "no page is held in place {place}");
}
