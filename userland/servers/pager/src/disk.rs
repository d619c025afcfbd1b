//! The disk that pages go to, divided into slots of a page. Pages travel through the transfer area
//! that the pager shares with the disk's driver.

use libsys::service::disk::protocol::{DiskError as DriverError, PAGE_SECTORS, SLOTS, Transfer};
use libsys::service::pager::Transfers;
use swap::{Bytes, DiskError};

/// The driver of the disk, and the transfer area. Each function is one request or one copy.
pub trait Driver {
    /// An open disk.
    type Disk;

    /// Opens the disk of the pager's parent, which starts the driver. There is a transfer area
    /// then.
    ///
    /// # Errors
    /// See [`Disk::find_at`](../../libsys/service/disk/client/struct.Disk.html); `NotShared`: there
    /// are no frames for the transfer area.
    fn find(&mut self) -> Result<Self::Disk, DriverError>;

    /// How many sectors the disk has.
    fn sectors(disk: &Self::Disk) -> u64;

    /// Shares page `slot` of the transfer area with the driver.
    ///
    /// # Errors
    /// The driver's.
    fn share(&mut self, disk: &Self::Disk, slot: u32) -> Result<(), DriverError>;

    /// From the disk into the area.
    ///
    /// # Errors
    /// The driver's.
    fn read(&mut self, disk: &Self::Disk, transfer: Transfer) -> Result<(), DriverError>;

    /// From the area to the disk.
    ///
    /// # Errors
    /// The driver's.
    fn write(&mut self, disk: &Self::Disk, transfer: Transfer) -> Result<(), DriverError>;

    /// Fills page `slot` of the area.
    ///
    /// # Panics
    /// If no disk was found.
    fn fill_area(&mut self, slot: u32, bytes: &Bytes);

    /// Copies page `slot` of the area.
    ///
    /// # Panics
    /// If no disk was found.
    fn read_area(&mut self, slot: u32, bytes: &mut Bytes);
}

/// A disk, or no disk.
pub struct SwapDisk<D> {
    opened: Option<D>,
    transfers: Transfers,
}

/// How many drivers one request is sent to. A request whose driver ends each time is given up.
const DRIVERS: u32 = 3;

/// The most slots that are used: 4 GiB.
const MOST: u64 = 1 << 20;

impl<D> SwapDisk<D> {
    /// No disk.
    pub const NONE: Self = Self {
        opened: None,
        transfers: Transfers { reads: 0, pages_read: 0, writes: 0, pages_written: 0 },
    };

    /// Opens the disk.
    ///
    /// # Errors
    /// The driver's.
    pub fn find(driver: &mut impl Driver<Disk = D>) -> Result<Self, DriverError> {
        open(driver).map(|disk| Self { opened: Some(disk), ..Self::NONE })
    }

    /// The requests so far, those that failed included.
    pub const fn transfers(&self) -> Transfers {
        self.transfers
    }

    /// How many slots there are; 0 without a disk.
    pub fn slots<K: Driver<Disk = D>>(&self) -> u32 {
        let slots = |disk| (K::sectors(disk) / u64::from(PAGE_SECTORS)).min(MOST) as u32;
        self.opened.as_ref().map_or(0, slots)
    }

    /// Writes the first `count` pages of the area to the slots from `first` on.
    ///
    /// # Errors
    /// `Gone`: there is no driver. `Failed`: any other error of the disk.
    pub fn write<K: Driver<Disk = D>>(
        &mut self,
        driver: &mut K,
        first: u32,
        count: usize,
    ) -> Result<(), DiskError> {
        let Transfers { writes, pages_written, .. } = &mut self.transfers;
        *writes = writes.wrapping_add(1);
        *pages_written = pages_written.wrapping_add(count as u32);
        self.request(driver, first, count, K::write)
    }

    /// Reads the slots from `first` on into the first `count` pages of the area.
    ///
    /// # Errors
    /// As [`SwapDisk::write`].
    pub fn read<K: Driver<Disk = D>>(
        &mut self,
        driver: &mut K,
        first: u32,
        count: usize,
    ) -> Result<(), DiskError> {
        let Transfers { reads, pages_read, .. } = &mut self.transfers;
        *reads = reads.wrapping_add(1);
        *pages_read = pages_read.wrapping_add(count as u32);
        self.request(driver, first, count, K::read)
    }

    fn request<K: Driver<Disk = D>>(
        &mut self,
        driver: &mut K,
        first: u32,
        count: usize,
        request: impl Fn(&mut K, &D, Transfer) -> Result<(), DriverError>,
    ) -> Result<(), DiskError> {
        let disk = self.opened.as_mut().ok_or(DiskError::Gone)?;
        let sector = u64::from(first) * u64::from(PAGE_SECTORS);
        let transfer = Transfer { sector, slot: 0, pages: count as u32 };
        let mut done = request(driver, disk, transfer);
        for _ in 1..DRIVERS {
            if done != Err(DriverError::Gone) {
                break;
            }
            // The driver has ended. The parent answers when the next driver serves, or when there
            // will be none. What was written is still on the disk.
            match open(driver) {
                Ok(again) => {
                    *disk = again;
                    done = request(driver, disk, transfer);
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

/// Opens the disk, and shares the whole transfer area with its driver.
fn open<K: Driver>(driver: &mut K) -> Result<K::Disk, DriverError> {
    let disk = driver.find()?;
    (0..SLOTS).try_for_each(|slot| driver.share(&disk, slot))?;
    Ok(disk)
}
