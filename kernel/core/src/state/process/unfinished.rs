//! A call that restarts until its work is done.

use abi::ProcessId;

/// How far a call has come that goes back to its trap instruction and is made again: work of no fixed length in steps of
/// one.
///
/// It belongs to that call with those arguments. Whatever else of the process enters the kernel makes it void: another
/// call, a fault that is delivered to the process's handler, or its parent, who sets its registers. For a process can go
/// elsewhere in between: its code may be changed, and a fault on its own text goes to its handler.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u32)]
pub enum Unfinished {
    /// No call is to be repeated, or it begins anew.
    #[default]
    None = 0,
    /// JOS call 0 of so many bytes from an address on.
    Cputs {
        /// Its first argument.
        address: u32,
        /// Its second.
        length: u32,
        /// How far it has come.
        progress: Cputs,
    },
    /// JOS call 3 about a child, which has been ended.
    EnvDestroy {
        /// Its argument.
        child: ProcessId,
    },
}

/// How far a cputs has come, in bytes that are multiples of the page size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cputs {
    /// So many bytes can be read.
    Checked(u32),
    /// All can be read, and so many are printed.
    Printed(u32),
}
