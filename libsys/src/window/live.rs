//! The window of the running process: volatile loads from the tables that the CPU walks.
#![allow(unsafe_code)]

use abi::Slot;
use abi::layout::{TABLE_SPAN, UVPT};

use super::{TableReader, Window};

/// Reads the tables of the running process.
#[derive(Clone, Copy, Debug)]
pub struct Live(());

impl TableReader for Live {
    fn word(&self, address: u32) -> u32 {
        assert!(
            address.is_multiple_of(4) && address.wrapping_sub(UVPT) < TABLE_SPAN,
            "not an address of the window"
        );
        // SAFETY: `address` is an aligned word of the 4 MiB that the kernel keeps as this process's window. No Rust
        // object lies there, nothing can write there, and any bits are a `u32`; a table that is not there gives an
        // ordinary page fault. The load is volatile because the CPU and the kernel change the word.
        unsafe { core::ptr::with_exposed_provenance::<u32>(address as usize).read_volatile() }
    }

    #[inline(always)]
    fn eight_words(&self, address: u32) -> u32 {
        assert!(
            address.is_multiple_of(32) && address.wrapping_sub(UVPT) < TABLE_SPAN,
            "not an address of the window"
        );
        let words = core::ptr::with_exposed_provenance::<u32>(address as usize);
        // SAFETY: as above: the eight words begin at a multiple of 32, so they lie in one page.
        let word = |index: usize| unsafe { words.wrapping_add(index).read_volatile() };
        word(0) | word(1) | word(2) | word(3) | word(4) | word(5) | word(6) | word(7)
    }
}

const _: () = assert!(TABLE_SPAN.is_multiple_of(32));

/// The window of the running process.
#[must_use]
pub const fn window() -> Window<Live> {
    Window::new(Slot::WINDOW, Live(()))
}
