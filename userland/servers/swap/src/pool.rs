//! How the pager's tables grow: a [`Pool`] reserves its addresses at the beginning, and takes
//! memory for them just before it is touched.
//!
//! A `Vec` that grows would copy itself to new memory, and would end the program if there is none.

use alloc::vec::Vec;

/// The source of the pager's own memory.
pub trait Memory {
    /// Makes sure that `bytes` bytes from `address` on are backed by frames. Returns `false` if
    /// there are none.
    fn take(&mut self, address: usize, bytes: usize) -> bool;
}

/// There is no memory for one more value, or the bound is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

/// Values that grow in number up to a bound and never move.
#[derive(Debug)]
pub struct Pool<T> {
    values: Vec<T>,
    bound: usize,
}

impl<T: Clone> Pool<T> {
    /// An empty pool with addresses for `bound` values.
    #[must_use]
    pub fn new(bound: usize) -> Self {
        Self { values: Vec::with_capacity(bound), bound }
    }

    /// Adds `count` values.
    ///
    /// # Errors
    /// `Full`: the bound is reached, or there is no memory; nothing was added.
    pub fn grow(&mut self, count: usize, value: &T, memory: &mut impl Memory) -> Result<(), Full> {
        let length = self.values.len() + count;
        let end = self.values.as_ptr().wrapping_add(self.values.len()).addr();
        if length > self.bound || !memory.take(end, count * size_of::<T>()) {
            return Err(Full);
        }
        self.values.resize(length, value.clone());
        Ok(())
    }

    /// All values.
    #[must_use]
    pub const fn all(&self) -> &[T] {
        self.values.as_slice()
    }

    /// All values.
    pub fn all_mut(&mut self) -> &mut [T] {
        &mut self.values
    }
}

/// A source of memory that never runs out, for the tests of this crate.
#[cfg(test)]
pub(crate) struct Plenty;

#[cfg(test)]
impl Memory for Plenty {
    fn take(&mut self, _: usize, _: usize) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Frames(usize);

    impl Memory for Frames {
        fn take(&mut self, _: usize, bytes: usize) -> bool {
            let enough = bytes <= self.0;
            self.0 -= if enough { bytes } else { 0 };
            enough
        }
    }

    #[test]
    fn a_pool_grows_to_its_bound_or_to_the_end_of_memory_and_never_moves() {
        let (mut pool, mut memory) = (Pool::<u32>::new(5), Frames(16));
        assert_eq!(pool.grow(2, &7, &mut memory), Ok(()));
        let address = pool.all().as_ptr();
        assert_eq!(pool.grow(4, &7, &mut memory), Err(Full), "over the bound");
        assert_eq!(pool.grow(3, &8, &mut memory), Err(Full), "12 bytes of 8");
        assert_eq!(pool.grow(2, &8, &mut memory), Ok(()));
        assert_eq!((pool.all(), pool.all().as_ptr()), (&[7, 7, 8, 8][..], address));
    }
}
