//! How much work one call does at most before it returns.
//!
//! Interrupts are off while the kernel runs. So a call that changes many pages stops when its
//! budget is spent, and returns how many pages it has done; its caller asks again for the rest. A
//! call always does at least one page.
//!
//! A unit is about 32 instructions, so a whole budget is about 17,000. The prices are what a page
//! takes in a space that is not loaded, and is not bounded by a quota; the benchmark's rows
//! `longest_range_*` measure them. Each quota above a process makes a page that is charged or
//! credited dearer, by an amount that was not measured.

use abi::Error;

use crate::memory::pages::Walked;

/// The units of one call: 512 pages of a fork, the first of which needs a table. So a fork of a whole
/// table takes two calls.
pub(crate) const UNITS: u32 = 512 + MAP;

/// The price of a page that is absent, or that the short loop shares, of a range.
pub(crate) const WALK: u32 = 1;
/// The price of a page whose permissions change, or that the short loop shares, of a list.
pub(crate) const PROTECT: u32 = 2;
/// The price of a page that is unmapped.
pub(crate) const UNMAP: u32 = 3;
/// The price of a page whose frame is mapped a second time.
pub(crate) const MAP: u32 = 16;
/// The price of a frame that is zeroed or copied.
pub(crate) const FRAME: u32 = 48;

/// The most pages for which one call takes frames.
pub(crate) const PAGES_WITH_FRAMES: u32 = UNITS / FRAME;

/// The result of a call that has done so many pages: an error that stopped it comes only if these
/// are none. Otherwise it comes when the call is made again for the rest.
pub(crate) const fn stopped(done: Walked) -> Result<u32, Error> {
    match done {
        Err((0, error)) => Err(error),
        Ok(done) | Err((done, _)) => Ok(done),
    }
}
