//! Copies of pages between a client's transfer area and the frames that the device reads and
//! writes.
#![allow(unsafe_code)]

use disk::layout::{DATA_PAGE, dma};
use libsys::paging::fixed_pages;
use libsys::service::disk::protocol::DiskError;
use libsys::{Entry, UserPage, window};

/// Copies a client's page into data frame `index`.
///
/// # Errors
/// `NotShared`: no page is present there.
pub fn to_device(page: UserPage, index: u32) -> Result<(), DiskError> {
    entry(page)?;
    // SAFETY: the client's page is present, as `entry` has seen, and only this thread unmaps it.
    // The data frame is mapped writable (`device.rs` takes all of them first). No Rust object lies
    // in either.
    unsafe { fixed_pages::copy(page.address(), dma(DATA_PAGE + index)) };
    Ok(())
}

/// Copies data frame `index` into a client's page.
///
/// # Errors
/// As [`check_writable`].
pub fn from_device(page: UserPage, index: u32) -> Result<(), DiskError> {
    check_writable(page)?;
    // SAFETY: as in `to_device`; the client's page is writable, as `check_writable` has seen.
    unsafe { fixed_pages::copy(dma(DATA_PAGE + index), page.address()) };
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
