//! What the pager does about a fault, by the access and by what the page's leaf is by now.

mod model;

use libsys::abi::fault::Access;
use libsys::{EntryFlags, Permissions, ProcessId, UserPage};
use model::{HEAP, Model};
use swap::page::is_paged_out;
use swap::{PagingError, Served, Swap};

const CLIENT: ProcessId = ProcessId::first(1);
const PAGE: u32 = HEAP.start + 3;
/// A tag whose pattern does not compress.
const NOISE: u32 = 2;

fn serve(model: &mut Model, swap: &mut Swap, access: Access) -> Served {
    swap.serve(model, CLIENT, UserPage::known(PAGE << 12), access)
}

/// A client that has the page, and has lost another one if `has_lost_pages`.
fn world(has_lost_pages: bool) -> (Model, Swap) {
    let mut model = Model::new(400, 400, 1);
    model.is_busy = false;
    let mut swap = Swap::new(400, 400);
    model.start(&mut swap, CLIENT);
    if has_lost_pages {
        model.replace_page(CLIENT, HEAP.start + 40);
        assert_eq!(swap.evict(&mut model, Some(CLIENT), CLIENT), Ok(1));
    }
    model.replace_page(CLIENT, PAGE);
    assert!(model.touch(&mut swap, CLIENT, PAGE, Some(NOISE)));
    (model, swap)
}

#[test]
fn a_fault_on_a_page_that_is_present_by_now_is_answered_by_what_its_leaf_allows() {
    const READ: Access = Access::USER;
    const WRITE: Access = Access::USER.union(Access::WRITE);
    const READ_ONLY: EntryFlags = EntryFlags::FRESH.difference(EntryFlags::WRITE);
    let table = [
        // The page was absent when it was touched. If the access is not allowed now, the client
        // will fault again.
        (EntryFlags::FRESH, READ, Served::Resume),
        (EntryFlags::FRESH, WRITE, Served::Resume),
        (READ_ONLY, READ, Served::Resume),
        (READ_ONLY, WRITE, Served::Resume),
        // The page was present, and the access was not allowed.
        (EntryFlags::FRESH, WRITE | Access::PROTECTION, Served::Resume),
        (READ_ONLY, READ | Access::PROTECTION, Served::Resume),
        (READ_ONLY, WRITE | Access::PROTECTION, Served::Refused),
        (READ_ONLY | EntryFlags::COPY_ON_WRITE, WRITE | Access::PROTECTION, Served::Resume),
    ];
    for has_lost_pages in [false, true] {
        for (flags, access, expected) in table {
            let (mut model, mut swap) = world(has_lost_pages);
            model.set_flags(CLIENT, PAGE, flags);
            let served = serve(&mut model, &mut swap, access);
            assert_eq!(served, expected, "{flags:?}, {access:?}, {has_lost_pages}");
            let may_write = flags.intersects(EntryFlags::WRITE | EntryFlags::COPY_ON_WRITE);
            assert_eq!(model.see(CLIENT, PAGE).is_writable(), may_write, "{flags:?}, {access:?}");
            assert!(model.touch(&mut swap, CLIENT, PAGE, None));
            model.audit();
        }
    }
}

#[test]
fn a_page_that_is_given_is_counted() {
    let (mut model, mut swap) = world(false);
    let before = *swap.account(CLIENT).unwrap();
    model.set_flags(CLIENT, PAGE, EntryFlags::FRESH);
    assert_eq!(swap.evict(&mut model, Some(CLIENT), CLIENT), Ok(1));
    assert!(model.touch(&mut swap, CLIENT, PAGE, None));
    let after = *swap.account(CLIENT).unwrap();
    assert_eq!((before.faults_out, before.faults_in), (0, 0));
    assert_eq!((after.faults_out, after.faults_in), (1, 1));
    assert_eq!(after.resident, 1);
    assert_eq!(swap.account(ProcessId::first(9)), None, "no client");
}

/// A machine on which no frame is free, whose client's pages are noise, with so many slots.
fn full_machine(slots: usize) -> (Model, Swap) {
    let mut model = Model::new(400, slots, 1);
    model.is_busy = false;
    let mut swap = Swap::new(400, slots as u32);
    model.start(&mut swap, CLIENT);
    swap.reserve(&mut model);
    for page in HEAP.start + 16..HEAP.end {
        model.replace_page(CLIENT, page);
        assert!(model.touch(&mut swap, CLIENT, page, Some(NOISE + 4 * page)));
        model.set_flags(CLIENT, page, EntryFlags::FRESH);
    }
    let used = model.frames_in_use();
    model.set_frame_limit(used);
    (model, swap)
}

#[test]
fn a_fault_without_a_frame_fails_with_the_reason_why_no_page_can_go() {
    for (slots, disk_fails, expected) in [
        (0, 0, Served::Failed(PagingError::NoMemory)),
        (400, 1, Served::Failed(PagingError::DiskWrite)),
        (400, 0, Served::Resume),
    ] {
        let (mut model, mut swap) = full_machine(slots);
        model.disk_fails = disk_fails;
        assert_eq!(serve(&mut model, &mut swap, Access::USER), expected, "{slots} slots");
        model.audit();
    }
}

#[test]
fn copies_of_pages_in_memory_make_room_on_a_full_disk_for_pages_that_must_go() {
    for has_copies in [true, false] {
        let (mut model, mut swap) = full_machine(16);
        assert_eq!(swap.evict(&mut model, Some(CLIENT), CLIENT), Ok(16));
        let gone: Vec<_> = HEAP.filter(|page| is_paged_out(model.see(CLIENT, *page))).collect();
        assert_eq!(gone.len(), 16);
        if has_copies {
            // They come back to be read, so that their copies stay on the disk. They cannot go.
            model.set_frame_limit(400);
            for page in gone {
                assert!(model.touch(&mut swap, CLIENT, page, None));
                let flags = model.see(CLIENT, page).flags();
                model.set_flags(CLIENT, page, flags | EntryFlags::SHARED);
            }
        }
        assert_eq!(swap.store().slots_used(), 16);
        let used = model.frames_in_use();
        model.set_frame_limit(used);
        let expected =
            if has_copies { Served::Resume } else { Served::Failed(PagingError::NoRoom) };
        assert_eq!(serve(&mut model, &mut swap, Access::USER), expected);
        model.audit();
    }
}

#[test]
fn a_page_keeps_its_copy_if_it_is_read_from_the_disk_and_its_client_can_be_viewed() {
    for case in 0..8 {
        let [is_written, is_compressed, has_view] = [0, 1, 2].map(|bit| case >> bit & 1 != 0);
        let tag = if is_compressed { 4 } else { NOISE };
        let (mut model, mut swap) = world(false);
        assert!(model.touch(&mut swap, CLIENT, PAGE, Some(tag)));
        model.set_flags(CLIENT, PAGE, EntryFlags::FRESH);
        assert_eq!(swap.evict(&mut model, Some(CLIENT), CLIENT), Ok(1));
        assert_eq!(swap.store().slots_used(), u32::from(!is_compressed));
        if has_view {
            model.make_view(CLIENT);
        }
        assert!(model.touch(&mut swap, CLIENT, PAGE, is_written.then_some(tag + 4)));
        let keeps = case == 0;
        let is_marked = model.see(CLIENT, PAGE).permissions().contains(Permissions::PAGER);
        assert_eq!((swap.store().items(), is_marked), (u32::from(keeps), keeps), "{case:#b}");
        model.audit();
    }
}
