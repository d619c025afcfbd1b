//! The state of a course machine: a machine that runs JOS programs instead of `init`.

/// The JOS programs that the command line names, and the first of them that failed. All zero bytes
/// at boot.
pub struct Course {
    /// Whether the console shows what JOS's kernel prints about processes.
    pub reports: bool,
    /// How many programs the command line names. They are in slots `0..count`.
    pub count: usize,
    /// The lowest slot whose program ended with a status other than 0. Not valid while `status` is
    /// 0.
    pub failed: usize,
    /// The exit status of that program; 0 while no program has failed.
    pub status: u8,
}

impl Course {
    /// No programs, and no reports.
    pub const NONE: Self = Self { reports: false, count: 0, failed: 0, status: 0 };
}
