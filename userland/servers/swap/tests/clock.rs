//! Which pages the clock proposes, and how long it looks for them.

mod model;

use libsys::{EntryFlags, Page, ProcessId};
use model::{FOREIGN, HEAP, Model};
use swap::clock::{self, Hand, Search};
use swap::{Account, Accounts, CLUSTER, Swap};

const CLIENT: ProcessId = ProcessId::first(1);
const OTHER: ProcessId = ProcessId::first(2);

/// Two clients that have no pages. The pager knows of the table of the heap's first pages.
fn world() -> (Model, Accounts) {
    let mut model = Model::new(400, 400, 1);
    model.is_busy = false;
    let mut swap = Swap::new(400, 400);
    let mut accounts = Accounts::new();
    for client in [CLIENT, OTHER] {
        model.start(&mut swap, client);
        let mut account = Account::new(client);
        account.tables.add(Page::numbered(HEAP.start).directory_index());
        accounts.insert(account, &mut model).unwrap();
    }
    (model, accounts)
}

/// Gives a client a page with these flags.
fn put(model: &mut Model, client: ProcessId, page: u32, flags: EntryFlags) {
    model.replace_page(client, page);
    model.set_flags(client, page, flags);
}

/// What a whole search proposes: for each group the client, the pages that may go, and the dirty
/// ones.
fn search(
    model: &mut Model,
    accounts: &mut Accounts,
    only: Option<ProcessId>,
) -> Vec<(ProcessId, u32, u32)> {
    let (mut hand, mut search) = (Hand::default(), Search::new(only, CLIENT));
    core::iter::from_fn(|| {
        let group = clock::next(model, &mut hand, accounts, &mut search)?;
        Some((group.client, group.chosen, group.dirty))
    })
    .collect()
}

#[test]
fn a_page_may_go_if_it_is_present_not_accessed_and_not_shared() {
    for has_view in [false, true] {
        let (mut model, mut accounts) = world();
        let marks = [EntryFlags::ACCESSED, EntryFlags::DIRTY, EntryFlags::SHARED];
        for index in 8..CLUSTER as u32 {
            let chosen = (0..).zip(marks).filter(|(bit, _)| index >> bit & 1 != 0);
            let flags = chosen.fold(EntryFlags::FRESH, |all, (_, mark)| all | mark);
            put(&mut model, CLIENT, HEAP.start + index, flags);
        }
        if has_view {
            model.make_view(CLIENT);
        }
        let found = search(&mut model, &mut accounts, Some(CLIENT));
        // Pages 8 and 10 may go; 10, 11, 14 and 15 are dirty.
        assert_eq!(found[0], (CLIENT, 0x0500, 0xCC00), "has a view: {has_view}");
        // A and D are clear by now, and only those with `SHARED` must stay.
        assert_eq!(found[1], (CLIENT, 0x0F00, 0), "has a view: {has_view}");
    }
}

#[test]
fn a_dirty_page_is_proposed_though_none_was_accessed() {
    let (mut model, mut accounts) = world();
    put(&mut model, CLIENT, HEAP.start + 3, EntryFlags::FRESH | EntryFlags::DIRTY);
    assert_eq!(search(&mut model, &mut accounts, None)[0], (CLIENT, 1 << 3, 1 << 3));
    put(
        &mut model,
        CLIENT,
        HEAP.start + 3,
        EntryFlags::FRESH | EntryFlags::DIRTY | EntryFlags::SHARED,
    );
    assert_eq!(search(&mut model, &mut accounts, None)[0], (CLIENT, 0, 1 << 3));
}

#[test]
fn pages_in_no_region_stay() {
    let (mut model, mut accounts) = world();
    put(&mut model, CLIENT, FOREIGN.start, EntryFlags::FRESH);
    assert_eq!(search(&mut model, &mut accounts, None), []);
}

#[test]
fn a_search_goes_round_four_times() {
    let (mut model, mut accounts) = world();
    put(&mut model, OTHER, HEAP.start, EntryFlags::FRESH);
    assert_eq!(search(&mut model, &mut accounts, None), [(OTHER, 1, 0); 4]);
    assert_eq!(search(&mut model, &mut accounts, Some(OTHER)), [(OTHER, 1, 0); 4]);
    assert_eq!(search(&mut model, &mut accounts, Some(CLIENT)), []);
}

#[test]
fn the_last_pages_given_stay_for_three_rounds_and_those_of_the_spared_client_for_all() {
    let (mut model, mut accounts) = world();
    for client in [CLIENT, OTHER] {
        put(&mut model, client, HEAP.start, EntryFlags::FRESH);
        accounts.get_mut(client).unwrap().given(Page::numbered(HEAP.start));
    }
    put(&mut model, CLIENT, HEAP.start + 1, EntryFlags::FRESH);
    let round = (CLIENT, 0b10, 0);
    let expected = [round, round, round, round, (OTHER, 1, 0)];
    assert_eq!(search(&mut model, &mut accounts, None), expected);
}
