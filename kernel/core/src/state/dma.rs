//! The frames that devices may access: a pool that is set aside at boot.
//!
//! A frame of the pool has one mapping that is never removed, so its count never reaches 0 and it
//! is never freed: a device may still write to it after the driver has unmapped it. Each frame has
//! at most one holder.
//!
//! When a driver ends, its frames go into *quarantine*. There is no IOMMU, so the device may still
//! write to them, and no process gets them until the driver's keeper says that the device is off.
//! The keeper is the driver's parent; when a keeper ends, its own parent becomes the keeper.

use abi::{Frame, ProcessId, UserPage};

use crate::state::frames::FrameRange;
use crate::state::process::Index;

/// The most frames of the pool.
pub const POOL: u32 = 64;

/// The holder of a frame of the pool. `Nobody` is all zero bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
enum Holder {
    Nobody = 0,
    /// A living driver, which got the frame at `page`.
    Driver {
        driver: Index,
        page: UserPage,
    },
    /// A dead driver. `keeper` decides when the frame is free again.
    Quarantine {
        driver: ProcessId,
        keeper: Index,
    },
}

/// The pool: consecutive frames and their holders.
pub struct DmaPool {
    first: u32,
    frames: u32,
    holders: [Holder; POOL as usize],
    quarantined: u32,
}

impl DmaPool {
    /// An empty pool.
    #[must_use]
    pub const fn none() -> Self {
        Self { first: 0, frames: 0, holders: [Holder::Nobody; POOL as usize], quarantined: 0 }
    }

    /// A pool of these frames. Nothing else may use them.
    ///
    /// # Panics
    /// If there are more than [`POOL`] frames.
    #[must_use]
    pub fn new(range: FrameRange) -> Self {
        assert!(range.len() <= POOL, "{range:?} is too much for the DMA pool");
        Self { first: range.first, frames: range.len(), ..Self::none() }
    }

    /// All frames of the pool.
    pub fn frames(&self) -> impl Iterator<Item = Frame> + use<> {
        (self.first..self.first + self.frames).map(Frame::from_number)
    }

    /// The number of the first frame, and how many there are.
    #[must_use]
    pub const fn extent(&self) -> (u32, u32) {
        (self.first, self.frames)
    }

    /// How many frames are in quarantine.
    #[must_use]
    pub const fn quarantined(&self) -> u32 {
        self.quarantined
    }

    /// The lowest run of `count` consecutive frames without a holder. Returns the first frame of
    /// the run.
    #[must_use]
    pub fn find(&self, count: u32) -> Option<Frame> {
        let holders = self.holders.get(..self.frames as usize)?;
        let free = |run: &[Holder]| run.iter().all(|holder| *holder == Holder::Nobody);
        let at = holders.windows(count as usize).position(free)?;
        Some(Frame::from_number(self.first + at as u32))
    }

    /// Gives a frame of the pool to a driver, which gets it at this page of its space.
    pub fn hold(&mut self, driver: Index, frame: Frame, page: UserPage) {
        self.set(frame, Holder::Driver { driver, page });
    }

    /// Takes a frame of the pool back from its driver.
    pub fn release(&mut self, frame: Frame) {
        self.set(frame, Holder::Nobody);
    }

    /// The frame that the driver got at this page and has not given back. The driver may have
    /// unmapped it.
    #[must_use]
    pub fn held_at(&self, driver: Index, page: UserPage) -> Option<Frame> {
        let at =
            self.holders.iter().position(|holder| *holder == Holder::Driver { driver, page })?;
        Some(Frame::from_number(self.first + at as u32))
    }

    /// Whether `keeper` keeps a frame of this dead driver.
    #[must_use]
    pub fn keeps(&self, driver: ProcessId, keeper: Index) -> bool {
        self.holders.contains(&Holder::Quarantine { driver, keeper })
    }

    /// Puts the frames of a driver that ends into quarantine. Without a keeper, they are free.
    pub fn quarantine(&mut self, driver: Index, name: ProcessId, keeper: Option<Index>) {
        for holder in &mut self.holders {
            if matches!(*holder, Holder::Driver { driver: holder, .. } if holder == driver) {
                *holder = match keeper {
                    Some(keeper) => Holder::Quarantine { driver: name, keeper },
                    None => Holder::Nobody,
                };
                self.quarantined += u32::from(keeper.is_some());
            }
        }
    }

    /// When a keeper ends, makes its parent the keeper of its quarantined frames. Without a parent,
    /// the frames are free.
    pub fn inherit(&mut self, dead: Index, parent: Option<Index>) {
        for holder in &mut self.holders {
            let Holder::Quarantine { driver, keeper } = *holder else { continue };
            if keeper == dead {
                *holder = match parent {
                    Some(keeper) => Holder::Quarantine { driver, keeper },
                    None => Holder::Nobody,
                };
                self.quarantined -= u32::from(parent.is_none());
            }
        }
    }

    /// Ends the quarantine of a dead driver's frames that `keeper` keeps. Returns how many there
    /// were.
    pub fn reclaim(&mut self, driver: ProcessId, keeper: Index) -> u32 {
        let mut count = 0;
        for holder in &mut self.holders {
            if *holder == (Holder::Quarantine { driver, keeper }) {
                *holder = Holder::Nobody;
                count += 1;
            }
        }
        self.quarantined -= count;
        count
    }

    /// Sets the holder of a frame. Nothing happens if the frame is not in the pool.
    fn set(&mut self, frame: Frame, holder: Holder) {
        let at = frame.number().wrapping_sub(self.first) as usize;
        if let Some(slot) = self.holders.get_mut(at) {
            *slot = holder;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    const DRIVER: Index = Index::new(5);
    const KEEPER: Index = Index::new(1);
    const PARENT: Index = Index::new(0);

    fn pool() -> DmaPool {
        DmaPool::new(FrameRange { first: 0x100, end: 0x108 })
    }

    /// The page at which a frame is mapped in these tests.
    fn page(number: u32) -> UserPage {
        UserPage::known(number << 12)
    }

    fn take(pool: &mut DmaPool, driver: Index, count: u32) -> Option<u32> {
        let first = pool.find(count)?.number();
        for number in first..first + count {
            pool.hold(driver, Frame::from_number(number), page(number));
        }
        Some(first)
    }

    #[test]
    fn runs_are_contiguous_and_given_to_one_at_a_time() {
        let mut pool = pool();
        assert_eq!(take(&mut pool, DRIVER, 3), Some(0x100));
        assert_eq!(take(&mut pool, KEEPER, 4), Some(0x103));
        assert_eq!(take(&mut pool, DRIVER, 2), None, "one is left");
        pool.release(Frame::from_number(0x101));
        assert_eq!(take(&mut pool, DRIVER, 2), None, "two are, but apart");
        assert_eq!(take(&mut pool, DRIVER, 1), Some(0x101));
        assert_eq!(pool.held_at(DRIVER, page(0x101)), Some(Frame::from_number(0x101)));
        assert_eq!(pool.held_at(DRIVER, page(0x103)), None, "another's");
        assert_eq!(pool.held_at(DRIVER, page(0x107)), None, "nobody's");
        assert_eq!(DmaPool::none().find(1), None);
    }

    #[test]
    fn a_dead_drivers_frames_come_back_only_when_its_keeper_says_so() {
        let mut pool = pool();
        let name = ProcessId::first(5);
        take(&mut pool, DRIVER, 8).unwrap();
        pool.quarantine(DRIVER, name, Some(KEEPER));
        assert_eq!((pool.quarantined(), pool.find(1)), (8, None));
        assert_eq!(pool.held_at(DRIVER, page(0x100)), None, "nor the next one in its slot");
        assert!(pool.keeps(name, KEEPER) && !pool.keeps(name, PARENT));
        assert_eq!((pool.reclaim(name, PARENT), pool.reclaim(name.next(), KEEPER)), (0, 0));
        pool.inherit(KEEPER, Some(PARENT));
        assert_eq!((pool.reclaim(name, KEEPER), pool.find(1)), (0, None));
        assert_eq!((pool.reclaim(name, PARENT), pool.quarantined()), (8, 0));
        assert_eq!(take(&mut pool, DRIVER, 8), Some(0x100));
    }

    #[test]
    fn without_anybody_left_to_keep_them_frames_are_free() {
        let mut pool = pool();
        take(&mut pool, DRIVER, 4).unwrap();
        pool.quarantine(DRIVER, ProcessId::first(5), None);
        take(&mut pool, DRIVER, 8).unwrap();
        pool.quarantine(DRIVER, ProcessId::first(5), Some(KEEPER));
        pool.inherit(KEEPER, None);
        assert_eq!((pool.quarantined(), take(&mut pool, DRIVER, 8)), (0, Some(0x100)));
        let frames: Vec<u32> = pool.frames().map(Frame::number).collect();
        assert_eq!((frames.len(), frames[0]), (8, 0x100));
    }
}
