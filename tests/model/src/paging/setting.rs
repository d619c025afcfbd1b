//! What differs from one machine to the next.

/// How scarce things are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Setting {
    /// Slots of the swap disk.
    pub slots: u32,
    /// One in so many requests that write to the disk fails; 0 for none.
    pub write_fails: u32,
    /// One in so many requests that read from the disk fails; 0 for none.
    pub read_fails: u32,
    /// Whether clients have quotas.
    pub quotas: bool,
}

impl Setting {
    /// The setting of a seed: neighbouring seeds have different ones.
    #[must_use]
    pub const fn of(seed: u64) -> Self {
        const PLENTY: u32 = 2000;
        let (slots, write_fails, read_fails, quotas) = match seed % 6 {
            0 => (PLENTY, 0, 0, true),
            1 => (PLENTY, 0, 0, false),
            2 => (60, 0, 0, false),
            3 => (PLENTY, 12, 60, false),
            4 => (24, 4, 0, true),
            _ => (0, 0, 0, false),
        };
        Self { slots, write_fails, read_fails, quotas }
    }
}
