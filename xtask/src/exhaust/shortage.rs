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
    /// The swap disk has k pages.
    Disk,
    /// The k-th and all later requests that write to the disk fail.
    Writes,
    /// The k-th and all later requests that read from the disk fail.
    Reads,
}

impl Shortage {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Once,
        Self::Lasting,
        Self::Quota,
        Self::Slots,
        Self::Disk,
        Self::Writes,
        Self::Reads,
    ];

    /// Whether this is about the disk. A disk is as it is from the boot on, so each k is a boot,
    /// and only scenarios that page out to the disk are run.
    #[must_use]
    pub const fn is_of_the_disk(self) -> bool {
        match self {
            Self::Once | Self::Lasting | Self::Quota | Self::Slots => false,
            Self::Disk | Self::Writes | Self::Reads => true,
        }
    }

    /// What the options and the table call it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Once => "once",
            Self::Lasting => "lasting",
            Self::Quota => "quota",
            Self::Slots => "slots",
            Self::Disk => "disk",
            Self::Writes => "writes",
            Self::Reads => "reads",
        }
    }

    /// The least k: the first allocation, or nothing left.
    pub(super) const fn first(self) -> u32 {
        match self {
            Self::Once | Self::Lasting | Self::Disk | Self::Writes | Self::Reads => 1,
            Self::Quota | Self::Slots => 0,
        }
    }

    /// A k with which no scenario runs short.
    pub(super) const fn plenty(self) -> u32 {
        match self {
            Self::Once | Self::Lasting | Self::Disk | Self::Writes | Self::Reads => 0,
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
            Self::Disk => "swap space is full",
            Self::Writes => "the disk cannot be written",
            Self::Reads => "the disk cannot be read",
        }
    }
}
