//! Physical memory: which frames are free, and how many mappings each other frame has.
//!
//! The records are the frame table that programs read at UPAGES: 8 bytes a frame. A free frame is
//! in one of two places: in a range of memory that was never used, which only shrinks, or on a
//! stack whose links are in the records. So neither boot nor a release touches memory in proportion
//! to the number of free frames.
//!
//! The types carry the order of events. [`FreshFrame`] is a frame without a mapping; to map it uses
//! the value up. An [`Unmapped`] proves that a mapping is gone from the tables *and* from the TLB.
//! Without it, a frame could be freed and given to another process while a CPU still had a
//! translation to it. A call that flushes many pages at once keeps the frames of these as
//! [`Removed`] until then.
//!
//! Not done here: frames are not zeroed. The contents of a fresh frame are those of its last use.

use abi::debug::FAIL_FROM_THEN_ON;
use abi::process_info::FrameRecord;
use abi::{Entry, Frame};

/// Frames by number, `first..end`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FrameRange {
    /// The first frame number.
    pub first: u32,
    /// One past the last frame number.
    pub end: u32,
}

impl FrameRange {
    /// How many frames the range holds.
    #[must_use]
    pub const fn len(self) -> u32 {
        self.end.saturating_sub(self.first)
    }

    /// Whether the range holds no frame.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// The most ranges of memory that was never used.
pub const RANGES: usize = 16;

/// A frame with count 0 that is not free: the holder maps it or puts it back.
#[must_use = "a fresh frame is mapped or put back, or it leaks"]
#[derive(Debug)]
pub struct FreshFrame(Frame);

impl FreshFrame {
    /// The frame.
    #[must_use]
    pub const fn frame(&self) -> Frame {
        self.0
    }
}

/// Proof that one mapping of a frame is gone, from the tables and from the TLB.
#[must_use = "release it, or the frame leaks"]
#[derive(Debug)]
pub struct Unmapped(Frame);

impl Unmapped {
    /// Only the flush functions of `memory::space` make an `Unmapped`, after the flush.
    pub(crate) const fn after_flush(frame: Frame) -> Self {
        Self(frame)
    }
}

/// Frames that have lost their last mapping before the TLB is flushed: a stack of their own, which
/// is put onto that of the free frames after the flush.
#[must_use = "free them after the flush, or they leak"]
#[derive(Debug)]
pub struct Removed {
    top: u32,
    bottom: u32,
    frames: u32,
}

impl Removed {
    /// No frames.
    pub const NONE: Self = Self { top: END, bottom: END, frames: 0 };
}

/// The link of a frame that is not RAM. The frame's count starts at 1, so it never reaches 0 and
/// the frame is never freed.
const NOT_RAM: u32 = u32::MAX;
const HOLE: FrameRecord = FrameRecord { link: NOT_RAM, count: 1 };
/// The link of the last frame on the stack.
const END: u32 = 0;

/// The counts of all frames, borrowed once for a loop over many mappings.
pub struct Counts<'a>(&'a mut [FrameRecord]);

impl Counts<'_> {
    /// Counts one more mapping of the frame that a leaf names. With `PRIVATE` it does not, if the
    /// leaf is writable and the frame has another mapping: another process may write the frame.
    /// Returns whether it counted.
    #[inline(always)]
    pub fn retain_unless_lent<const PRIVATE: bool>(&mut self, leaf: Entry) -> bool {
        if let Some(record) = self.0.get_mut(leaf.frame().number() as usize) {
            debug_assert!(record.count > 0, "{leaf:?} gains a mapping, but has none");
            record.count += 1;
            if PRIVATE && leaf.is_writable() && record.count != 2 {
                record.count -= 1;
                return false;
            }
        }
        true
    }
}

/// All frames of the machine.
pub struct Frames {
    /// One record a frame; `None` before boot has set up the frame table.
    records: Option<&'static mut [FrameRecord]>,
    unused: [FrameRange; RANGES],
    /// The number of the frame that was freed last; 0 for none. (Frame 0 is below 1 MiB and never
    /// free.)
    stack: u32,
    free: u32,
    total: u32,
    /// What a debugger stores here decides which allocation fails ([`abi::debug::Table::failing`]).
    pub(crate) failing: u32,
}

impl Frames {
    /// No memory, as before boot has set up the frame table.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            records: None,
            unused: [FrameRange { first: 0, end: 0 }; RANGES],
            stack: END,
            free: 0,
            total: 0,
            failing: 0,
        }
    }

    /// Takes over the machine's frames.
    ///
    /// `records` are zeroed. There is one for each frame number, up to the last frame in `ranges`
    /// or reserved later. `ranges` are at most 16, ascending, disjoint, and above 1 MiB.
    ///
    /// # Panics
    /// If there are more than 16 ranges, a range is out of order, or a range ends past the records.
    pub fn new(records: &'static mut [FrameRecord], ranges: &[FrameRange]) -> Self {
        assert!(ranges.len() <= RANGES, "{} ranges of memory, at most {RANGES}", ranges.len());
        let mut unused = [FrameRange::default(); RANGES];
        let mut next = 0;
        let mut free = 0;
        for (slot, range) in unused.iter_mut().zip(ranges) {
            assert!(
                range.first >= next && range.end as usize <= records.len(),
                "a bad range {range:?}"
            );
            for hole in &mut records[next as usize..range.first as usize] {
                *hole = HOLE;
            }
            *slot = *range;
            next = range.end;
            free += range.len();
        }
        for hole in &mut records[next as usize..] {
            *hole = HOLE;
        }
        Self { records: Some(records), unused, free, total: free, ..Self::none() }
    }

    /// Marks a frame outside the ranges as RAM with one mapping that is never removed (boot
    /// modules, the DMA pool).
    ///
    /// # Panics
    /// If the frame has no record.
    pub fn reserve(&mut self, frame: Frame) {
        self.records()[frame.number() as usize] = FrameRecord { link: END, count: 1 };
    }

    /// How many frames can be allocated now.
    #[must_use]
    pub const fn free(&self) -> u32 {
        self.free
    }

    /// How many frames could be allocated at boot.
    #[must_use]
    pub const fn total(&self) -> u32 {
        self.total
    }

    /// How many frames have a record.
    #[must_use]
    pub fn records_count(&self) -> u32 {
        self.records.as_ref().map_or(0, |records| records.len() as u32)
    }

    /// How many mappings a frame has, or `None` if the frame is not RAM that the kernel manages.
    #[must_use]
    pub fn count(&self, frame: Frame) -> Option<u32> {
        let record = self.records.as_ref()?.get(frame.number() as usize)?;
        (record.link != NOT_RAM).then_some(record.count)
    }

    /// Whether a frame is certainly not RAM: it has no record, or it is in the legacy window at 640
    /// KiB.
    ///
    /// Memory between two ranges of RAM, or directly after the last one, may be the kernel's or the
    /// firmware's. All of that has records (`boot::memory_map`).
    #[must_use]
    pub fn is_device(&self, frame: Frame) -> bool {
        const LEGACY_WINDOW: core::ops::Range<u32> = 0xA0..0xC0;
        let number = frame.number();
        let beyond = |records: &[FrameRecord]| number as usize >= records.len();
        self.records.as_deref().is_some_and(beyond) || LEGACY_WINDOW.contains(&number)
    }

    /// Takes a free frame: the one that was freed last, if any. Its contents are those of its last
    /// use.
    // The inlined functions of the state: with them `page_unmap` takes 118 instructions in place of
    // 140.
    #[inline(always)]
    pub fn allocate(&mut self) -> Option<FreshFrame> {
        if self.failing != 0 && self.fails_on_request() {
            return None;
        }
        let number = if self.stack == END { self.take_unused()? } else { self.pop() };
        self.free -= 1;
        Some(FreshFrame(Frame::from_number(number)))
    }

    /// Frees a frame that was never mapped.
    pub fn put_back(&mut self, fresh: FreshFrame) {
        self.push(fresh.0);
    }

    /// Counts the first mapping of a fresh frame.
    pub fn adopt(&mut self, fresh: FreshFrame) -> Frame {
        self.records()[fresh.0.number() as usize].count = 1;
        fresh.0
    }

    /// The counts, for a loop over many mappings.
    pub fn counts(&mut self) -> Counts<'_> {
        Counts(self.records())
    }

    /// Counts one more mapping of a frame that is mapped already.
    pub fn retain(&mut self, frame: Frame) {
        if let Some(record) = self.record(frame) {
            debug_assert!(record.count > 0, "{frame:?} gains a mapping, but has none");
            record.count += 1;
        }
    }

    /// Counts one mapping less. If it was the last one, the frame is free.
    #[inline(always)]
    pub fn release(&mut self, unmapped: Unmapped) {
        let frame = unmapped.0;
        let Some(record) = self.record(frame) else { return };
        debug_assert!(record.count > 0, "{frame:?} loses a mapping, but has none");
        record.count -= 1;
        if record.count == 0 {
            self.push(frame);
        }
    }

    /// Counts one mapping less, whose page is flushed later. If it was the last one, the frame is
    /// among the `removed` until then.
    #[inline(always)]
    pub fn remove(&mut self, frame: Frame, removed: &mut Removed) {
        let Some(record) = self.record(frame) else { return };
        debug_assert!(record.count > 0, "{frame:?} loses a mapping, but has none");
        record.count -= 1;
        if record.count == 0 {
            record.link = removed.top;
            if removed.frames == 0 {
                removed.bottom = frame.number();
            }
            removed.top = frame.number();
            removed.frames += 1;
        }
    }

    /// Frees frames, whose pages have been flushed.
    pub fn free_removed(&mut self, removed: Removed) {
        if removed.frames > 0 {
            self.records()[removed.bottom as usize].link = self.stack;
            self.stack = removed.top;
            self.free += removed.frames;
        }
    }

    /// The record of a frame. `None` for memory beyond the last RAM, where devices are.
    fn record(&mut self, frame: Frame) -> Option<&mut FrameRecord> {
        self.records.as_mut()?.get_mut(frame.number() as usize)
    }

    /// All records; none before boot has set up the frame table.
    fn records(&mut self) -> &mut [FrameRecord] {
        self.records.as_deref_mut().unwrap_or_default()
    }

    /// Puts a frame on the stack of free frames.
    #[inline(always)]
    fn push(&mut self, frame: Frame) {
        self.records()[frame.number() as usize].link = self.stack;
        self.stack = frame.number();
        self.free += 1;
    }

    /// Takes the top frame off the stack of free frames, which is not empty.
    fn pop(&mut self) -> u32 {
        let number = self.stack;
        let record = &mut self.records()[number as usize];
        let next = core::mem::replace(&mut record.link, END);
        self.stack = next;
        number
    }

    /// Counts an allocation down, and says whether it is to fail.
    #[cold]
    fn fails_on_request(&mut self) -> bool {
        let left = self.failing & !FAIL_FROM_THEN_ON;
        self.failing -= left.min(1);
        left <= 1
    }

    /// Takes the lowest frame that was never used.
    #[cold]
    fn take_unused(&mut self) -> Option<u32> {
        let range = self.unused.iter_mut().find(|range| !range.is_empty())?;
        range.first += 1;
        Some(range.first - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::boxed::Box;
    use alloc::vec;

    fn frames(records: usize, ranges: &[FrameRange]) -> Frames {
        Frames::new(Box::leak(vec![FrameRecord::default(); records].into_boxed_slice()), ranges)
    }

    #[test]
    fn the_last_release_frees_and_the_last_freed_comes_back_first() {
        let mut frames = frames(0x110, &[FrameRange { first: 0x100, end: 0x110 }]);
        let first = frames.allocate().unwrap();
        let first = frames.adopt(first);
        let second = frames.allocate().unwrap();
        let second = frames.adopt(second);
        frames.retain(first);
        assert_eq!((frames.count(first), frames.free()), (Some(2), 14));
        frames.release(Unmapped::after_flush(first));
        assert_eq!(frames.free(), 14);
        frames.release(Unmapped::after_flush(first));
        frames.release(Unmapped::after_flush(second));
        assert_eq!(frames.free(), 16);
        assert_eq!(frames.allocate().unwrap().frame(), second);
        assert_eq!(frames.allocate().unwrap().frame(), first);
    }

    #[test]
    fn every_frame_of_every_range_is_given_out_once_and_holes_never() {
        let ranges =
            [FrameRange { first: 0x100, end: 0x102 }, FrameRange { first: 0x104, end: 0x105 }];
        let mut frames = frames(0x108, &ranges);
        assert_eq!((frames.total(), frames.free(), frames.records_count()), (3, 3, 0x108));
        for expected in [0x100, 0x101, 0x104] {
            assert_eq!(frames.allocate().unwrap().frame().number(), expected);
        }
        assert_eq!((frames.total(), frames.free()), (3, 0));
        assert!(frames.allocate().is_none());
        assert_eq!(frames.count(Frame::from_number(0x102)), None);
        assert_eq!(frames.count(Frame::from_number(0x9_0000)), None);
    }

    #[test]
    fn the_allocation_that_a_debugger_counts_out_fails_once_or_from_then_on() {
        let mut frames = frames(0x110, &[FrameRange { first: 0x100, end: 0x110 }]);
        let mut fails = |failing: u32| -> [bool; 4] {
            frames.failing = failing;
            [(); 4].map(|()| match frames.allocate() {
                Some(fresh) => {
                    frames.put_back(fresh);
                    false
                }
                None => true,
            })
        };
        assert_eq!(fails(0), [false; 4]);
        assert_eq!(fails(1), [true, false, false, false]);
        assert_eq!(fails(3), [false, false, true, false]);
        assert_eq!(fails(FAIL_FROM_THEN_ON | 1), [true; 4]);
        assert_eq!(fails(FAIL_FROM_THEN_ON | 3), [false, false, true, true]);
        assert_eq!(frames.free(), 16);
    }

    #[test]
    fn seventy_thousand_mappings_do_not_wrap_the_count() {
        let mut frames = frames(0x102, &[FrameRange { first: 0x100, end: 0x102 }]);
        let fresh = frames.allocate().unwrap();
        let frame = frames.adopt(fresh);
        for _ in 1..70_000 {
            frames.retain(frame);
        }
        assert_eq!(frames.count(frame), Some(70_000));
        for _ in 1..70_000 {
            frames.release(Unmapped::after_flush(frame));
        }
        assert_eq!((frames.count(frame), frames.free()), (Some(1), 1));
    }
}
