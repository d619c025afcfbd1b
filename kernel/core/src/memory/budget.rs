//! How much work one call does at most before it returns.
//!
//! Interrupts are off while the kernel runs. So a call that walks a range stops when its budget is
//! spent, and returns how many pages it has done; its caller asks again for the rest. A call always
//! does at least one page.
//!
//! A unit is about 32 instructions, so a whole budget is about 17,000. The prices are what a page
//! takes in a space that is not loaded, and is not bounded by a quota; the benchmark's rows
//! `longest_range_*` measure them. Each quota above a process makes a page that is charged or
//! credited dearer, by an amount that was not measured.

use abi::{Error, PageRange};

/// The units of one call: 512 pages of a fork, the first of which needs a table. So a fork of a whole
/// table takes two calls.
const UNITS: u32 = 512 + MAP;

/// The price of a page that is absent, or that the short loop of a fork shares.
pub(crate) const WALK: u32 = 1;
/// The price of a page whose permissions change.
pub(crate) const PROTECT: u32 = 2;
/// The price of a page that is unmapped.
pub(crate) const UNMAP: u32 = 3;
/// The price of a page whose frame is mapped a second time.
pub(crate) const MAP: u32 = 16;
/// The price of a frame that is zeroed or copied.
pub(crate) const FRAME: u32 = 48;

/// The most pages for which one call takes frames.
pub(crate) const PAGES_WITH_FRAMES: u32 = UNITS / FRAME;

/// The work that a call may still do.
pub(crate) struct Budget {
    left: u32,
}

impl Budget {
    /// The budget of a call that begins.
    #[inline(always)]
    pub const fn new() -> Self {
        Self { left: UNITS }
    }

    /// The units that are left. The call goes on while there are any.
    pub const fn left(&self) -> u32 {
        self.left
    }

    /// Takes units away. The last page of a call may cost more than is left.
    pub const fn spend(&mut self, units: u32) {
        self.left = self.left.saturating_sub(units);
    }

    /// The first items of a list that the budget pays at this price each. They are not paid yet.
    pub fn first<'l, T>(&self, list: &'l [T], price: u32) -> &'l [T] {
        &list[..list.len().min((self.left / price) as usize)]
    }
}

/// The first pages of a range for which a whole budget pays at this price each.
pub(crate) const fn part(range: PageRange, price: u32) -> PageRange {
    range.at_most(UNITS / price)
}

/// The result of a call that stops at an error after `done` pages: the pages, if there are any. The
/// error comes when the call is made again for the rest.
pub(crate) const fn stopped(done: u32, error: Error) -> Result<u32, Error> {
    if done == 0 { Err(error) } else { Ok(done) }
}
