//! How many frames are kept free, and when they are counted.

mod model;

use libsys::{EntryFlags, ProcessId};
use model::{HEAP, Model, TEXT};
use swap::{Backend, Swap};

const CLIENT: ProcessId = ProcessId::first(1);
const OTHER: ProcessId = ProcessId::first(2);

/// Frames that stay free, and with those for one request's pages: with fewer, pages go.
const LOW_WATER: u32 = 48;
const WANTED: u32 = LOW_WATER + 16;

/// A client with 65 pages of zeros that may go: one of text, and then 64 neighbours. The pager has
/// the memory that it needs to have them go.
fn world() -> (Model, Swap) {
    let mut model = Model::new(400, 400, 1);
    model.is_busy = false;
    let mut swap = Swap::new(400, 400);
    model.start(&mut swap, CLIENT);
    for page in [TEXT.start].into_iter().chain(HEAP) {
        put(&mut model, page);
    }
    assert_eq!(swap.evict(&mut model, Some(CLIENT), CLIENT), Ok(1), "the page of text");
    while swap.evict(&mut model, Some(CLIENT), CLIENT) != Ok(0) {}
    for page in [TEXT.start].into_iter().chain(HEAP) {
        put(&mut model, page);
    }
    (model, swap)
}

fn put(model: &mut Model, page: u32) {
    model.replace_page(CLIENT, page);
    model.set_flags(CLIENT, page, EntryFlags::FRESH);
}

fn set_free(model: &mut Model, free: u32) {
    let used = model.frames_in_use();
    model.set_frame_limit(used + free as usize);
    assert_eq!(model.free_frames(), free);
}

#[test]
fn pages_go_until_one_requests_pages_more_than_the_low_water_mark_are_free() {
    for (free, expected) in [
        (WANTED - 1, WANTED),
        (WANTED - 2, WANTED + 15),
        (WANTED - 17, WANTED),
        (WANTED - 18, WANTED + 15),
        (WANTED, WANTED),
        (WANTED + 1, WANTED + 1),
    ] {
        let (mut model, mut swap) = world();
        set_free(&mut model, free);
        swap.make_room(&mut model, CLIENT);
        assert_eq!(model.free_frames(), expected, "of {free}");
    }
}

#[test]
fn frames_are_counted_again_after_one_fault_for_each_above_the_mark() {
    for (above, faults) in [(16, 16), (17, 17), (63, 63), (64, 64), (65, 64), (2000, 64)] {
        let (mut model, mut swap) = world();
        set_free(&mut model, LOW_WATER + above);
        swap.make_room(&mut model, CLIENT);
        set_free(&mut model, WANTED - 1);
        for fault in 0..faults {
            swap.make_room(&mut model, CLIENT);
            assert_eq!(model.free_frames(), WANTED - 1, "fault {fault}, {above} above");
        }
        swap.make_room(&mut model, CLIENT);
        assert_eq!(model.free_frames(), WANTED, "{above} above");
    }
}

#[test]
fn a_client_at_its_limit_loses_pages_and_no_other_client_does() {
    let mut model = Model::new(400, 400, 1);
    model.is_busy = false;
    let mut swap = Swap::new(400, 400);
    model.start(&mut swap, CLIENT);
    model.start(&mut swap, OTHER);
    assert!(swap.set_limit(CLIENT, 20));
    for page in HEAP {
        assert!(model.touch(&mut swap, OTHER, page, Some(page)));
        assert!(model.touch(&mut swap, CLIENT, page, Some(page)));
    }
    let present = |client| HEAP.filter(|page| model.is_present(client, *page)).count();
    assert_eq!(present(OTHER), HEAP.len());
    assert!(present(CLIENT) <= 20, "{} pages", present(CLIENT));
}

#[test]
fn an_eviction_needs_no_frame_after_the_pager_has_reserved_its_memory() {
    for is_reserved in [false, true] {
        let mut model = Model::new(400, 400, 1);
        model.is_busy = false;
        let mut swap = Swap::new(400, 400);
        model.start(&mut swap, CLIENT);
        if is_reserved {
            swap.reserve(&mut model);
        }
        HEAP.for_each(|page| put(&mut model, page));
        set_free(&mut model, 0);
        let evicted = swap.evict(&mut model, Some(CLIENT), CLIENT);
        assert_eq!(evicted.is_ok_and(|count| count == 16), is_reserved, "{evicted:?}");
    }
}

#[test]
fn clients_that_have_ended_are_looked_for_when_frames_are_few_and_not_before() {
    for (free, is_known) in [(WANTED, true), (WANTED - 1, false)] {
        let (mut model, mut swap) = world();
        model.start(&mut swap, OTHER);
        model.exit(OTHER);
        set_free(&mut model, free);
        swap.make_room(&mut model, CLIENT);
        assert_eq!(swap.account(OTHER).is_some(), is_known, "{free} frames");
    }
}
