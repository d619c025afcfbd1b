//! Copies of pages between a client's transfer area and the frames that the device reads and
//! writes.
#![allow(unsafe_code)]

use core::arch::asm;

use disk::layout::{DATA_PAGE, dma};
use libsys::abi::layout::PAGE_SIZE;
use libsys::service::disk::protocol::DiskError;
use libsys::{Entry, UserPage, window};

/// Copies a client's page into data frame `index`.
///
/// # Errors
/// `NotShared`: no page is present there.
pub fn to_device(page: UserPage, index: u32) -> Result<(), DiskError> {
    entry(page)?;
    copy(page.address(), dma(DATA_PAGE + index));
    Ok(())
}

/// Copies data frame `index` into a client's page.
///
/// # Errors
/// As [`check_writable`].
pub fn from_device(page: UserPage, index: u32) -> Result<(), DiskError> {
    check_writable(page)?;
    copy(dma(DATA_PAGE + index), page.address());
    Ok(())
}

/// Checks that a client's page can be written.
///
/// # Errors
/// `NotShared`: no page is present there. `NotWritable`: the client has shared the page read-only.
pub fn check_writable(page: UserPage) -> Result<(), DiskError> {
    if entry(page)?.is_writable() { Ok(()) } else { Err(DiskError::NotWritable) }
}

fn entry(page: UserPage) -> Result<Entry, DiskError> {
    let entry = window().entry_of(page.page()).filter(|entry| entry.is_present());
    entry.ok_or(DiskError::NotShared)
}

/// Copies a page. In assembly, because the client may write its page at the same time, so that no
/// reference to it may exist.
fn copy(from: u32, to: u32) {
    // SAFETY: both pages are mapped and the target is writable: the callers have checked the
    // client's page, and `take_frames` has mapped the other. No Rust object lies in either, and
    // only this thread unmaps them. DF is clear, as the ABI demands. LLVM keeps ESI for itself, so
    // it is exchanged around the copy.
    unsafe {
        asm!(
            "xchg esi, {from}", "rep movsd", "mov esi, {from}",
            from = inout(reg) from => _, inout("edi") to => _, inout("ecx") PAGE_SIZE / 4 => _,
            options(nostack, preserves_flags)
        );
    }
}
