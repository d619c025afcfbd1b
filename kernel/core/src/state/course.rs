//! What the kernel knows of a course machine: one that runs JOS programs instead of `init`.

/// The JOS programs that the command line names, and the first of them that failed. All zero bytes at the beginning.
pub struct Course {
    /// The console shows of processes what JOS's kernel prints.
    pub reports: bool,
    /// How many there are: they are in the slots below this one.
    pub count: usize,
    /// The slot of the first that ended with another status than 0. It means nothing while `status` is 0.
    pub failed: usize,
    /// The status of that program; 0 while there is none.
    pub status: u8,
}

impl Course {
    /// No programs, and no reports.
    pub const NONE: Self = Self { reports: false, count: 0, failed: 0, status: 0 };
}
