//! How a program changes many pages of which it has seen the entries ([`abi::transaction`]).
//!
//! A program reads entries through the window, decides, notes each page with its entry in a list,
//! and has all changed by one call. Where an entry is another one by then, the call stops; the
//! program looks again and decides again.
#![allow(unsafe_code)]

use abi::Error;
use abi::process::Target;
use abi::transaction::{LIST, Seen, Wish};

use crate::call;

/// A transaction that stopped early.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stopped {
    /// Why.
    pub error: Error,
    /// Pages that were done, from the first of the list on.
    pub done: usize,
}

impl From<Stopped> for Error {
    fn from(stopped: Stopped) -> Self {
        stopped.error
    }
}

/// Changes the pages of a list, by as many calls as that takes. Returns the A and D bits of their
/// old entries together.
///
/// # Safety
/// As of [`call::transact`].
///
/// # Errors
/// Those of [`abi::Syscall::Transact`] for the first page that could not be changed. What came
/// before stays changed.
pub unsafe fn transact(
    process: impl Into<Target>,
    list: &[Seen],
    wish: Wish,
) -> Result<u32, Stopped> {
    let (process, mut done, mut marks) = (process.into(), 0, 0);
    while done < list.len() {
        let end = list.len().min(done + LIST as usize);
        // SAFETY: by the contract of this function.
        match unsafe { call::transact(process, &list[done..end], wish) } {
            Ok(part) => {
                done += part.done as usize;
                marks |= part.marks;
            }
            Err(error) => return Err(Stopped { error, done }),
        }
    }
    Ok(marks)
}
