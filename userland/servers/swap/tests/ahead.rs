//! Pages that lie together come back together where they are touched in a row, and a page that comes
//! ahead of its touch is never another one than the touch would have brought.

mod model;

use libsys::ProcessId;
use model::{HEAP, Model, TEXT};
use swap::Swap;

const CLIENT: ProcessId = ProcessId::first(1);
/// The page that the tests do something to. It comes ahead of its touch: the touches of the first
/// three pages bring one page ahead, that of the fifth page three.
const PAGE: u32 = HEAP.start + 6;

/// A tag whose pattern does not compress.
const fn noise(page: u32) -> u32 {
    page * 4 + 2
}

/// A machine on which all pages of the heap went to the disk, in the order of their addresses.
fn all_on_disk() -> (Model, Swap) {
    let mut model = Model::new(400, 400, 1);
    model.is_busy = false;
    let mut swap = Swap::new(400, 400);
    model.start(&mut swap, CLIENT);
    for page in HEAP {
        assert!(model.touch(&mut swap, CLIENT, page, Some(noise(page))));
    }
    send_away(&mut model, &mut swap);
    model.reads = 0;
    (model, swap)
}

/// Evicts all pages of the heap. The client is given its text first, so that no page of the heap is
/// among those that it was given last.
fn send_away(model: &mut Model, swap: &mut Swap) {
    for page in TEXT {
        model.drop_page(CLIENT, page);
        assert!(model.touch(swap, CLIENT, page, None));
    }
    while HEAP.into_iter().any(|page| model.is_present(CLIENT, page)) {
        assert!(swap.evict(model, Some(CLIENT), CLIENT).unwrap() > 0);
    }
}

/// The client reads pages, one after the other.
fn read(model: &mut Model, swap: &mut Swap, pages: impl IntoIterator<Item = u32>) {
    for page in pages {
        assert!(model.touch(swap, CLIENT, page, None), "{page:#x}");
        model.audit();
    }
}

#[test]
fn pages_that_are_touched_in_a_row_come_in_requests_of_up_to_sixteen() {
    let (mut model, mut swap) = all_on_disk();
    read(&mut model, &mut swap, HEAP);
    // 1, 1, 2, 4, 8, 16, 16, 16 pages.
    assert_eq!(model.reads, 8);
    assert_eq!(swap.account(CLIENT).unwrap().faults_in, HEAP.len() as u32);
    // What came ahead has its copy still stored.
    let writes = model.writes;
    send_away(&mut model, &mut swap);
    assert_eq!(model.writes, writes);
    model.reads = 0;
    read(&mut model, &mut swap, HEAP.rev());
    assert!(model.reads <= 10, "{} requests downwards", model.reads);
}

#[test]
fn of_every_other_page_the_ones_between_are_skipped() {
    let (mut model, mut swap) = all_on_disk();
    read(&mut model, &mut swap, HEAP.step_by(2));
    // 1, 1, 2, 4, 8, 8, 8 pages: all but the first of a request have a page before them.
    assert_eq!((model.reads, model.skipped), (7, 25));
    let there = HEAP.filter(|page| model.is_present(CLIENT, *page));
    assert!(there.eq(HEAP.step_by(2)));
}

#[test]
fn pages_that_are_touched_in_no_order_come_alone() {
    let (mut model, mut swap) = all_on_disk();
    // No two neighbours in the order are within eight pages of each other, nor of the four before.
    let pages = (0..HEAP.len() as u32).map(|step| HEAP.start + step * 27 % HEAP.len() as u32);
    read(&mut model, &mut swap, pages.take(20));
    assert_eq!(model.reads, 20);
    let there = HEAP.filter(|page| model.is_present(CLIENT, *page)).count();
    assert_eq!(there, 20);
}

#[test]
fn a_page_that_was_given_up_or_replaced_does_not_come_ahead() {
    for replace in [false, true] {
        let (mut model, mut swap) = all_on_disk();
        model.drop_page(CLIENT, PAGE);
        if replace {
            model.replace_page(CLIENT, PAGE);
        }
        read(&mut model, &mut swap, HEAP.start..PAGE);
        assert_eq!(model.is_present(CLIENT, PAGE), replace);
        assert!(model.is_present(CLIENT, PAGE + 1), "the one behind it came ahead");
        read(&mut model, &mut swap, HEAP);
    }
}

#[test]
fn a_page_that_is_given_up_while_the_disk_reads_does_not_come() {
    let (mut model, mut swap) = all_on_disk();
    read(&mut model, &mut swap, HEAP.start..HEAP.start + 4);
    model.dropped_while_reading = Some((CLIENT, PAGE));
    read(&mut model, &mut swap, [HEAP.start + 4]);
    assert!(model.dropped_while_reading.is_none(), "the request was made");
    assert!(!model.is_present(CLIENT, PAGE) && model.is_present(CLIENT, PAGE + 1));
    read(&mut model, &mut swap, HEAP);
}

#[test]
fn a_slot_that_cannot_be_read_fails_the_touch_of_its_own_page_alone() {
    let (mut model, mut swap) = all_on_disk();
    // The pages lie in the slots in their order.
    model.bad_slot = Some(PAGE - HEAP.start);
    read(&mut model, &mut swap, HEAP.filter(|page| *page != PAGE));
    assert!(!model.touch(&mut swap, CLIENT, PAGE, None), "the client ends");
}

#[test]
fn pages_ahead_stay_below_the_clients_limit() {
    let (mut model, mut swap) = all_on_disk();
    assert!(swap.set_limit(CLIENT, 12));
    for page in HEAP {
        read(&mut model, &mut swap, [page]);
        let there = HEAP.chain(TEXT).filter(|page| model.is_present(CLIENT, *page)).count();
        assert!(there <= 12, "{there} pages");
    }
}

#[test]
fn pages_ahead_do_not_take_frames_that_the_machine_keeps_free() {
    let (mut model, mut swap) = all_on_disk();
    // Forty are free, and 48 are kept: no page can go, because the client has none but its last.
    let used = model.frames_in_use();
    model.set_frame_limit(used + 40);
    read(&mut model, &mut swap, HEAP.start..HEAP.start + 8);
    assert_eq!(model.reads, 8, "each page alone: fewer frames are free than are kept");
}

#[test]
fn no_page_comes_ahead_to_a_client_that_cannot_be_viewed() {
    let (mut model, mut swap) = all_on_disk();
    model.make_view(CLIENT);
    read(&mut model, &mut swap, HEAP.start..HEAP.start + 8);
    assert_eq!(model.reads, 8, "each page alone");
}

#[test]
fn a_page_that_came_ahead_and_was_written_is_stored_again() {
    let (mut model, mut swap) = all_on_disk();
    read(&mut model, &mut swap, HEAP.start..HEAP.start + 5);
    assert!(model.is_present(CLIENT, PAGE));
    assert!(model.touch(&mut swap, CLIENT, PAGE, Some(noise(9))));
    send_away(&mut model, &mut swap);
    read(&mut model, &mut swap, HEAP);
}
