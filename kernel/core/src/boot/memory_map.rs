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

/// Nothing below 1 MiB is used: some loaders call the ROM there usable.
const LOWEST: u64 = 0x10_0000;
/// 32-bit page tables cannot name memory from 4 GiB on.
const BEYOND: u64 = 0x1_0000_0000;
/// The frame table has room for the records of memory below 3.5 GiB.
const RECORDS_END: u64 = 0xE000_0000;
/// The fewest frames (4 MiB) with which `init` and its programs can run.
const FEWEST_FRAMES: u32 = 1024;

/// Bytes of physical memory, `start..end`. If `end` is not above `start`, there are none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// The first address.
    pub start: u64,
    /// One past the last address.
    pub end: u64,
}

impl Span {
    /// `length` bytes from `start`. The end is cut off where the addresses would wrap.
    #[must_use]
    pub const fn new(start: u64, length: u64) -> Self {
        Self { start, end: start.saturating_add(length) }
    }

    /// The part of the span in `low..high`.
    const fn clipped(self, low: u64, high: u64) -> Self {
        Self {
            start: if self.start > low { self.start } else { low },
            end: if self.end < high { self.end } else { high },
        }
    }

    /// How many bytes the span holds.
    const fn length(self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// The whole frames in the span. Only for spans below 4 GiB.
    const fn frames(self) -> FrameRange {
        let page = PAGE_SIZE as u64;
        FrameRange { first: self.start.div_ceil(page) as u32, end: (self.end / page) as u32 }
    }
}

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

/// At most [`RANGES`] sorted, disjoint spans.
#[derive(Clone, Copy)]
struct Spans {
    spans: [Span; RANGES],
    count: usize,
}

impl Spans {
    const EMPTY: Self = Self { spans: [Span { start: 0, end: 0 }; RANGES], count: 0 };

    fn as_slice(&self) -> &[Span] {
        &self.spans[..self.count]
    }

    /// Adds a span. Spans that it touches are merged with it.
    fn add(&mut self, mut span: Span) {
        if span.length() == 0 {
            return;
        }
        let before = *self;
        self.count = 0;
        for &other in before.as_slice() {
            if other.end < span.start || other.start > span.end {
                self.insert(other);
            } else {
                span.start = span.start.min(other.start);
                span.end = span.end.max(other.end);
            }
        }
        self.insert(span);
    }

    /// Removes a span's bytes from all spans.
    fn remove(&mut self, span: Span) {
        if span.length() == 0 {
            return;
        }
        let before = *self;
        self.count = 0;
        for &other in before.as_slice() {
            self.insert(other.clipped(0, span.start));
            self.insert(other.clipped(span.end, u64::MAX));
        }
    }

    /// Inserts a span that touches no other, in order. If there are [`RANGES`] spans already, the
    /// smallest one is dropped.
    fn insert(&mut self, span: Span) {
        if span.length() == 0 {
            return;
        }
        if self.count == RANGES {
            let smallest = (0..RANGES).min_by_key(|&index| self.spans[index].length()).unwrap_or(0);
            if self.spans[smallest].length() >= span.length() {
                return;
            }
            self.spans.copy_within(smallest + 1.., smallest);
            self.count -= 1;
        }
        let at = self.as_slice().partition_point(|other| other.start < span.start);
        self.spans.copy_within(at..self.count, at + 1);
        self.spans[at] = span;
        self.count += 1;
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

impl Spans {
    /// As [`Spans::add`], but if there are [`RANGES`] spans, the two with the smallest gap are
    /// first replaced by one that covers both.
    fn add_covering(&mut self, span: Span) {
        if self.count == RANGES {
            let gap = |index: &usize| self.spans[index + 1].start - self.spans[*index].end;
            let nearest = (0..RANGES - 1).min_by_key(gap).unwrap_or(0);
            let covering =
                Span { start: self.spans[nearest].start, end: self.spans[nearest + 1].end };
            self.add(covering);
        }
        self.add(span);
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    const MIB: u64 = 0x10_0000;

    fn plan(
        entries: &[(u64, u64, bool)],
        reserved: &[(u64, u64)],
    ) -> Result<MemoryPlan, PlanError> {
        let mut survey = Survey::new();
        for &(start, length, usable) in entries {
            survey.entry(Span::new(start, length), usable);
        }
        for &(start, length) in reserved {
            survey.reserve(Span::new(start, length));
        }
        survey.plan()
    }

    fn ranges(plan: &MemoryPlan) -> Vec<(u32, u32)> {
        plan.ranges().iter().map(|range| (range.first, range.end)).collect()
    }

    #[test]
    fn an_ordinary_map_leaves_what_is_above_the_image() {
        let entries = [(0, 0x9_FC00, true), (0xF_0000, 0x1_0000, false), (MIB, 127 * MIB, true)];
        let plan = plan(&entries, &[(MIB, 2 * MIB)]).unwrap();
        assert_eq!(ranges(&plan), [(0x300, 0x8000)]);
        assert_eq!((plan.frames(), plan.records(), plan.above_4_gib()), (0x7D00, 0x8000, 0));
    }

    #[test]
    fn firmware_memory_that_touches_ram_has_records_and_what_lies_apart_has_none() {
        let ram = (MIB, 126 * MIB, true);
        type Entries<'a> = &'a [(u64, u64, bool)];
        let table: [(Entries<'_>, u32); 6] = [
            (&[ram], 127 * 256),
            (&[ram, (127 * MIB, MIB, false)], 128 * 256),
            (&[ram, (127 * MIB, 0x1001, false), (127 * MIB + 0x1001, 1, false)], 127 * 256 + 2),
            (&[ram, (127 * MIB + 0x1000, MIB, false)], 127 * 256),
            (&[ram, (0xFFFC_0000, 0x4_0000, false)], 127 * 256),
            (&[ram, (127 * MIB, 0xFFFF_FFFF, false)], 0xE_0000),
        ];
        for (entries, records) in table {
            assert_eq!(plan(entries, &[]).unwrap().records(), records, "{entries:x?}");
        }
    }

    #[test]
    fn nothing_below_1_mib_is_given_out() {
        let plan = plan(&[(0, 64 * MIB, true)], &[]).unwrap();
        assert_eq!(ranges(&plan), [(0x100, 0x4000)]);
    }

    #[test]
    fn unsorted_overlapping_empty_and_wrapping_entries_are_tidied() {
        let entries = [
            (32 * MIB, 16 * MIB, true),
            (0, 0, true),
            (0, 0, false),
            (8 * MIB, 30 * MIB, true),
            (40 * MIB, 0, true),
            (20 * MIB, MIB, false),
            (u64::MAX - MIB, 4 * MIB, false),
        ];
        let plan = plan(&entries, &[]).unwrap();
        assert_eq!(ranges(&plan), [(0x800, 0x1400), (0x1500, 0x3000)]);
    }

    #[test]
    fn memory_above_4_gib_is_counted_and_left() {
        let entries =
            [(MIB, 3071 * MIB, true), (4096 * MIB, 512 * MIB, true), (4095 * MIB, 2 * MIB, true)];
        let plan = plan(&entries, &[]).unwrap();
        assert_eq!(plan.above_4_gib(), 513 * MIB);
        assert_eq!(ranges(&plan), [(0x100, 0xC_0000), (0xF_FF00, 0x10_0000)]);
        assert_eq!(plan.records(), 0x10_0000);
    }

    #[test]
    fn partial_frames_are_left_out_on_both_sides() {
        let plan = plan(&[(MIB + 1, 16 * MIB, true)], &[(8 * MIB + 0xFFF, 2)]).unwrap();
        assert_eq!(ranges(&plan), [(0x101, 0x800), (0x802, 0x1100)]);
    }

    #[test]
    fn too_little_memory_is_refused() {
        let refused = plan(&[(MIB, 4 * MIB, true)], &[(MIB, MIB)]).unwrap_err();
        assert_eq!(refused, PlanError::TooLittleMemory { kib: 3072 });
        assert_eq!(plan(&[], &[]).unwrap_err(), PlanError::TooLittleMemory { kib: 0 });
        assert!(plan(&[(MIB, 5 * MIB, true)], &[(MIB, MIB)]).is_ok());
    }

    #[test]
    fn a_module_in_memory_that_is_not_reported_still_has_a_record() {
        let plan = plan(&[(MIB, 15 * MIB, true)], &[(64 * MIB, MIB)]).unwrap();
        assert_eq!(plan.records(), 65 * 256);
    }

    #[test]
    fn frames_are_taken_from_the_top_until_none_is_left() {
        let mut plan = plan(&[(MIB, 4 * MIB, true), (8 * MIB, 0x2000, true)], &[]).unwrap();
        let taken: Vec<u32> = core::iter::from_fn(|| plan.take()).map(Frame::number).collect();
        assert_eq!(taken.len(), 1026);
        assert_eq!(taken[..3], [0x801, 0x800, 0x4FF]);
        assert_eq!(plan.frames(), 0);
    }

    #[test]
    fn a_run_is_taken_whole_from_the_top() {
        let mut plan = plan(&[(MIB, 5 * MIB, true), (8 * MIB, 0x2000, true)], &[]).unwrap();
        assert_eq!(plan.take_run(64), FrameRange { first: 0x800, end: 0x802 });
        assert_eq!(plan.take_run(64), FrameRange { first: 0x5C0, end: 0x600 });
        assert_eq!(ranges(&plan), [(0x100, 0x5C0)]);
    }

    proptest! {
        #[test]
        fn every_range_is_memory_and_nothing_else(
            entries in prop::collection::vec((0u64..64, 0u64..16, prop::bool::weighted(0.7)), 0..48),
            reserved in prop::collection::vec((0u64..64, 0u64..3), 0..6),
        ) {
            let entries: Vec<_> = entries.iter().map(|&(s, l, u)| (s * 0x8_0000, l * 0x8_0800, u)).collect();
            let reserved: Vec<_> = reserved.iter().map(|&(s, l)| (s * 0x8_0000 + 0x10, l * 0x4_0000)).collect();
            let Ok(plan) = plan(&entries, &reserved) else { return Ok(()) };
            let inside = |byte: u64, start: u64, length: u64| byte >= start && byte < start + length;
            let mut end = 0x100;
            for &(first, last) in &ranges(&plan) {
                prop_assert!(end <= first && first < last && last <= plan.records());
                end = last;
                for byte in (first..last).flat_map(|frame| [u64::from(frame) << 12, (u64::from(frame) << 12) + 0xFFF]) {
                    prop_assert!(entries.iter().any(|&(s, l, u)| u && inside(byte, s, l)));
                    prop_assert!(!entries.iter().any(|&(s, l, u)| !u && inside(byte, s, l)));
                    prop_assert!(!reserved.iter().any(|&(s, l)| inside(byte, s, l)));
                }
            }
        }
    }
}
