//! The number of a process slot.

use core::num::NonZeroU16;

use abi::layout::PROCESSES;

/// A process slot, `0..1024`.
///
/// `Option<Index>` is two bytes, and `None` is all zeros: the stored number is the slot plus 1,024,
/// which is never 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Index(NonZeroU16);

impl Index {
    /// Slot `slot`, taken modulo 1,024.
    #[must_use]
    pub const fn new(slot: u32) -> Self {
        match NonZeroU16::new((slot % PROCESSES + PROCESSES) as u16) {
            Some(number) => Self(number),
            None => unreachable!(),
        }
    }

    /// The slot number, `0..1024`, to index an array.
    #[must_use]
    pub const fn slot(self) -> usize {
        self.0.get() as usize % PROCESSES as usize
    }
}
