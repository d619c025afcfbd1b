//! Which pages an eviction takes, from whom, and what it says about them.

mod model;

use libsys::{EntryFlags, ProcessId};
use model::{EXCEPTION, HEAP, Model, TEXT};
use swap::page::is_paged_out;
use swap::store::StoreError;
use swap::{Backend, Swap};

const CLIENT: ProcessId = ProcessId::first(1);
const OTHER: ProcessId = ProcessId::first(2);
const THIRD: ProcessId = ProcessId::first(3);
const PAGE: u32 = HEAP.start + 3;
/// A tag whose pattern does not compress.
const NOISE: u32 = 2;

/// The leaf of a page that several clients map after a fork.
const FORKED: EntryFlags =
    EntryFlags::FRESH.difference(EntryFlags::WRITE).union(EntryFlags::COPY_ON_WRITE);

fn world(slots: usize) -> (Model, Swap) {
    let mut model = Model::new(400, slots, 1);
    model.is_busy = false;
    let mut swap = Swap::new(400, slots as u32);
    for client in [CLIENT, OTHER, THIRD] {
        model.start(&mut swap, client);
    }
    (model, swap)
}

/// Gives a client a page with these contents, which may go.
fn put(model: &mut Model, swap: &mut Swap, client: ProcessId, page: u32, tag: u32) {
    model.replace_page(client, page);
    assert!(model.touch(swap, client, page, Some(tag)));
    model.set_flags(client, page, EntryFlags::FRESH);
}

/// Two clients map a frame at the same page, as after a fork, and a third one has a page of its own
/// there, with the same rights.
fn forked() -> (Model, Swap) {
    let (mut model, mut swap) = world(400);
    put(&mut model, &mut swap, CLIENT, PAGE, NOISE);
    put(&mut model, &mut swap, THIRD, PAGE, NOISE + 4);
    model.set_flags(THIRD, PAGE, FORKED);
    model.set_flags(CLIENT, PAGE, FORKED);
    model.map_again((Some(CLIENT), PAGE), (Some(OTHER), PAGE), false);
    (model, swap)
}

fn present(model: &Model) -> [bool; 3] {
    [CLIENT, OTHER, THIRD].map(|client| model.is_present(client, PAGE))
}

#[test]
fn a_frame_goes_from_all_that_map_it_and_from_nobody_else() {
    let (mut model, mut swap) = forked();
    assert_eq!(swap.evict(&mut model, Some(CLIENT), CLIENT), Ok(2));
    assert_eq!(present(&model), [false, false, true]);
    assert_eq!((swap.store().items(), model.writes), (1, 1), "stored once");
    for client in [CLIENT, OTHER, THIRD] {
        assert!(model.touch(&mut swap, client, PAGE, None));
    }
    model.audit();
}

#[test]
fn a_copy_that_one_client_has_of_a_frame_is_good_for_all_that_map_it() {
    for (owner, sharer) in [(CLIENT, OTHER), (OTHER, CLIENT)] {
        let (mut model, mut swap) = world(400);
        put(&mut model, &mut swap, owner, PAGE, NOISE);
        assert_eq!(swap.evict(&mut model, Some(owner), THIRD), Ok(1));
        assert!(model.touch(&mut swap, owner, PAGE, None));
        model.set_flags(owner, PAGE, FORKED | EntryFlags::PAGER);
        model.map_again((Some(owner), PAGE), (Some(sharer), PAGE), false);
        assert_eq!(swap.evict(&mut model, Some(owner), THIRD), Ok(2));
        assert_eq!((model.writes, swap.store().items()), (1, 1), "written the first time alone");
        for client in [CLIENT, OTHER] {
            assert!(model.touch(&mut swap, client, PAGE, None));
        }
        model.audit();
    }
}

#[test]
fn a_frame_stays_while_one_that_maps_it_uses_it_may_write_it_or_shares_it() {
    let used = [
        FORKED | EntryFlags::ACCESSED,
        EntryFlags::FRESH,
        FORKED | EntryFlags::SHARED,
        FORKED | EntryFlags::ACCESSED_DIRTY | EntryFlags::SHARED,
    ];
    for (client, flags) in used.into_iter().flat_map(|flags| [(CLIENT, flags), (OTHER, flags)]) {
        let (mut model, mut swap) = forked();
        model.set_flags(client, PAGE, flags);
        let only = if client == CLIENT { OTHER } else { CLIENT };
        assert_eq!(swap.evict(&mut model, Some(only), only), Ok(0), "{flags:?}");
        assert_eq!(present(&model), [true; 3], "{flags:?}");
    }
}

#[test]
fn a_frame_stays_if_its_use_changes_before_it_is_taken() {
    let changes = [
        (CLIENT, FORKED | EntryFlags::SHARED),
        (CLIENT, EntryFlags::FRESH),
        (OTHER, EntryFlags::FRESH),
    ];
    for (client, flags) in changes {
        let (mut model, mut swap) = forked();
        model.changed_before_taking = Some((client, PAGE, flags));
        assert_eq!(swap.evict(&mut model, Some(CLIENT), CLIENT), Ok(0), "{flags:?}");
        assert!(model.changed_before_taking.is_none());
        assert_eq!(present(&model), [true; 3], "{flags:?}");
        // A page that comes back without W is sealed.
        assert_eq!(model.see(client, PAGE).flags().difference(EntryFlags::SEALED), flags);
        assert_eq!((model.writes, swap.store().items()), (0, 0));
        model.audit();
    }
}

#[test]
fn a_page_that_becomes_shared_before_it_is_taken_stays() {
    let (mut model, mut swap) = world(400);
    put(&mut model, &mut swap, CLIENT, PAGE, NOISE);
    let shared = EntryFlags::FRESH | EntryFlags::SHARED;
    model.changed_before_taking = Some((CLIENT, PAGE, shared));
    assert_eq!(swap.evict(&mut model, Some(CLIENT), CLIENT), Ok(0));
    assert_eq!(model.see(CLIENT, PAGE).flags(), shared);
    assert_eq!((model.writes, swap.store().items()), (0, 0));
}

#[test]
fn text_goes_without_being_stored_and_comes_from_the_file() {
    let (mut model, mut swap) = world(400);
    for page in TEXT {
        assert!(model.touch(&mut swap, CLIENT, page, None));
        let flags = model.see(CLIENT, page).flags().difference(EntryFlags::ACCESSED);
        model.set_flags(CLIENT, page, flags);
    }
    // All of them are recent, so they go on behalf of another client.
    let count = TEXT.len() as u32;
    assert_eq!(swap.evict(&mut model, Some(CLIENT), OTHER), Ok(count));
    assert_eq!((model.writes, swap.store().items()), (0, 0));
    for page in TEXT {
        assert!(model.touch(&mut swap, CLIENT, page, None));
    }
}

#[test]
fn a_page_with_the_bytes_of_the_file_is_stored_if_the_file_does_not_give_its_rights() {
    let text = FORKED.difference(EntryFlags::COPY_ON_WRITE).union(EntryFlags::SEALED);
    for (page, flags, items) in [
        (TEXT.start, text, 0),
        (TEXT.start, EntryFlags::FRESH, 1),
        (TEXT.start, FORKED | EntryFlags::SEALED, 1),
        (TEXT.start, text.difference(EntryFlags::SEALED), 1),
        (PAGE, text, 1),
    ] {
        let (mut model, mut swap) = world(400);
        put(&mut model, &mut swap, CLIENT, page, page * 4 + 1);
        model.set_flags(CLIENT, page, flags);
        assert_eq!(swap.evict(&mut model, Some(CLIENT), CLIENT), Ok(1));
        assert_eq!(swap.store().items(), items, "{page:#x} with {flags:?}");
        assert!(model.touch(&mut swap, CLIENT, page, None));
        let kept = EntryFlags::WRITE | EntryFlags::COPY_ON_WRITE | EntryFlags::SEALED;
        assert_eq!(model.see(CLIENT, page).flags() & kept, flags & kept, "{page:#x}");
    }
}

#[test]
fn sixteen_neighbours_go_together_and_are_counted() {
    let (mut model, mut swap) = world(400);
    HEAP.for_each(|page| put(&mut model, &mut swap, CLIENT, page, 4 * page + NOISE));
    for round in 1..=HEAP.len() / 16 {
        assert_eq!(swap.evict(&mut model, Some(CLIENT), CLIENT), Ok(16));
        let gone = HEAP.filter(|page| is_paged_out(model.see(CLIENT, *page))).count();
        assert_eq!((gone, model.writes as usize), (16 * round, round));
    }
    assert_eq!(swap.evict(&mut model, Some(CLIENT), CLIENT), Ok(0));
    assert_eq!(swap.account(CLIENT).unwrap().faults_out, HEAP.len() as u32);
}

#[test]
fn an_eviction_gives_up_after_eight_groups_that_cannot_be_stored() {
    for groups in [1, 7, 8, 9] {
        // Without a disk, noise cannot be stored. The zeros are in the group behind it.
        let (mut model, mut swap) = world(0);
        let places = [CLIENT, OTHER, THIRD]
            .into_iter()
            .flat_map(|client| HEAP.step_by(16).map(move |page| (client, page)));
        for (nth, (client, page)) in places.enumerate().take(groups + 1) {
            put(&mut model, &mut swap, client, page, if nth == groups { 0 } else { NOISE });
        }
        let goes = groups < 8;
        let expected = if goes { Ok(1) } else { Err(StoreError::Full) };
        assert_eq!(swap.evict(&mut model, None, CLIENT), expected, "{groups} groups");
        if !goes {
            assert_eq!(swap.evict(&mut model, None, CLIENT), Ok(1), "the search goes on there");
        }
    }
}

#[test]
fn evictions_that_take_nothing_keep_no_memory() {
    let (mut model, mut swap) = world(400);
    swap.reserve(&mut model);
    assert_eq!(swap.evict(&mut model, None, CLIENT), Ok(0));
    let before = model.free_frames();
    // Each page is mapped in a server, too, and has a table of its own.
    let pages = [TEXT.start, HEAP.start, HEAP.end - 1, EXCEPTION];
    for (slot, page) in (0..).zip(pages) {
        put(&mut model, &mut swap, CLIENT, page, NOISE);
        model.map_again((Some(CLIENT), page), (None, slot), true);
        assert_eq!(swap.evict(&mut model, Some(CLIENT), CLIENT), Ok(0));
    }
    assert_eq!(model.free_frames(), before - pages.len() as u32);
}
