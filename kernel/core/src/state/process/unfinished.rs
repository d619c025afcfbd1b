//! How far a call has come that restarts until its work is done.

/// How far a restarting call has come. Work of unbounded length is done in steps: after each step
/// the call goes back to its trap instruction, and the process makes the call again.
///
/// The progress belongs to that call with those arguments. Every other way in which the process
/// enters the kernel makes the progress void: another call, a fault that is delivered to the
/// handler, or a parent that sets the registers. Between two steps the process may run other code:
/// its text may be changed, and a fault on its text goes to its handler. If the progress were kept,
/// a later call with the same arguments would begin in the middle.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u32)]
pub enum Unfinished {
    /// No call restarts, or the restarting call begins at the start.
    #[default]
    None = 0,
    /// JOS call 0 (`cputs`).
    Cputs {
        /// The call's first argument, the address of the bytes.
        address: u32,
        /// The call's second argument, their number.
        length: u32,
        /// What is done.
        progress: Cputs,
    },
    /// JOS call 3 (`env_destroy`) for a child, which has ended but is not torn down yet.
    EnvDestroy {
        /// The call's argument.
        env: u32,
    },
}

/// How far a `cputs` has come, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cputs {
    /// The caller can read so many bytes. Nothing is printed.
    Checked(u32),
    /// The caller could read all bytes, and so many are printed.
    Printed(u32),
}
