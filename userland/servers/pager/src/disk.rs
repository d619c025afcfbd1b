//! The disk that pages go to, divided into slots of a page. Pages travel through the transfer area
//! that the pager shares with the disk's driver.

use libsys::paging::fixed_pages::TransferArea;
use libsys::service::disk::client::Disk;
use libsys::service::disk::protocol::{DiskError as DriverError, PAGE_SECTORS, SLOTS, Transfer};
use libsys::service::pager::Transfers;
use libsys::{Permissions, identity, println};
use swap::DiskError;

/// A disk with its transfer area, or no disk.
pub struct SwapDisk {
    opened: Option<(Disk, TransferArea)>,
    transfers: Transfers,
}

/// How many drivers one request is sent to. A request whose driver ends each time is given up.
const DRIVERS: u32 = 3;

/// The most slots that are used: 4 GiB.
const MOST: u64 = 1 << 20;

impl SwapDisk {
    /// No disk.
    pub const NONE: Self = Self {
        opened: None,
        transfers: Transfers { reads: 0, pages_read: 0, writes: 0, pages_written: 0 },
    };

    /// Opens the disk of the pager's parent. If that fails, prints why, and there is no disk.
    pub fn find() -> Self {
        let opened = TransferArea::new().map_err(|_| DriverError::NotShared).and_then(|area| {
            let disk = find()?;
            share(&disk, &area)?;
            Ok((disk, area))
        });
        let opened = opened.inspect_err(|error| println!("pager: no swap space: {error}")).ok();
        Self { opened, ..Self::NONE }
    }

    /// The requests so far, those that failed included.
    pub const fn transfers(&self) -> Transfers {
        self.transfers
    }

    /// How many slots there are; 0 without a disk.
    pub fn slots(&self) -> u32 {
        let slots = |(disk, _): &(Disk, TransferArea)| {
            (disk.geometry().sectors / u64::from(PAGE_SECTORS)).min(MOST) as u32
        };
        self.opened.as_ref().map_or(0, slots)
    }

    /// The transfer area.
    ///
    /// # Panics
    /// If there is no disk.
    pub fn area(&mut self) -> &mut TransferArea {
        let (_, area) = self.opened.as_mut().expect("nobody asks for the buffer of no disk");
        area
    }

    /// Writes the first `count` pages of the area to the slots from `first` on.
    ///
    /// # Errors
    /// `Gone`: there is no driver. `Failed`: any other error of the disk.
    pub fn write(&mut self, first: u32, count: usize) -> Result<(), DiskError> {
        let Transfers { writes, pages_written, .. } = &mut self.transfers;
        *writes = writes.wrapping_add(1);
        *pages_written = pages_written.wrapping_add(count as u32);
        self.request(first, count, Disk::write)
    }

    /// Reads the slots from `first` on into the first `count` pages of the area, without the pages
    /// whose bits in `skipped` are set.
    ///
    /// # Errors
    /// As [`SwapDisk::write`].
    pub fn read(&mut self, first: u32, count: usize, skipped: u32) -> Result<(), DiskError> {
        let Transfers { reads, pages_read, .. } = &mut self.transfers;
        *reads = reads.wrapping_add(1);
        *pages_read = pages_read.wrapping_add(count as u32);
        self.request(first, count, |disk, transfer| disk.read_except(transfer, skipped))
    }

    fn request(
        &mut self,
        first: u32,
        count: usize,
        request: impl Fn(&Disk, Transfer) -> Result<(), DriverError>,
    ) -> Result<(), DiskError> {
        let (disk, area) = self.opened.as_mut().ok_or(DiskError::Gone)?;
        let sector = u64::from(first) * u64::from(PAGE_SECTORS);
        let transfer = Transfer { sector, slot: 0, pages: count as u32 };
        let mut done = request(disk, transfer);
        for _ in 1..DRIVERS {
            if done != Err(DriverError::Gone) {
                break;
            }
            // The driver has ended. The parent answers when the next driver serves, or when there
            // will be none. What was written is still on the disk.
            match reopen(area) {
                Ok(again) => {
                    *disk = again;
                    done = request(disk, transfer);
                }
                // The next driver has ended as well, or there is none; the next turn asks again.
                Err(error) => done = Err(error),
            }
        }
        done.map_err(|error| match error {
            DriverError::Gone => DiskError::Gone,
            _ => DiskError::Failed,
        })
    }
}

/// Opens the disk of the pager's parent, which starts the driver.
fn find() -> Result<Disk, DriverError> {
    Disk::find_at(identity().parent.ok_or(DriverError::Gone)?)
}

fn reopen(area: &TransferArea) -> Result<Disk, DriverError> {
    let disk = find()?;
    share(&disk, area)?;
    Ok(disk)
}

fn share(disk: &Disk, area: &TransferArea) -> Result<(), DriverError> {
    (0..SLOTS).try_for_each(|slot| disk.share(slot, area.page(slot), Permissions::WRITE))
}
