//! What can run short.

/// What runs short.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shortage {
    /// The k-th allocation of a frame fails, and no other.
    Once,
    /// The k-th and all later ones fail, until the scenario has ended.
    Lasting,
    /// The process may map k frames more.
    Quota,
    /// k process slots are free.
    Slots,
}

impl Shortage {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Once, Self::Lasting, Self::Quota, Self::Slots];

    /// What the options and the table call it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Once => "once",
            Self::Lasting => "lasting",
            Self::Quota => "quota",
            Self::Slots => "slots",
        }
    }

    /// The least k: the first allocation, or nothing left.
    pub(super) const fn first(self) -> u32 {
        match self {
            Self::Once | Self::Lasting => 1,
            Self::Quota | Self::Slots => 0,
        }
    }

    /// A k with which no scenario runs short.
    pub(super) const fn plenty(self) -> u32 {
        match self {
            Self::Once | Self::Lasting => 0,
            Self::Quota => 1 << 14,
            Self::Slots => 8,
        }
    }

    /// What a program prints that cannot go on.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Once | Self::Lasting => "out of frames",
            Self::Quota => "quota exceeded",
            Self::Slots => "out of process slots",
        }
    }
}
