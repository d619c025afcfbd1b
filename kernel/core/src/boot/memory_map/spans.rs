//! Spans of physical memory: a sorted list of at most [`RANGES`], to which spans are added and from
//! which they are removed.

use abi::layout::PAGE_SIZE;

use crate::state::frames::{FrameRange, RANGES};

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
    pub(super) const fn clipped(self, low: u64, high: u64) -> Self {
        Self {
            start: if self.start > low { self.start } else { low },
            end: if self.end < high { self.end } else { high },
        }
    }

    /// How many bytes the span holds.
    pub(super) const fn length(self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// The whole frames in the span. Only for spans below 4 GiB.
    pub(super) const fn frames(self) -> FrameRange {
        let page = PAGE_SIZE as u64;
        FrameRange { first: self.start.div_ceil(page) as u32, end: (self.end / page) as u32 }
    }
}

/// At most [`RANGES`] sorted, disjoint spans.
#[derive(Clone, Copy)]
pub(super) struct Spans {
    spans: [Span; RANGES],
    count: usize,
}

impl Spans {
    pub(super) const EMPTY: Self = Self { spans: [Span { start: 0, end: 0 }; RANGES], count: 0 };

    pub(super) fn as_slice(&self) -> &[Span] {
        &self.spans[..self.count]
    }

    /// Adds a span. Spans that it touches are merged with it.
    pub(super) fn add(&mut self, mut span: Span) {
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
    pub(super) fn remove(&mut self, span: Span) {
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

    /// As [`Spans::add`], but if there are [`RANGES`] spans, the two with the smallest gap are
    /// first replaced by one that covers both.
    pub(super) fn add_covering(&mut self, span: Span) {
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
