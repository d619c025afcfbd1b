//! How a cell is allocated without a check: by three instructions, which are executed again if the
//! second one faults.
//!
//! The last word of the new cell is written before the cell is taken. If the cell reaches into the
//! guard page, that write faults. The handler makes room, calls [`set_next`] and then [`again`],
//! which resumes at the first instruction.
#![allow(unsafe_code)]

use core::arch::global_asm;
use core::sync::atomic::{AtomicU32, Ordering};

use libsys::paging::fault::Fault;

use crate::copying::CELL;

/// The address of the next cell. One thread and its fault handler read and write it.
static NEXT: AtomicU32 = AtomicU32::new(0);

unsafe extern "C" {
    safe fn appel_li_allocate() -> u32;
    /// The instruction that writes. Only its address is used.
    static appel_li_allocate_write: u8;
}

/// Takes a cell with zeros in its second word, and returns its address. The call may move every
/// cell: only the roots are still right afterwards.
#[must_use]
pub fn allocate() -> u32 {
    appel_li_allocate()
}

/// The address of the next cell.
#[must_use]
pub fn next() -> u32 {
    NEXT.load(Ordering::Relaxed)
}

/// Sets the address of the next cell: a multiple of [`CELL`].
pub fn set_next(address: u32) {
    NEXT.store(address, Ordering::Relaxed);
}

/// If the fault is that of the allocation, resumes at its first instruction and returns `true`.
pub fn again(fault: &mut Fault<'_>) -> bool {
    let write = (&raw const appel_li_allocate_write).expose_provenance() as u32;
    if fault.eip() != write {
        return false;
    }
    // SAFETY: the allocation has put nothing on the stack and changed only registers that its
    // caller does not use, so it can begin again.
    unsafe { fault.resume_at((appel_li_allocate as *const ()).expose_provenance() as u32) };
    true
}

// No argument; the result is in eax. Only the return address is on the stack, so that it can begin
// again. `NEXT` always lies in the raw pages (`crate::raw_pages`) or, when they are used up, at
// their end; no Rust object lies in either.
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
