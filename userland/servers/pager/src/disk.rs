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
    /// `Gone`: there is no disk, or it has ended. `NotPermitted`: the disk does not serve the pager.
    /// `Full`: it has as many clients as it takes. `NotShared`: there are no frames for the transfer
    /// area.
    fn find(&mut self) -> Result<Self::Disk, DriverError>;

    /// How many sectors the disk has.
    fn sectors(disk: &Self::Disk) -> u64;

    /// Shares page `slot` of the transfer area with the driver.
    ///
    /// # Errors
    /// The driver's.
    fn share(&mut self, disk: &Self::Disk, slot: u32) -> Result<(), DriverError>;

    /// From the disk into the area, without the pages whose bits in `skipped` are set.
    ///
    /// # Errors
    /// The driver's.
    fn read(
        &mut self,
        disk: &Self::Disk,
        transfer: Transfer,
        skipped: u32,
    ) -> Result<(), DriverError>;

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

    /// Reads the slots from `first` on into the first `count` pages of the area, without the pages
    /// whose bits in `skipped` are set.
    ///
    /// # Errors
    /// As [`SwapDisk::write`].
    pub fn read<K: Driver<Disk = D>>(
        &mut self,
        driver: &mut K,
        first: u32,
        count: usize,
        skipped: u32,
    ) -> Result<(), DiskError> {
        let Transfers { reads, pages_read, .. } = &mut self.transfers;
        *reads = reads.wrapping_add(1);
        *pages_read = pages_read.wrapping_add(count as u32);
        self.request(driver, first, count, |driver, disk, transfer| {
            driver.read(disk, transfer, skipped)
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A driver that does what a test has written down, and notes what it is asked.
    #[derive(Default)]
    struct Script {
        sectors: u64,
        /// What the next requests come to; those after them succeed.
        answers: Vec<Result<(), DriverError>>,
        /// What the next openings come to; those after them succeed.
        openings: Vec<Result<(), DriverError>>,
        /// The slot that the driver does not take.
        refused: Option<u32>,
        /// How many disks were opened.
        opened: u32,
        /// Of the disk that was opened last.
        shared: Vec<u32>,
        /// Requests: by which disk, and what.
        asked: Vec<(u32, &'static str, Transfer)>,
        /// The pages that the last reading has skipped.
        skipped: u32,
    }

    fn next(answers: &mut Vec<Result<(), DriverError>>) -> Result<(), DriverError> {
        if answers.is_empty() { Ok(()) } else { answers.remove(0) }
    }

    impl Driver for Script {
        /// The number of the opening, and the sectors.
        type Disk = (u32, u64);

        fn find(&mut self) -> Result<(u32, u64), DriverError> {
            next(&mut self.openings)?;
            self.opened += 1;
            self.shared.clear();
            Ok((self.opened, self.sectors))
        }

        fn sectors((_, sectors): &(u32, u64)) -> u64 {
            *sectors
        }

        fn share(&mut self, (disk, _): &(u32, u64), slot: u32) -> Result<(), DriverError> {
            assert_eq!(*disk, self.opened);
            if self.refused == Some(slot) {
                return Err(DriverError::NotShared);
            }
            self.shared.push(slot);
            Ok(())
        }

        fn read(
            &mut self,
            disk: &(u32, u64),
            transfer: Transfer,
            skipped: u32,
        ) -> Result<(), DriverError> {
            self.asked.push((disk.0, "read", transfer));
            self.skipped = skipped;
            next(&mut self.answers)
        }

        fn write(&mut self, disk: &(u32, u64), transfer: Transfer) -> Result<(), DriverError> {
            self.asked.push((disk.0, "write", transfer));
            next(&mut self.answers)
        }

        fn fill_area(&mut self, _: u32, _: &Bytes) {}

        fn read_area(&mut self, _: u32, _: &mut Bytes) {}
    }

    const GONE: Result<(), DriverError> = Err(DriverError::Gone);

    fn open(script: &mut Script) -> SwapDisk<(u32, u64)> {
        SwapDisk::find(script).unwrap()
    }

    #[test]
    fn the_whole_area_is_shared_before_the_first_request() {
        let mut script = Script::default();
        open(&mut script);
        assert_eq!(script.shared, (0..SLOTS).collect::<Vec<_>>());
        for refused in [0, SLOTS - 1] {
            let mut script = Script { refused: Some(refused), ..Script::default() };
            assert_eq!(SwapDisk::find(&mut script).err(), Some(DriverError::NotShared));
        }
        let mut script = Script { openings: vec![Err(DriverError::Full)], ..Script::default() };
        assert_eq!(SwapDisk::find(&mut script).err(), Some(DriverError::Full));
    }

    #[test]
    fn a_disk_has_a_slot_for_each_whole_page_up_to_4_gib() {
        let table = [
            (0, 0),
            (7, 0),
            (8, 1),
            (8 * 100 + 7, 100),
            (0x80_0000 - 1, 0xF_FFFF),
            (0x80_0000, 0x10_0000),
            (0x80_0008, 0x10_0000),
            (u64::MAX, 0x10_0000),
        ];
        for (sectors, slots) in table {
            let mut script = Script { sectors, ..Script::default() };
            assert_eq!(open(&mut script).slots::<Script>(), slots, "{sectors:#x}");
        }
        assert_eq!(SwapDisk::<(u32, u64)>::NONE.slots::<Script>(), 0);
    }

    #[test]
    fn a_request_names_the_sectors_of_its_slots_and_the_first_pages_of_the_area() {
        let (mut script, last) = (Script::default(), 0xF_FFFF);
        let mut disk = open(&mut script);
        assert_eq!(disk.write(&mut script, 3, 2), Ok(()));
        assert_eq!(disk.read(&mut script, last, 1, 0x8001), Ok(()));
        let transfer = |sector, pages| Transfer { sector, slot: 0, pages };
        let expected = [(1, "write", transfer(24, 2)), (1, "read", transfer(0x7F_FFF8, 1))];
        assert_eq!((script.asked, script.skipped), (expected.to_vec(), 0x8001));
    }

    #[test]
    fn requests_are_counted_with_those_that_fail() {
        let mut script =
            Script { answers: vec![Err(DriverError::DeviceError); 2], ..Script::default() };
        let mut disk = open(&mut script);
        let counts = |disk: &SwapDisk<(u32, u64)>| {
            let Transfers { reads, pages_read, writes, pages_written } = disk.transfers();
            [reads, pages_read, writes, pages_written]
        };
        assert_eq!(counts(&disk), [0; 4]);
        assert_eq!(disk.write(&mut script, 0, 16), Err(DiskError::Failed));
        assert_eq!(disk.read(&mut script, 0, 5, 0), Err(DiskError::Failed));
        assert_eq!(disk.read(&mut script, 0, 2, 0), Ok(()));
        assert_eq!(counts(&disk), [2, 7, 1, 16]);
    }

    #[test]
    fn only_a_driver_that_has_ended_is_replaced() {
        for error in [DriverError::DeviceError, DriverError::ReadOnly, DriverError::NotOpen] {
            let mut script = Script { answers: vec![Err(error)], ..Script::default() };
            let mut disk = open(&mut script);
            assert_eq!(disk.write(&mut script, 0, 1), Err(DiskError::Failed));
            assert_eq!((script.opened, script.asked.len()), (1, 1), "{error:?}");
        }
    }

    #[test]
    fn a_request_is_sent_to_three_drivers_and_the_last_one_stays() {
        for (ended, expected) in [(0, Ok(())), (1, Ok(())), (2, Ok(())), (3, Err(DiskError::Gone))]
        {
            let mut script = Script { answers: vec![GONE; ended], ..Script::default() };
            let mut disk = open(&mut script);
            assert_eq!(disk.read(&mut script, 5, 1, 0), expected, "{ended}");
            let asked: Vec<u32> = script.asked.iter().map(|(disk, ..)| *disk).collect();
            assert_eq!(asked, (1..=(ended as u32 + 1).min(3)).collect::<Vec<_>>());
            assert_eq!(script.shared.len(), SLOTS as usize);
            assert!(script.asked.iter().all(|(_, kind, at)| (*kind, at.sector) == ("read", 40)));
            // The next request goes to the driver that has answered last.
            let last = script.opened;
            assert_eq!(disk.write(&mut script, 0, 1), Ok(()));
            assert_eq!(script.asked.last().map(|(disk, ..)| *disk), Some(last));
        }
    }

    #[test]
    fn a_driver_that_cannot_be_opened_is_looked_for_again_if_it_has_ended_too() {
        let table = [
            (vec![GONE], Ok(()), 2),
            (vec![GONE, GONE], Err(DiskError::Gone), 1),
            (vec![Err(DriverError::Full)], Err(DiskError::Failed), 1),
        ];
        for (openings, expected, opened) in table {
            let mut script = Script { answers: vec![GONE], ..Script::default() };
            let mut disk = open(&mut script);
            script.openings = openings;
            assert_eq!(disk.read(&mut script, 0, 1, 0), expected);
            assert_eq!((script.opened, script.openings.len()), (opened, 0));
        }
    }

    #[test]
    fn without_a_disk_every_request_fails() {
        let (mut script, mut disk) = (Script::default(), SwapDisk::NONE);
        assert_eq!(disk.write(&mut script, 0, 1), Err(DiskError::Gone));
        assert_eq!(disk.read(&mut script, 0, 1, 0), Err(DiskError::Gone));
        assert_eq!((script.opened, script.asked.len()), (0, 0));
    }
}
