//! The tables of the running process, and those that it views: volatile loads from what the CPU
//! walks.
#![allow(unsafe_code)]

use core::arch::asm;

use abi::layout::TABLE_SPAN;
use abi::{EntryFlags, Slot, ViewSlot};

use super::{TableReader, Window};

/// Which 4 MiB are read: [`Own`], or a [`ViewSlot`].
pub trait Span {
    /// Their first address.
    fn base(&self) -> u32;
}

/// The running process's own window.
#[derive(Clone, Copy, Debug)]
pub struct Own(());

impl Span for Own {
    #[inline(always)]
    fn base(&self) -> u32 {
        Slot::WINDOW.base()
    }
}

impl Span for ViewSlot {
    #[inline(always)]
    fn base(&self) -> u32 {
        self.slot().base()
    }
}

/// Reads live tables.
#[derive(Clone, Copy, Debug)]
pub struct Live<S>(S);

impl<S: Span> TableReader for Live<S> {
    #[inline]
    fn word(&self, address: u32) -> u32 {
        assert!(
            address.is_multiple_of(4) && address.wrapping_sub(self.0.base()) < TABLE_SPAN,
            "not an address of the window"
        );
        // SAFETY: `address` is an aligned word of 4 MiB that the kernel keeps as this process's
        // window or as a view, or, if the view has been detached, of which it is known only that no
        // Rust object lies there. Nothing can write there, and any bits are a `u32`; a table that
        // is not there gives an ordinary page fault. The load is volatile because the CPU and the
        // kernel change the word.
        unsafe { core::ptr::with_exposed_provenance::<u32>(address as usize).read_volatile() }
    }

    /// Two instructions an entry: the bit goes by way of the carry flag.
    #[inline(always)]
    fn dirty_of_32(&self, address: u32) -> u32 {
        debug_assert!(
            address.is_multiple_of(128) && address.wrapping_sub(self.0.base()) < TABLE_SPAN
        );
        // Any other address is brought there, which is cheaper than a check.
        let address = self.0.base() | address & (TABLE_SPAN - 128);
        let dirty: u32;
        // SAFETY: as above: the 32 words begin at a multiple of 128, so they lie in one page.
        unsafe {
            asm!(
                ".set libsys_word, 31",
                ".rept 32",
                "bt dword ptr [{words} + 4 * libsys_word], {bit}",
                "rcl {dirty}, 1",
                ".set libsys_word, libsys_word - 1",
                ".endr",
                words = in(reg) address,
                dirty = out(reg) dirty,
                bit = const EntryFlags::DIRTY.bits().trailing_zeros(),
                options(nostack, readonly),
            );
        }
        dirty
    }

    #[inline(always)]
    fn unlike<const WORDS: u32>(&self, address: u32, model: u32) -> u32 {
        const { assert!(WORDS.is_power_of_two() && WORDS <= abi::layout::ENTRIES) };
        debug_assert!(
            address.is_multiple_of(4 * WORDS) && address.wrapping_sub(self.0.base()) < TABLE_SPAN
        );
        // As in `dirty_of_32`.
        let address = self.0.base() | address & (TABLE_SPAN - 4 * WORDS);
        let words = core::ptr::with_exposed_provenance::<u32>(address as usize);
        // SAFETY: as above: the words begin at a multiple of what they take, so they lie in one
        // page.
        let word = |index: u32| unsafe { words.wrapping_add(index as usize).read_volatile() };
        (0..WORDS).fold(0, |bits, index| bits | (word(index) ^ model))
    }
}

const _: () = assert!(TABLE_SPAN.is_multiple_of(32));

/// The window of the running process.
#[must_use]
pub const fn window() -> Window<Live<Own>> {
    Window::new(Slot::WINDOW, Live(Own(())))
}

/// The tables that a view shows. They are read only while the view is attached.
pub(crate) const fn viewed(view: ViewSlot) -> Window<Live<ViewSlot>> {
    Window::of_view(view, Live(view))
}
