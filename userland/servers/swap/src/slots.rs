//! Which slots of the disk are taken. A slot holds a page; neighbouring slots are taken together,
//! so that one request writes them.

use alloc::boxed::Box;
use alloc::vec;

/// The slots of a disk.
#[derive(Debug)]
pub struct Slots {
    /// Bit `i` of word `w`: slot `32 w + i` is taken.
    words: Box<[u32]>,
    slots: u32,
    taken: u32,
    next: u32,
}

impl Slots {
    /// `slots` slots, all free.
    #[must_use]
    pub fn new(slots: u32) -> Self {
        Self { words: vec![0; slots.div_ceil(32) as usize].into(), slots, taken: 0, next: 0 }
    }

    /// `slots` slots, all taken.
    #[must_use]
    pub fn all_taken(slots: u32) -> Self {
        Self {
            words: vec![u32::MAX; slots.div_ceil(32) as usize].into(),
            slots,
            taken: slots,
            next: 0,
        }
    }

    /// How many slots there are.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.slots
    }

    /// Whether there is no disk.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.slots == 0
    }

    /// How many slots are free.
    #[must_use]
    pub const fn free(&self) -> u32 {
        self.slots - self.taken
    }

    /// Takes up to `wanted` neighbouring slots: the first run of that length after the slots that
    /// were taken last, or else the longest run. Returns the first slot and the length; `None` if
    /// no slot is free or wanted.
    pub fn take(&mut self, wanted: u32) -> Option<(u32, u32)> {
        let (first, length) = self.find(wanted)?;
        for slot in first..first + length {
            self.words[(slot / 32) as usize] |= 1 << (slot % 32);
        }
        self.taken += length;
        self.next = first + length;
        Some((first, length))
    }

    /// Frees a slot.
    ///
    /// # Panics
    /// If it is free: then an item is wrong.
    pub fn give_back(&mut self, slot: u32) {
        assert!(self.is_taken(slot), "slot {slot} is free");
        self.words[(slot / 32) as usize] &= !(1 << (slot % 32));
        self.taken -= 1;
    }

    fn find(&self, wanted: u32) -> Option<(u32, u32)> {
        if wanted == 0 || self.free() == 0 {
            return None;
        }
        let (mut best, mut row) = ((0, 0), (0, 0));
        for slot in (self.next..self.slots).chain(0..self.next.min(self.slots)) {
            if slot.is_multiple_of(32) && self.words[(slot / 32) as usize] == u32::MAX {
                // All 32 slots of the word are taken. The loop goes on with the next slot, and each
                // of the other 31 ends the run again, which costs little.
                row = (0, 0);
                continue;
            }
            row = match row {
                _ if self.is_taken(slot) => (0, 0),
                (first, length) if first + length == slot => (first, length + 1),
                _ => (slot, 1),
            };
            if row.1 > best.1 {
                best = row;
            }
            if best.1 == wanted {
                break;
            }
        }
        Some(best)
    }

    fn is_taken(&self, slot: u32) -> bool {
        self.words[(slot / 32) as usize] >> (slot % 32) & 1 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_row_is_as_long_as_wanted_or_as_long_as_there_is() {
        let mut slots = Slots::new(40);
        assert_eq!(slots.take(16), Some((0, 16)));
        assert_eq!(slots.take(16), Some((16, 16)));
        assert_eq!(slots.take(16), Some((32, 8)), "the rest");
        assert_eq!(slots.take(1), None);
        [3, 4, 20, 21, 22].iter().for_each(|slot| slots.give_back(*slot));
        assert_eq!(slots.take(4), Some((20, 3)));
        assert_eq!(slots.take(2), Some((3, 2)));
        assert_eq!(slots.free(), 0);
        assert_eq!(Slots::new(0).take(1), None);
    }

    /// What [`Slots::take`] promises, looked for in each run of free slots: first those from `next`
    /// on, then those before it.
    fn promised(taken: &[bool], next: usize, wanted: u32) -> Option<(u32, u32)> {
        let mut best = None;
        for part in [next..taken.len(), 0..next] {
            let end = part.end;
            let begins = |slot: &usize| !taken[*slot] && (*slot == part.start || taken[*slot - 1]);
            for first in part.clone().filter(begins) {
                let length = (first..end).take_while(|slot| !taken[*slot]).count() as u32;
                if length >= wanted {
                    return Some((first as u32, wanted));
                }
                if best.is_none_or(|(_, longest)| length > longest) {
                    best = Some((first as u32, length));
                }
            }
        }
        best
    }

    #[test]
    fn a_disk_that_is_not_there_yet_has_no_free_slot() {
        for count in [0, 1, 31, 32, 33] {
            let mut slots = Slots::all_taken(count);
            assert_eq!((slots.len(), slots.free(), slots.is_empty()), (count, 0, count == 0));
            assert_eq!(slots.take(1), None);
            (0..count).for_each(|slot| slots.give_back(slot));
            assert_eq!(slots.free(), count);
            assert_eq!(slots.take(64), (count > 0).then_some((0, count)));
        }
    }

    #[test]
    #[should_panic(expected = "slot 33 is free")]
    fn a_free_slot_cannot_be_given_back() {
        let mut slots = Slots::new(64);
        slots.take(33);
        slots.give_back(33);
    }

    proptest! {
        #[test]
        fn what_is_taken_is_the_first_run_that_is_long_enough_or_the_longest(
            steps in proptest::collection::vec((1_u32..70, any::<prop::sample::Index>(), 0_usize..9), 1..60),
        ) {
            let mut slots = Slots::new(135);
            let (mut taken, mut next) = (vec![false; 135], 0);
            for (wanted, from, back) in steps {
                let expected = promised(&taken, next, wanted);
                prop_assert_eq!(slots.take(wanted), expected);
                if let Some((first, length)) = expected {
                    next = (first + length) as usize;
                    taken[first as usize..next].fill(true);
                }
                let from = from.index(taken.len());
                for slot in (from..taken.len()).filter(|slot| taken[*slot]).take(back).collect::<Vec<_>>() {
                    slots.give_back(slot as u32);
                    taken[slot] = false;
                }
            }
        }

        #[test]
        fn no_slot_is_taken_twice(steps in proptest::collection::vec((0_u32..17, 0_usize..64), 1..200)) {
            let mut slots = Slots::new(100);
            let mut taken = Vec::new();
            for (wanted, back) in steps {
                if let Some((first, length)) = slots.take(wanted) {
                    prop_assert!((1..=wanted).contains(&length));
                    for slot in first..first + length {
                        prop_assert!(slot < 100 && !taken.contains(&slot));
                        taken.push(slot);
                    }
                } else {
                    prop_assert!(wanted == 0 || taken.len() == 100);
                }
                if back < taken.len() {
                    slots.give_back(taken.swap_remove(back));
                }
                prop_assert_eq!(slots.free() as usize, 100 - taken.len());
            }
        }
    }
}
