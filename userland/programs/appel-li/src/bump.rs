//! How a cell is allocated without a check: by three instructions, which begin again when the second one faults.
//!
//! The last word of the new cell is written before the cell is taken. If the cell reaches into the guard page, that
//! write faults; the handler makes room, calls [`set_next`] and goes on at [`again`], where that is read anew.
#![allow(unsafe_code)]

use core::arch::global_asm;
use core::sync::atomic::{AtomicU32, Ordering};

use libsys::paging::fault::Fault;

use crate::copying::CELL;

/// Where the next cell begins. One thread and its handler read and write it.
static NEXT: AtomicU32 = AtomicU32::new(0);

unsafe extern "C" {
    safe fn appel_li_allocate() -> u32;
    /// The write; there is nothing to read.
    static appel_li_allocate_write: u8;
}

/// Takes a cell of zeros in its second word, and returns its address. All cells that the program does not find again
/// by its roots may have moved.
#[must_use]
pub fn allocate() -> u32 {
    appel_li_allocate()
}

/// Where the next cell will begin.
#[must_use]
pub fn next() -> u32 {
    NEXT.load(Ordering::Relaxed)
}

/// Has the next cell begin at an address, a multiple of [`CELL`].
pub fn set_next(address: u32) {
    NEXT.store(address, Ordering::Relaxed);
}

/// Is it the allocation that has faulted? Then it begins again when the handler returns.
pub fn again(fault: &mut Fault<'_>) -> bool {
    let write = (&raw const appel_li_allocate_write).expose_provenance() as u32;
    if fault.eip() != write {
        return false;
    }
    // SAFETY: the allocation has put nothing on the stack and changed nothing but registers that its caller does not need,
    // so it can begin again.
    unsafe { fault.resume_at((appel_li_allocate as *const ()).expose_provenance() as u32) };
    true
}

// No argument, the result in eax; nothing on the stack but the return address, so that it can begin again. `NEXT` is
// always in the places (`crate::places`) or, when they are used up, at their end; no Rust object lies in either.
global_asm!(
    "    .pushsection .text.appel_li_allocate, \"ax\", @progbits",
    "    .global appel_li_allocate",
    "    .global appel_li_allocate_write",
    "appel_li_allocate:",
    "    mov eax, [{next}]",
    "appel_li_allocate_write:",
    "    mov dword ptr [eax + {cell} - 4], 0",
    "    add dword ptr [{next}], {cell}",
    "    ret",
    "    .popsection",
    cell = const CELL,
    next = sym NEXT,
);
