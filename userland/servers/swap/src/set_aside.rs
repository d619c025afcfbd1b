//! Slots of the disk that could not be written: they are set aside, and tried again when the disk
//! works.
//!
//! A request fails because a sector is bad, or because the disk is out of order for a while. One
//! failed request does not tell which. So all its slots are set aside and tried again later: one
//! slot at first, after each success twice as many, up to [`CLUSTER`]. After each failure twice as
//! many other requests have to succeed before the next try. So a sector that stays bad costs one
//! request in 256, and after an outage all slots are in use again within a few hundred requests. If
//! no other slot is free, the next try happens at once.

use crate::CLUSTER;
use crate::slots::Slots;

/// The most requests that have to succeed before the next try.
const LONGEST_WAIT: u32 = 256;

/// The slots that are set aside.
#[derive(Debug)]
pub struct SetAside {
    /// A slot that is free in this set is set aside.
    slots: Slots,
    /// The most slots of the next try.
    batch: u32,
    /// Requests that have to succeed before the next try.
    wait: u32,
    /// The value of `wait` after the next failure.
    next_wait: u32,
}

impl SetAside {
    /// No slot of a disk of `slots` slots is set aside.
    #[must_use]
    pub fn new(slots: u32) -> Self {
        Self { slots: Slots::all_taken(slots), batch: 1, wait: 0, next_wait: 1 }
    }

    /// How many slots are set aside.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.slots.free()
    }

    /// Sets slots aside that could not be written. None of them is set aside.
    pub fn add(&mut self, first: u32, length: u32) {
        (first..first + length).for_each(|slot| self.slots.give_back(slot));
    }

    /// Takes slots to be tried again: a run of at most `wanted`, if it is time for a try or there
    /// are no `others`.
    pub fn take(&mut self, wanted: u32, others: bool) -> Option<(u32, u32)> {
        if others && self.wait > 0 {
            return None;
        }
        self.slots.take(wanted.min(self.batch))
    }

    /// The slots that were taken for a try could be written.
    pub fn try_succeeded(&mut self) {
        self.batch = (self.batch * 2).min(CLUSTER as u32);
        (self.wait, self.next_wait) = (0, 1);
    }

    /// The slots that were taken for a try could not be written; they are set aside again.
    pub fn try_failed(&mut self, first: u32, length: u32) {
        self.add(first, length);
        self.batch = 1;
        self.wait = self.next_wait;
        self.next_wait = (self.next_wait * 2).min(LONGEST_WAIT);
    }

    /// A request for other slots succeeded.
    pub const fn other_succeeded(&mut self) {
        self.wait = self.wait.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_come_back_one_by_one_and_then_faster() {
        let mut set_aside = SetAside::new(64);
        set_aside.add(0, 64);
        for length in [1, 2, 4, 8, 16, 16, 16, 1] {
            assert_eq!(set_aside.take(16, true).map(|(_, length)| length), Some(length));
            set_aside.try_succeeded();
        }
        assert_eq!((set_aside.count(), set_aside.take(16, false)), (0, None));
    }

    #[test]
    fn each_failure_doubles_the_wait_up_to_its_bound() {
        let mut set_aside = SetAside::new(1);
        set_aside.add(0, 1);
        for wait in [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 256] {
            for _ in 0..wait {
                assert_eq!(set_aside.take(16, true), None);
                set_aside.other_succeeded();
            }
            assert_eq!(set_aside.take(16, true), Some((0, 1)), "after {wait}");
            set_aside.try_failed(0, 1);
        }
        assert_eq!(set_aside.take(16, false), Some((0, 1)), "there are no others");
    }
}
