//! The state of a course machine: a machine that runs JOS programs instead of `init`.

/// The JOS programs that the command line names, and the first of them that failed. All zero bytes
/// at boot.
pub struct Course {
    /// Whether the console shows what JOS's kernel prints about processes.
    pub reports: bool,
    /// The programs in slots `0..deciding` may still decide the status: all that the command line
    /// names, or, when one has failed, those before it.
    pub deciding: usize,
    /// The exit status of the first program that has failed; 0 while none has.
    pub status: u8,
}

impl Course {
    /// No programs, and no reports.
    pub const NONE: Self = Self { reports: false, deciding: 0, status: 0 };
}
