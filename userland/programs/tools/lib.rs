//! What the tools have in common: how a process is named on a command line, and how its page tables
//! are read.
#![no_std]
#![forbid(unsafe_code)]

use core::fmt;

use libsys::ProcessId;
use libsys::paging::self_map::Window;
use libsys::process::{info, parse_id};
use libsys::service::tables::{Asked, tables_of};

/// Why a process cannot be looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unseen {
    /// There is no process of this id any more.
    Ended(ProcessId),
    /// It is no client of the pager's, or views another process.
    Hidden(ProcessId),
}

impl fmt::Display for Unseen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(id) => write!(f, "process {id} has ended, or has never been"),
            Self::Hidden(id) => {
                write!(f, "process {id} is no client of the pager's, or views another one")
            }
        }
    }
}

/// The process that a word names; `None` if the word is no id. What looks like one is none of a
/// program, because no program's name begins with a digit.
#[must_use]
pub fn process(word: &str) -> Option<ProcessId> {
    parse_id(word)
}

/// The page tables of a process, as the pager sees them.
///
/// # Errors
/// [`Unseen`].
pub fn tables(id: ProcessId) -> Result<Window<Asked>, Unseen> {
    if !info::is_alive(id) {
        return Err(Unseen::Ended(id));
    }
    tables_of(id).ok_or(if info::is_alive(id) { Unseen::Hidden(id) } else { Unseen::Ended(id) })
}
