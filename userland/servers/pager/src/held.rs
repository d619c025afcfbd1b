//! Where the pages are held that the pager has taken from clients, and which of their frames wait
//! for the next page that comes.
//!
//! A page that does not go back to its client leaves a *spare*: its frame becomes a scratch page, to
//! be filled for the next client. To give the frame up and to have another one zeroed would take
//! 800 instructions more. Only a page that nobody else maps becomes a spare. There are at most
//! [`CLUSTER`], because other processes may need the frames.

use swap::CLUSTER;

use crate::kernel::{Kernel, PLACES};

/// The places of the pages that are held.
pub struct Held {
    /// The place of each taken page.
    places: [u8; CLUSTER],
    /// Bit `i`: a spare is at place `i`.
    spares: u32,
    /// Bit `i`: at place `i` is a page of which the pager has not decided.
    taken: u32,
}

/// There is always a place for a taken page.
const _: () = assert!(PLACES == u32::BITS as usize && 2 * CLUSTER <= PLACES);

impl Held {
    /// Nothing is held.
    pub const NONE: Self = Self { places: [0; CLUSTER], spares: 0, taken: 0 };

    /// How many spares there are.
    pub const fn spares(&self) -> u32 {
        self.spares.count_ones()
    }

    /// A place for taken page `index`.
    pub const fn take_place(&mut self, index: usize) -> usize {
        let place = (self.spares | self.taken).trailing_ones();
        self.taken |= 1 << place;
        self.places[index] = place as u8;
        place as usize
    }

    /// Where taken page `index` is.
    pub const fn place(&self, index: usize) -> usize {
        self.places[index] as usize
    }

    /// The place of taken page `index` is free again.
    pub const fn leave_place(&mut self, index: usize) {
        self.taken &= !(1 << self.places[index]);
    }

    /// Drops taken page `index`.
    pub fn drop(&mut self, index: usize, kernel: &mut impl Kernel) {
        self.leave_place(index);
        let place = self.place(index);
        if self.spares() < CLUSTER as u32 && kernel.is_private(place) {
            self.spares |= 1 << place;
        } else {
            kernel.drop_held(place);
        }
    }

    /// A spare as scratch page.
    pub fn scratch<K: Kernel>(&mut self, kernel: &mut K) -> Option<K::Scratch> {
        let place = self.spares.checked_ilog2()?;
        self.spares &= !(1 << place);
        // It fails only if the pager's parent has mapped the page meanwhile.
        kernel.scratch_from_held(place as usize).map_err(|_| kernel.drop_held(place as usize)).ok()
    }

    /// Gives the frames of the spares back. Returns whether there were any.
    pub fn drop_spares(&mut self, kernel: &mut impl Kernel) -> bool {
        let spares = core::mem::take(&mut self.spares);
        (0..PLACES).filter(|place| spares >> place & 1 != 0).for_each(|it| kernel.drop_held(it));
        spares != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_is_left_is_the_next_one_and_no_other_place_is_taken_twice() {
        let mut held = Held::NONE;
        assert_eq!([0, 1, 2].map(|index| held.take_place(index)), [0, 1, 2]);
        held.leave_place(1);
        assert_eq!([1, 3].map(|index| held.take_place(index)), [1, 3]);
        assert_eq!([0, 1, 2, 3].map(|index| held.place(index)), [0, 1, 2, 3]);
    }
}
