//! The addresses of the driver's memory.

use libsys::abi::layout::PAGE_SIZE;
use libsys::service::disk::protocol::SLOTS;
use libsys::{Error, PageRange, UserPage};

use crate::CLIENTS;

/// `0x3000_0000  PDE 0x0C0`: device memory.
pub const DEVICE: u32 = 0x3000_0000;
/// Pages of device memory: room for the four structures of a virtio device.
pub const DEVICE_PAGES: u32 = 64;
/// `0x3040_0000  PDE 0x0C1`: the DMA frames, which the device reads and writes.
pub const DMA: u32 = 0x3040_0000;
/// `0x3080_0000  PDE 0x0C2`: the clients' transfer areas, one after the other.
pub const AREAS: u32 = 0x3080_0000;

/// The DMA page of a request: its header, then its status.
pub const REQUEST_PAGE: u32 = 0;
/// The first DMA page of the data.
pub const DATA_PAGE: u32 = 1;
/// The first DMA page of the queue.
pub const QUEUE_PAGE: u32 = DATA_PAGE + SLOTS;
/// Pages of the queue: one that the driver writes, one that the device writes.
pub const QUEUE_PAGES: u32 = 2;
/// How many DMA pages there are.
pub const DMA_PAGES: u32 = QUEUE_PAGE + QUEUE_PAGES;

/// The address of DMA page `index`.
#[must_use]
pub const fn dma(index: u32) -> u32 {
    DMA + index * PAGE_SIZE
}

/// The page of a client's slot in its transfer area.
///
/// # Errors
/// `InvalidArgument`: there is no such client or slot.
pub fn slot(client: usize, slot: u32) -> Result<UserPage, Error> {
    if client >= CLIENTS || slot >= SLOTS {
        return Err(Error::InvalidArgument);
    }
    UserPage::new(AREAS + (client as u32 * SLOTS + slot) * PAGE_SIZE)
}

/// All pages of a client's transfer area.
pub fn area(client: usize) -> Result<PageRange, Error> {
    PageRange::new(slot(client, 0)?, SLOTS)
}

const _: () = {
    assert!(DEVICE + DEVICE_PAGES * PAGE_SIZE <= DMA && dma(DMA_PAGES) <= AREAS);
    // One table for all areas, so that sharing a page never needs a frame.
    assert!(CLIENTS as u32 * SLOTS <= 1024 && AREAS.is_multiple_of(1 << 22));
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_follow_each_other_and_there_is_none_beyond() {
        assert_eq!(slot(0, 0).map(UserPage::address), Ok(AREAS));
        assert_eq!(slot(1, 2).map(UserPage::address), Ok(AREAS + 18 * PAGE_SIZE));
        assert_eq!(area(1).map(|area| (area.first(), area.pages())), Ok((slot(1, 0).unwrap(), 16)));
        for (client, number) in [(CLIENTS, 0), (0, SLOTS), (0, u32::MAX)] {
            assert_eq!(slot(client, number), Err(Error::InvalidArgument));
        }
    }
}
