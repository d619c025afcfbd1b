//! The JOS programs that the command line names, and how they have ended.

/// The programs that the command line names, and the first of them that failed. All zero bytes at the beginning.
pub struct Programs {
    /// How many there are: they are in the slots below this one.
    pub count: usize,
    /// The slot of the first that ended with another status than 0. It means nothing while `status` is 0.
    pub failed: usize,
    /// The status of that program; 0 while there is none.
    pub status: u8,
}

impl Programs {
    /// No programs.
    pub const NONE: Self = Self { count: 0, failed: 0, status: 0 };
}
