//! Tests of the memory plan: small maps with known plans, and one property over random maps.

use super::*;
use proptest::prelude::*;
use std::vec::Vec;

const MIB: u64 = 0x10_0000;

fn plan(entries: &[(u64, u64, bool)], reserved: &[(u64, u64)]) -> Result<MemoryPlan, PlanError> {
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
    let line = "too little memory: 3072 KiB are free besides the kernel, 4096 KiB are needed";
    assert_eq!(std::string::ToString::to_string(&refused), line);
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

/// The spans, in the order in which they are added.
fn spans(added: &[(u64, u64)]) -> Spans {
    let mut spans = Spans::EMPTY;
    for &(start, end) in added {
        spans.add(Span { start, end });
    }
    spans
}

fn pairs(spans: &Spans) -> Vec<(u64, u64)> {
    spans.as_slice().iter().map(|span| (span.start, span.end)).collect()
}

/// As many spans as there can be: ten bytes each, from every multiple of 100 on.
fn full() -> Vec<(u64, u64)> {
    (1..=RANGES as u64).map(|index| (100 * index, 100 * index + 10)).collect()
}

#[test]
fn spans_that_touch_become_one() {
    assert_eq!(pairs(&spans(&[(10, 20), (30, 40), (20, 30)])), [(10, 40)]);
    assert_eq!(pairs(&spans(&[(20, 30), (10, 20)])), [(10, 30)]);
    assert_eq!(pairs(&spans(&[(21, 30), (10, 20)])), [(10, 20), (21, 30)]);
}

#[test]
fn of_too_many_spans_the_smallest_goes() {
    for smallest in [0, 3, RANGES - 1] {
        let mut expected = full();
        expected[smallest].1 -= 1;
        let mut spans = spans(&expected);
        spans.add(Span { start: 50, end: 59 });
        assert_eq!(pairs(&spans), expected, "the new one is no larger");
        spans.add(Span { start: 250, end: 262 });
        expected.remove(smallest);
        expected.push((250, 262));
        expected.sort_unstable();
        assert_eq!(pairs(&spans), expected, "{smallest}");
    }
}

#[test]
fn of_too_many_spans_the_two_with_the_smallest_gap_are_covered() {
    for first in [0, 3, RANGES - 2] {
        let mut expected = full();
        expected[first].1 += 1;
        let mut spans = spans(&expected);
        spans.add_covering(Span { start: 50, end: 51 });
        expected[first].1 = expected.remove(first + 1).1;
        expected.insert(0, (50, 51));
        assert_eq!(pairs(&spans), expected, "{first}");
    }
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
