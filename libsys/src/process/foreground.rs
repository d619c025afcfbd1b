//! How a program is watched while it has the terminal: until it ends, or Ctrl-C ends it.

use abi::{Error, ProcessId};

use crate::call::Ended;
use crate::message::{Event, next_event};

/// How a program in the foreground came to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Finished {
    /// By itself, by an exception, or by another process.
    Ended(Ended),
    /// By Ctrl-C, with all its descendants.
    Interrupted,
}

/// Waits for the end of a child; ends it with its whole subtree when Ctrl-C comes, for which the caller has to own
/// the console. What else arrives meanwhile goes to `other`.
///
/// # Errors
/// `NoChild`: it is no child of the caller's.
pub fn attend(child: ProcessId, mut other: impl FnMut(Event)) -> Result<Finished, Error> {
    loop {
        match next_event()? {
            Event::Exit { child: ended, status, reason } if ended == child => {
                return Ok(Finished::Ended(Ended { child, status, reason }));
            }
            Event::Interrupt => {
                super::end(child)?;
                return Ok(Finished::Interrupted);
            }
            event @ (Event::Exit { .. }
            | Event::Message { .. }
            | Event::Fault { .. }
            | Event::Clone { .. }
            | Event::Frames { .. }) => {
                other(event);
            }
        }
    }
}
