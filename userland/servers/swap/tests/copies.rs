//! When a stored copy of a page that came back is still the same as the page, and when not.

mod model;

use libsys::ProcessId;
use model::{EXCEPTION, HEAP, Model};
use swap::backend::GiveError;
use swap::{Backend, PagingError, Swap};

const CLIENT: ProcessId = ProcessId::first(1);
const PAGE: u32 = HEAP.start + 3;
/// A tag whose pattern does not compress.
const NOISE: u32 = 2;

/// A machine in which a page went to the disk and came back for a read access, so that its copy
/// stays stored.
fn with_a_copy() -> (Model, Swap) {
    let mut model = Model::new(400, 400, 1);
    model.is_busy = false;
    let mut swap = Swap::new(400, 400);
    model.start(&mut swap, CLIENT);
    assert!(model.touch(&mut swap, CLIENT, PAGE, Some(NOISE)));
    send_away(&mut model, &mut swap);
    assert!(model.touch(&mut swap, CLIENT, PAGE, None));
    assert_eq!((swap.store().slots_used(), model.writes), (1, 1));
    (model, swap)
}

/// Evicts the page. The client touches others first, so that it is none of those that were given
/// last.
fn send_away(model: &mut Model, swap: &mut Swap) {
    for page in HEAP.end - 9..HEAP.end {
        model.drop_page(CLIENT, page);
        assert!(model.touch(swap, CLIENT, page, None));
    }
    for _ in 0..20 {
        swap.evict(model, Some(CLIENT), CLIENT).unwrap();
    }
    assert!(!model.is_present(CLIENT, PAGE));
}

#[test]
fn a_page_that_was_only_read_goes_without_a_write() {
    let (mut model, mut swap) = with_a_copy();
    send_away(&mut model, &mut swap);
    assert_eq!(model.writes, 1);
    assert!(model.touch(&mut swap, CLIENT, PAGE, None));
}

#[test]
fn a_page_that_was_written_is_written_out_again() {
    let (mut model, mut swap) = with_a_copy();
    assert!(model.touch(&mut swap, CLIENT, PAGE, Some(NOISE + 4)));
    send_away(&mut model, &mut swap);
    assert_eq!((model.writes, swap.store().slots_used()), (2, 1));
    assert!(model.touch(&mut swap, CLIENT, PAGE, None));
}

#[test]
fn a_page_that_is_written_in_the_last_moment_is_written_out_again() {
    let (mut model, mut swap) = with_a_copy();
    model.before_taking = Some((CLIENT, PAGE, NOISE + 4));
    send_away(&mut model, &mut swap);
    assert!(model.before_taking.is_none());
    assert!(model.touch(&mut swap, CLIENT, PAGE, None));
}

#[test]
fn another_page_in_the_same_frame_is_not_the_copy() {
    let (mut model, mut swap) = with_a_copy();
    let frame = model.frame(CLIENT, PAGE);
    model.drop_page(CLIENT, PAGE);
    model.replace_page(CLIENT, PAGE);
    assert_eq!(model.frame(CLIENT, PAGE), frame, "the model reuses frames at once");
    send_away(&mut model, &mut swap);
    assert!(model.touch(&mut swap, CLIENT, PAGE, None), "zeros");
}

#[test]
fn an_exception_stack_goes_and_comes_back() {
    let (mut model, mut swap) = with_a_copy();
    assert!(model.touch(&mut swap, CLIENT, EXCEPTION, Some(NOISE + 8)));
    send_away(&mut model, &mut swap);
    assert!(!model.is_present(CLIENT, EXCEPTION));
    assert!(model.touch(&mut swap, CLIENT, EXCEPTION, None));
}

#[test]
fn a_limit_below_what_an_instruction_needs_lets_it_get_on() {
    let (mut model, mut swap) = with_a_copy();
    assert!(swap.set_limit(CLIENT, 1));
    for round in 0..10 {
        for page in HEAP {
            assert!(model.touch(&mut swap, CLIENT, page, Some(NOISE + 4 * round)));
        }
        let pages = HEAP.end - 6..HEAP.end;
        assert!(pages.into_iter().all(|page| model.is_present(CLIENT, page)), "the last six");
        assert!(model.frames_in_use() <= 8 + 1, "eight pages and the scratch page");
    }
}

#[test]
fn a_page_that_cannot_be_given_back_is_kept() {
    let (mut model, mut swap) = with_a_copy();
    assert!(model.touch(&mut swap, CLIENT, PAGE, Some(NOISE + 4)));
    model.lent_before_taking = Some((CLIENT, PAGE));
    model.no_quota = true;
    send_away(&mut model, &mut swap);
    assert!(model.lent_before_taking.is_none(), "it was to be given back");
    assert!(model.touch(&mut swap, CLIENT, PAGE, None));
}

#[test]
fn a_page_that_can_neither_be_given_back_nor_kept_is_not_replaced_by_zeros() {
    let (mut model, mut swap) = with_a_copy();
    assert!(model.touch(&mut swap, CLIENT, PAGE, Some(NOISE + 4)));
    model.lent_before_taking = Some((CLIENT, PAGE));
    model.no_quota = true;
    model.disk_fails = 1;
    send_away(&mut model, &mut swap);
    assert!(!model.touch(&mut swap, CLIENT, PAGE, None), "the client ends");
}

#[test]
fn a_page_that_a_fork_shares_goes_from_both_and_is_stored_once() {
    const CHILD: ProcessId = ProcessId::first(2);
    let mut model = Model::new(400, 400, 1);
    model.is_busy = false;
    let mut swap = Swap::new(400, 400);
    model.start(&mut swap, CLIENT);
    assert!(model.touch(&mut swap, CLIENT, PAGE, Some(NOISE)));
    assert!(model.fork(&mut swap, CLIENT, CHILD));
    assert_eq!(model.frame(CLIENT, PAGE), model.frame(CHILD, PAGE));
    for page in HEAP.end - 9..HEAP.end {
        assert!(model.touch(&mut swap, CLIENT, page, None));
        assert!(model.touch(&mut swap, CHILD, page, None));
    }
    for _ in 0..20 {
        swap.evict(&mut model, None, CLIENT).unwrap();
    }
    assert!(!model.is_present(CLIENT, PAGE) && !model.is_present(CHILD, PAGE));
    assert_eq!((model.writes, swap.store().slots_used()), (1, 1));
    assert!(model.touch(&mut swap, CHILD, PAGE, Some(NOISE + 4)));
    assert!(model.touch(&mut swap, CLIENT, PAGE, None));
    assert_ne!(model.frame(CLIENT, PAGE), model.frame(CHILD, PAGE));
}

#[test]
fn a_report_counts_each_page_where_it_is() {
    let (mut model, mut swap) = with_a_copy();
    for (page, tag) in [(PAGE, NOISE), (PAGE + 1, 0), (PAGE + 2, 4)] {
        assert!(model.touch(&mut swap, CLIENT, page, Some(tag)));
    }
    send_away(&mut model, &mut swap);
    assert!((PAGE..PAGE + 3).all(|page| !model.is_present(CLIENT, page)));
    let report = swap.report(&mut model, CLIENT).unwrap();
    let present = HEAP.filter(|page| model.is_present(CLIENT, *page)).count() as u32;
    assert_eq!((report.swapped, report.compressed, report.resident), (1, 1, present));
    assert_eq!(report.unstored, 1 + 9 - present, "zeros, and of nine pages those that went");
    model.drop_page(CLIENT, PAGE);
    model.drop_page(CLIENT, PAGE + 2);
    let report = swap.report(&mut model, CLIENT).unwrap();
    assert_eq!((report.swapped, report.compressed), (0, 0), "the client has unmapped them");
    assert_eq!(swap.report(&mut model, ProcessId::first(9)), None);
}

#[test]
fn so_many_frames_are_freed_as_a_call_needs_or_as_many_as_can_be() {
    for slots in [400, 0] {
        let mut model = Model::new(70, slots, 1);
        model.is_busy = false;
        let mut swap = Swap::new(70, slots as u32);
        model.start(&mut swap, CLIENT);
        for page in HEAP.start..HEAP.start + 40 {
            assert!(model.touch(&mut swap, CLIENT, page, Some(NOISE + 4 * page)));
        }
        let wanted = model.free_frames() + 1;
        let free = swap.free_frames(&mut model, CLIENT, wanted);
        assert_eq!(free, model.free_frames());
        assert_eq!(free >= wanted, slots > 0, "{free} of {wanted} with {slots} slots");
    }
}

#[test]
fn an_error_of_the_kernel_says_what_is_to_be_done_about_it() {
    let table = [
        (libsys::Error::OutOfFrames, GiveError::NoFrame),
        (libsys::Error::QuotaExceeded, GiveError::Quota),
        (libsys::Error::Busy, GiveError::Occupied),
        (libsys::Error::NotPermitted, GiveError::Refused),
        (libsys::Error::NoSuchProcess, GiveError::Gone),
    ];
    for (error, meaning) in table {
        assert_eq!(GiveError::from(error), meaning, "{error:?}");
    }
    assert_eq!(PagingError::Quota.to_string(), "quota exceeded");
}
