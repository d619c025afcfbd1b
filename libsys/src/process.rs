//! How a process comes to run a program (`Command`), and how its parent sees it end.

pub mod about;
#[cfg(target_os = "none")]
pub mod archive;
#[cfg(target_os = "none")]
pub mod arguments;
pub mod boot_line;
pub mod command_line;
mod id_text;
#[cfg(target_os = "none")]
pub mod info;
#[cfg(target_os = "none")]
pub mod start;
mod start_stack;
pub mod steps;

pub use id_text::parse_id;
pub use start_stack::{TooLong, start_stack};

#[cfg(target_os = "none")]
mod command;
#[cfg(target_os = "none")]
pub use command::{Command, SpawnError};
#[cfg(target_os = "none")]
mod foreground;
#[cfg(target_os = "none")]
pub use foreground::{Finished, attend, end_all_children, end_children};

#[cfg(target_os = "none")]
pub use crate::call::{Ended, exit, wait};

/// The caller's id.
#[cfg(target_os = "none")]
#[must_use]
pub fn id() -> abi::ProcessId {
    crate::call::identity().id
}

/// Ends a child with all its descendants, and waits for the end of it; by then its memory is free.
///
/// # Errors
/// `NoChild`: it is no child of the caller's.
#[cfg(target_os = "none")]
pub fn end(child: abi::ProcessId) -> Result<Ended, abi::Error> {
    // It may have ended by itself: then there is nothing to destroy, but still something to wait
    // for.
    let _ = crate::call::destroy(child, true);
    crate::call::wait(Some(child))
}
