//! How a program is watched while it has the terminal: until it ends, or Ctrl-C ends it.

use abi::process_info::{ProcessInfo, Status};
use abi::{Error, ProcessId};

use crate::call::{self, Ended};
use crate::process::info;
use crate::service::message::{Event, next_event};

/// How a program in the foreground has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Finished {
    /// By itself, by an exception, or by another process.
    Ended(Ended),
    /// By Ctrl-C, with all its descendants.
    Interrupted,
}

/// Waits for the end of a child; ends it with its whole subtree when Ctrl-C comes, for which the
/// caller has to own the console. What else arrives meanwhile goes to `other`.
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

/// Ends all living children of the caller with their descendants, waits until their memory is free,
/// and returns how many children these were. The children of a process that ends become its
/// parent's. So a caller that starts one program at a time ends in this way what the program has
/// left behind.
pub fn end_all_children() -> u32 {
    end_children(|_| true)
}

/// As [`end_all_children`], for the children that are `chosen`. The caller has waited for each of
/// these that has ended already: the function waits until none is left, and does not ask for an end
/// itself.
pub fn end_children(chosen: impl Fn(ProcessId) -> bool) -> u32 {
    let me = call::identity().id.bits();
    let is_meant =
        |child: &ProcessInfo| child.parent == me && ProcessId::new(child.id).is_ok_and(&chosen);
    let is_dying = |child: &ProcessInfo| child.status == Status::Dying as u32;
    let mut ended = 0;
    loop {
        // The first look finds all of them, unless one ends meanwhile and its children move up.
        let before = ended;
        for child in info::processes().filter(|child| is_meant(child) && !is_dying(child)) {
            if ProcessId::new(child.id).is_ok_and(|id| call::destroy(id, true).is_ok()) {
                ended += 1;
            }
        }
        if ended == before {
            break;
        }
    }
    // The end of an adopted child is no message, so the caller looks for it.
    while info::processes().any(|child| is_meant(&child) && is_dying(&child)) {
        call::sleep(1);
    }
    ended
}
