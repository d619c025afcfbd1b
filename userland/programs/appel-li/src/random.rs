//! Numbers that look random and are the same in every run: a 32-bit xorshift generator.

/// A generator.
#[derive(Clone, Copy, Debug)]
pub struct Random(u32);

impl Random {
    /// A generator for a seed. Every seed is possible, and seeds that are alike give numbers that
    /// are not.
    #[must_use]
    pub const fn new(seed: u32) -> Self {
        // The state 0 would stay 0. An odd factor permutes the seeds, and only the seed -1 becomes
        // 0.
        let state = seed.wrapping_add(1).wrapping_mul(0x9E37_79B9);
        Self(if state == 0 { 1 } else { state })
    }

    /// The next number.
    pub const fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    /// The next number below `bound`, which is not 0.
    pub const fn below(&mut self, bound: u32) -> u32 {
        ((self.next() as u64 * bound as u64) >> 32) as u32
    }

    /// Shuffles the items; each order is equally likely.
    pub fn shuffle<T>(&mut self, things: &mut [T]) {
        for last in (1..things.len()).rev() {
            things.swap(last, self.below(last as u32 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_seed_sticks_at_one_number() {
        for seed in [0, 1, u32::MAX, u32::MAX - 1] {
            let mut random = Random::new(seed);
            let first = random.next();
            assert!((0..100).all(|_| random.next() != first), "seed {seed:#x}");
        }
    }

    #[test]
    fn numbers_stay_below_their_bound_and_reach_all_below_it() {
        let mut random = Random::new(5);
        let mut found = [false; 7];
        (0..200).for_each(|_| found[random.below(7) as usize] = true);
        assert_eq!(found, [true; 7]);
    }

    #[test]
    fn a_shuffle_keeps_all_things_and_changes_their_order() {
        let mut things: Vec<u32> = (0..100).collect();
        Random::new(9).shuffle(&mut things);
        assert_ne!(things, (0..100).collect::<Vec<_>>());
        things.sort_unstable();
        assert_eq!(things, (0..100).collect::<Vec<_>>());
    }
}
