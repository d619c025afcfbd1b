//! How a cell is allocated without a check: by three instructions, which begin again when the second one faults.
//!
//! The last word of the new cell is written before the cell is taken. If the cell reaches into the guard page, that
//! write faults; the handler makes room, sets [`next`] anew and goes on at [`again`], where it is read anew.
#![allow(unsafe_code)]

use core::arch::global_asm;
use core::sync::atomic::{AtomicU32, Ordering};

use libsys::fault::Fault;

use crate::copying::CELL;

unsafe extern "C" {
    safe fn appel_li_allocate() -> u32;
    /// The write; there is nothing to read.
    static appel_li_allocate_write: u8;
    /// Where the next cell begins.
    static appel_li_next: AtomicU32;
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
    word().load(Ordering::Relaxed)
}

/// Has the next cell begin at an address, a multiple of [`CELL`].
pub fn set_next(address: u32) {
    word().store(address, Ordering::Relaxed);
}

fn word() -> &'static AtomicU32 {
    // SAFETY: an aligned word of this program's data for as long as it runs; the instructions below write it whole.
    unsafe { &appel_li_next }
}

/// Is it the allocation that has faulted? Then it begins again when the handler returns.
pub fn again(fault: &mut Fault<'_>) -> bool {
    let write = (&raw const appel_li_allocate_write).expose_provenance() as u32;
    if fault.eip() != write {
        return false;
    }
    fault.resume_at((appel_li_allocate as *const ()).expose_provenance() as u32);
    true
}

// No argument, the result in eax; nothing on the stack but the return address, so that it can begin again. `next` is
// always in the places (`crate::places`) or, when they are used up, at their end; no Rust object lies in either.
global_asm!(
    "    .pushsection .text.appel_li_allocate, \"ax\", @progbits",
    "    .global appel_li_allocate",
    "    .global appel_li_allocate_write",
    "appel_li_allocate:",
    "    mov eax, [appel_li_next]",
    "appel_li_allocate_write:",
    "    mov dword ptr [eax + {cell} - 4], 0",
    "    add dword ptr [appel_li_next], {cell}",
    "    ret",
    "    .popsection",
    "    .pushsection .data.appel_li_next, \"aw\", @progbits",
    "    .balign 4",
    "    .global appel_li_next",
    "appel_li_next:",
    "    .long 0",
    "    .popsection",
    cell = const CELL,
);
