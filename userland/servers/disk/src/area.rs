//! The pages of the clients' transfer areas: lent to the device, which reads them, and filled from
//! the frames that the device writes.
#![allow(unsafe_code)]

use core::slice;

use disk::layout::{DATA_PAGE, dma};
use libsys::abi::layout::PAGE_SIZE;
use libsys::paging::fixed_pages;
use libsys::service::disk::protocol::DiskError;
use libsys::{Entry, UserPage, window};

/// A client's page, for the device alone: the client may write it at any time, so that nobody here
/// may read its bytes.
///
/// # Errors
/// `NotShared`: no page is present there.
pub fn lend(page: UserPage) -> Result<&'static [u8], DiskError> {
    entry(page)?;
    let first = core::ptr::with_exposed_provenance(page.address() as usize);
    // SAFETY: the page is present, as `entry` has seen, and this one thread unmaps no client's page
    // while it serves a request. `virtio-drivers` takes the address and the length of the slice and
    // reads no byte of it.
    Ok(unsafe { slice::from_raw_parts(first, PAGE_SIZE as usize) })
}

/// Copies data frame `index` into a client's page.
///
/// # Errors
/// As [`check_writable`].
pub fn fill(page: UserPage, index: u32) -> Result<(), DiskError> {
    check_writable(page)?;
    // SAFETY: the client's page is present and writable, as `check_writable` has seen, and only
    // this thread unmaps it. The data frame is mapped (`device.rs` takes all of them first). No
    // Rust object lies in either.
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
