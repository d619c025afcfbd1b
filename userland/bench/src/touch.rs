//! Accesses that fault: one instruction each, of known length, which a handler can skip.
#![allow(unsafe_code)]

use core::arch::asm;

use libsys::abi::layout::{PAGE_SIZE, PROGRAM_TEXT};
use libsys::paging::fault::Fault;
use libsys::{Page, UserPage};

/// Bytes of the instruction in [`store`] and in [`load`].
const LENGTH: u32 = 2;

/// Stores a word at the start of a test page.
#[inline(always)]
pub fn store(page: UserPage) {
    // SAFETY: no Rust object lies in a test page. If the page does not allow the store, a handler
    // skips it or makes it possible. Without `nomem`, because the handler runs at this instruction.
    unsafe { asm!("mov [eax], eax", in("eax") page.address(), options(nostack, preserves_flags)) };
}

/// Loads a word from the start of a page of memory.
#[inline(always)]
pub fn load(page: Page) {
    // SAFETY: nothing uses the word, and no page of memory changes when it is read. For a fault, as
    // in `store`.
    unsafe {
        asm!("mov eax, [eax]", inout("eax") page.address() => _, options(nostack, preserves_flags))
    };
}

/// Resumes behind the [`store`] or [`load`] that has faulted.
///
/// # Safety
/// The fault is that of one of the two.
pub unsafe fn skip(fault: &mut Fault<'_>) {
    // SAFETY: the one instruction is skipped; nothing uses the value that it would have loaded.
    unsafe { fault.resume_at(fault.eip() + LENGTH) };
}

/// Touches the whole program, and more heap and stack than any part needs: from then on no page of
/// them faults.
pub fn everything() {
    const AHEAD: usize = 16 * PAGE_SIZE as usize;
    let end = (&raw const program_end).expose_provenance() as u32;
    (PROGRAM_TEXT..end).step_by(PAGE_SIZE as usize).map(Page::containing).for_each(load);
    drop(core::hint::black_box(alloc::vec![1_u8; AHEAD]));
    core::hint::black_box([1_u8; AHEAD]);
}

unsafe extern "C" {
    /// Only its address is used.
    static program_end: u8;
}
