//! Which frames the kernel may use: the boot loader's memory map, cleaned up.
//!
//! A loader's map may be unsorted, overlap, wrap, hold empty entries, or call ROM usable. The
//! result is a [`MemoryPlan`]: at most [`RANGES`] sorted, disjoint ranges of whole frames, above 1
//! MiB and below 4 GiB. A range never contains anything that another entry calls unusable or that
//! is in use already (the kernel image, the modules). If there are more ranges, the smallest are
//! left out.
//!
//! In every doubtful case memory is left unused. That is always safe, while a frame that is not RAM
//! would break the process that gets it.
//!
//! [`Survey`] collects the loader's entries in any order; [`Survey::plan`] turns them into the
//! plan.

use abi::Frame;
use abi::layout::PAGE_SIZE;

use crate::state::frames::{FrameRange, RANGES};

mod spans;
#[cfg(test)]
mod tests;

pub use self::spans::Span;
use self::spans::Spans;

/// Nothing below 1 MiB is used: some loaders call the ROM there usable.
const LOWEST: u64 = 0x10_0000;
/// 32-bit page tables cannot name memory from 4 GiB on.
const BEYOND: u64 = 0x1_0000_0000;
/// The frame table has room for the records of memory below 3.5 GiB.
const RECORDS_END: u64 = 0xE000_0000;
/// The fewest frames (4 MiB) with which `init` and its programs can run.
const FEWEST_FRAMES: u32 = 1024;

/// Why there is no plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PlanError {
    /// Too little memory is left to run programs.
    TooLittleMemory {
        /// KiB that could be used.
        kib: u32,
    },
}

impl core::fmt::Display for PlanError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self::TooLittleMemory { kib } = self;
        let needed = FEWEST_FRAMES * 4;
        write!(
            f,
            "too little memory: {kib} KiB are free besides the kernel, {needed} KiB are needed"
        )
    }
}

/// Collects the loader's report; [`Survey::plan`] turns it into a plan.
///
/// Where a usable and an unusable entry overlap, the overlap is unusable, in whichever order the
/// entries come.
pub struct Survey {
    usable: Spans,
    unusable: Spans,
    reserved: Spans,
    above: u64,
}

impl Default for Survey {
    fn default() -> Self {
        Self::new()
    }
}

impl Survey {
    /// A survey without entries.
    #[must_use]
    pub const fn new() -> Self {
        Self { usable: Spans::EMPTY, unusable: Spans::EMPTY, reserved: Spans::EMPTY, above: 0 }
    }

    /// Adds an entry of the memory map: usable memory, or memory that must not be touched.
    pub fn entry(&mut self, span: Span, usable: bool) {
        let low = span.clipped(LOWEST, BEYOND);
        if usable {
            self.usable.add(low);
            self.above = self.above.saturating_add(span.clipped(BEYOND, u64::MAX).length());
        } else {
            // An unusable span must never be dropped, because its bytes would be used as memory. So
            // when there are too many, two spans become one that covers both.
            self.unusable.add_covering(low);
        }
    }

    /// Adds bytes that are in use already.
    pub fn reserve(&mut self, span: Span) {
        self.reserved.add_covering(span.clipped(0, BEYOND));
    }

    /// The end of the memory that has records, where RAM ends at `highest`: the end of RAM, and of
    /// unusable spans that touch it.
    ///
    /// Firmware keeps its tables in the last part of RAM and calls that part unusable. It needs
    /// records, which say that it is not RAM of the kernel's: a driver may map any frame that has
    /// no record, as device memory.
    fn with_firmware_memory(&self, highest: u64) -> u64 {
        let touching = self.unusable.as_slice().iter().filter(|span| span.start <= highest);
        let end = touching.map(|span| span.end).max().unwrap_or(0);
        highest.max(end.min(RECORDS_END))
    }

    /// The frames that the kernel may use.
    ///
    /// # Errors
    /// `TooLittleMemory`: fewer than 4 MiB.
    pub fn plan(&self) -> Result<MemoryPlan, PlanError> {
        let mut spans = self.usable;
        let highest =
            spans.as_slice().iter().chain(self.reserved.as_slice()).map(|span| span.end).max();
        for &span in self.unusable.as_slice().iter().chain(self.reserved.as_slice()) {
            spans.remove(span);
        }
        let highest = self.with_firmware_memory(highest.unwrap_or(0));
        let mut plan = MemoryPlan {
            ranges: [FrameRange { first: 0, end: 0 }; RANGES],
            count: 0,
            records: highest.div_ceil(u64::from(PAGE_SIZE)) as u32,
            above: self.above,
        };
        for range in spans.as_slice().iter().map(|span| span.frames()) {
            if !range.is_empty() {
                plan.ranges[plan.count] = range;
                plan.count += 1;
            }
        }
        match plan.frames() {
            0..FEWEST_FRAMES => Err(PlanError::TooLittleMemory { kib: plan.frames() * 4 }),
            _ => Ok(plan),
        }
    }
}

/// The frames that the kernel may use.
#[derive(Clone, Debug)]
pub struct MemoryPlan {
    ranges: [FrameRange; RANGES],
    count: usize,
    records: u32,
    above: u64,
}

impl MemoryPlan {
    /// The ranges, sorted and disjoint.
    #[must_use]
    pub fn ranges(&self) -> &[FrameRange] {
        &self.ranges[..self.count]
    }

    /// How many frames the ranges hold.
    #[must_use]
    pub fn frames(&self) -> u32 {
        self.ranges().iter().map(|range| range.len()).sum()
    }

    /// How many records the frame table needs: one for each frame number up to the end of all
    /// memory. That includes memory that is in use and firmware memory directly above RAM.
    #[must_use]
    pub const fn records(&self) -> u32 {
        self.records
    }

    /// Bytes of memory from 4 GiB on, which are not used.
    #[must_use]
    pub const fn above_4_gib(&self) -> u64 {
        self.above
    }

    /// Takes up to `limit` consecutive frames out of the plan: the highest of the last range.
    pub fn take_run(&mut self, limit: u32) -> FrameRange {
        let Some(last) = self.ranges[..self.count].last_mut() else { return FrameRange::default() };
        let taken = FrameRange { first: last.end - limit.min(last.len()), end: last.end };
        last.end = taken.first;
        self.count -= usize::from(last.is_empty());
        taken
    }

    /// Takes the highest frame out of the plan, or returns `None` if no frame is left.
    ///
    /// It takes from the top so that the kernel's own tables leave low memory in one piece.
    pub fn take(&mut self) -> Option<Frame> {
        let last = self.ranges[..self.count].last_mut()?;
        last.end -= 1;
        let frame = Frame::from_number(last.end);
        if last.is_empty() {
            self.count -= 1;
        }
        Some(frame)
    }
}
