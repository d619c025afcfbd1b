//! Accesses that fault: one instruction each, of known length, so that a handler can go on after it.
#![allow(unsafe_code)]

use core::arch::asm;

use libsys::UserPage;
use libsys::abi::layout::{PAGE_SIZE, PROGRAM_TEXT};
use libsys::paging::fault::Fault;

/// Bytes of the instruction in [`store`] and in [`load`].
const LENGTH: u32 = 2;

/// Stores a word at the start of a page of the benchmark's own.
#[inline(always)]
pub fn store(page: UserPage) {
    // SAFETY: no Rust object lies in the places (`places`); where the page does not allow it, a handler sees to it.
    // No `nomem`: the handler runs in between.
    unsafe { asm!("mov [eax], eax", in("eax") page.address(), options(nostack, preserves_flags)) };
}

/// Loads a word from the start of a page.
#[inline(always)]
pub fn load(page: UserPage) {
    // SAFETY: as above.
    unsafe {
        asm!("mov eax, [eax]", inout("eax") page.address() => _, options(nostack, preserves_flags))
    };
}

/// Continues behind the [`store`] or [`load`] that has faulted.
///
/// # Safety
/// The fault is that of one of the two.
pub unsafe fn skip(fault: &mut Fault<'_>) {
    // SAFETY: their one instruction is skipped; what it loads is used by nobody.
    unsafe { fault.resume_at(fault.eip() + LENGTH) };
}

/// Touches the whole program, and more heap and stack than any part needs: from then on no page is missing by chance.
pub fn everything() {
    const AHEAD: usize = 16 * PAGE_SIZE as usize;
    let end = (&raw const program_end).expose_provenance() as u32;
    (PROGRAM_TEXT..end).step_by(PAGE_SIZE as usize).map(UserPage::known).for_each(load);
    drop(core::hint::black_box(alloc::vec![1_u8; AHEAD]));
    core::hint::black_box([1_u8; AHEAD]);
}

unsafe extern "C" {
    /// The first address after the program, from the linker script: there is nothing to read.
    static program_end: u8;
}
