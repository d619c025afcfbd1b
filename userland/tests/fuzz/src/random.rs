//! Numbers that look random and follow from the seed, the batch, the member and the step alone.

/// A stream of numbers (SplitMix64: Steele, Lea, Flood, 2014).
#[derive(Clone)]
pub struct Random(u64);

impl Random {
    /// The stream for one action: leaving out another action does not change it.
    pub fn of(seed: u32, batch: u32, member: u32, action: u32) -> Self {
        let key = u64::from(batch) << 32 | u64::from(member) << 16 | u64::from(action);
        let mut random = Self(u64::from(seed) << 1 ^ key.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        random.next();
        random
    }

    /// The next 32 bits.
    pub fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ z >> 31) >> 32) as u32
    }

    /// A number below `limit`, which is not 0.
    pub fn below(&mut self, limit: u32) -> u32 {
        self.next() % limit
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: u32) -> bool {
        self.below(times) == 0
    }

    /// One of the choices.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u32) as usize]
    }
}
