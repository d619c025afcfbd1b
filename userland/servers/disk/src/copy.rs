//! A page copied between a client's transfer area and the frames of the device.
#![allow(unsafe_code)]

use core::arch::asm;

use disk::places::{DATA_PAGE, dma};
use libsys::abi::layout::PAGE_SIZE;
use libsys::service::disk::protocol::DiskError;
use libsys::{Entry, UserPage, window};

/// Copies a client's page into data frame `index`.
///
/// # Errors
/// `NotShared`: the page is not there.
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

/// Checks that a client's page can be read into.
///
/// # Errors
/// `NotShared`: it is not there. `NotWritable`: it was shared read-only.
pub fn check_writable(page: UserPage) -> Result<(), DiskError> {
    if entry(page)?.is_writable() { Ok(()) } else { Err(DiskError::NotWritable) }
}

fn entry(page: UserPage) -> Result<Entry, DiskError> {
    let entry = window().entry_of(page.page()).filter(|entry| entry.is_present());
    entry.ok_or(DiskError::NotShared)
}

/// Copies a page. In assembly, because the client may write its page meanwhile: no Rust object lies there.
fn copy(from: u32, to: u32) {
    // SAFETY: both pages are mapped, the target writable, as their callers have just seen or `take_frames` has arranged;
    // only this one thread unmaps anything here. Nothing of Rust's lies in either. DF is clear, as the ABI has it. ESI
    // is not the compiler's to give, so it is borrowed and put back.
    unsafe {
        asm!(
            "xchg esi, {from}", "rep movsd", "mov esi, {from}",
            from = inout(reg) from => _, inout("edi") to => _, inout("ecx") PAGE_SIZE / 4 => _,
            options(nostack, preserves_flags)
        );
    }
}
