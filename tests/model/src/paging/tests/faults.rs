//! Faults that are served: what the client has then.

use abi::{EntryFlags, Permissions, Syscall};

use super::super::layout::{COW, ME, NONE, PAGED_OUT, WRITE, text};
use super::*;

const STACK: u32 = abi::layout::USER_STACK_TOP - 0x1000;

#[test]
fn the_first_touch_of_a_page_gives_zeros_or_the_files_bytes() {
    let (mut run, client) = with_client(0);
    for address in [A, A + 0xFFC, STACK] {
        assert_eq!(load(&mut run, client, address), 0, "{address:#x}");
        let leaf = leaf(&mut run, client, address);
        assert!(leaf.is_writable() && !leaf.contains(EntryFlags::PAGER), "{address:#x}");
    }
    for number in TEXT {
        let bytes = text(number);
        for at in [0, 0x800, 0xFFC] {
            let expected = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
            assert_eq!(load(&mut run, client, (number << 12) + at as u32), expected);
        }
        let leaf = leaf(&mut run, client, number << 12);
        assert!(!leaf.is_writable() && leaf.contains(EntryFlags::SEALED), "{number:#x}");
    }
}

#[test]
fn a_page_of_zeros_is_one_after_a_page_of_text() {
    let (mut run, client) = with_client(0);
    load(&mut run, client, T);
    for at in (0..0x1000).step_by(4) {
        assert_eq!(load(&mut run, client, A + at), 0);
    }
}

#[test]
fn a_page_without_write_that_the_client_has_made_so_comes_back_without_write_and_unsealed() {
    let (mut run, client) = with_client(0);
    let page = page(A >> 12);
    for index in 0..8 {
        store(&mut run, client, A + index * 0x1000, index + 1);
    }
    let (process, write, none) =
        (abi::process::Target::Caller, Permissions::WRITE, Permissions::empty());
    let make = |run: &mut Run, drop, add| {
        assert!(run.machine().run(client));
        run.call(client, Syscall::PageProtect { process, page, drop, add }).unwrap();
    };
    make(&mut run, write, none);
    page_out(&mut run, client);
    assert_eq!(leaf(&mut run, client, A).bits(), PAGED_OUT);
    assert_eq!(load(&mut run, client, A), 1);
    let back = leaf(&mut run, client, A);
    assert!(!back.is_writable() && !back.contains(EntryFlags::SEALED), "{back:?}");
    make(&mut run, none, write);
    store(&mut run, client, A, 9);
}

#[test]
fn text_goes_without_a_copy_and_comes_from_the_file_again() {
    let (mut run, client) = with_client(0);
    load(&mut run, client, T);
    let before = given(&mut run, client).unwrap();
    page_out(&mut run, client);
    assert!(!leaf(&mut run, client, T).is_present());
    let report = pages(&mut run, client).unwrap();
    assert_eq!((report.swapped, report.compressed), (0, 0), "the file has the page");
    load(&mut run, client, T);
    let after = given(&mut run, client).unwrap();
    assert_eq!((after.loaded - before.loaded, after.back), (1, 0));
}

#[test]
fn text_with_other_bytes_than_the_files_is_stored() {
    let (mut run, client) = with_client(0);
    load(&mut run, client, T);
    let frame = leaf(&mut run, client, T).frame();
    run.machine().world.kernel.cpu.hardware.set_word(frame, 1023, 0x1234_5678);
    page_out(&mut run, client);
    assert_eq!(leaf(&mut run, client, T).bits(), PAGED_OUT);
    assert_eq!(load(&mut run, client, T + 0xFFC), 0x1234_5678);
}

#[test]
fn a_client_that_has_views_itself_is_served_without_one() {
    let (mut run, client) = with_client(100);
    for index in 0..12 {
        store(&mut run, client, A + index * 0x1000, index + 1);
    }
    view_somebody(&mut run, client);
    page_out(&mut run, client);
    assert_eq!(leaf(&mut run, client, A).bits(), PAGED_OUT);
    for index in (0..12).rev() {
        assert_eq!(load(&mut run, client, A + index * 0x1000), index + 1);
    }
    assert_eq!(load(&mut run, client, A + 0xF000), 0, "a page that it never had");
}

#[test]
fn a_forked_child_is_a_client_and_has_what_its_parent_had() {
    let (mut run, parent) = with_client(100);
    for index in 0..8 {
        store(&mut run, parent, A + index * 0x1000, index + 1);
    }
    page_out(&mut run, parent);
    let child = fork(&mut run, parent).expect("the pager agrees");
    assert!(pages(&mut run, child).is_some());
    for index in 0..8 {
        if leaf(&mut run, parent, A + index * 0x1000).bits() == PAGED_OUT {
            assert_eq!(leaf(&mut run, child, A + index * 0x1000).bits(), PAGED_OUT);
        }
    }
    let start = Syscall::ProcessStart { process: child.into() };
    assert!(run.machine().run(parent) && run.machine().make(parent, start));
    assert_eq!(load(&mut run, child, A), 1);
    store(&mut run, child, A, 77);
    assert_eq!(load(&mut run, parent, A), 1);
}

#[test]
fn a_fork_of_a_client_that_was_not_registered_is_refused() {
    let mut run = pager(0);
    let machine = run.machine();
    let (boss, pager) = (machine.boss, machine.pager());
    let [parent, ..] = machine.call(Syscall::ProcessCreate { copy: false }).unwrap();
    let parent = ProcessId::new(parent).unwrap();
    for call in [
        Syscall::SetPager { process: parent.into(), pager: Some(pager) },
        Syscall::ProcessStart { process: parent.into() },
    ] {
        assert!(machine.make(boss, call));
    }
    assert_eq!(fork(&mut run, parent), None);
    assert!(run.machine().find(parent).is_some());
}

#[test]
fn of_two_clients_with_one_place_for_a_view_the_first_has_it_until_it_ends() {
    // Process slots that are 640 apart share a directory entry of the pager's.
    let (mut run, first) = with_client(100);
    let entries = |client| Request::Entries { client, page: A >> 12 };
    assert_ne!(ask(&mut run, entries(first)), [u32::MAX; 4]);
    let second = client_in_slot(&mut run, first.index() + 640);
    for client in [first, second] {
        store(&mut run, client, A, client.bits());
    }
    page_out(&mut run, second);
    assert_eq!(leaf(&mut run, second, A).bits(), PAGED_OUT);
    for client in [first, second] {
        assert_eq!(load(&mut run, client, A), client.bits());
    }
    assert_ne!(ask(&mut run, entries(first)), [u32::MAX; 4]);
    assert_eq!(ask(&mut run, entries(second)), [u32::MAX; 4]);
    end(&mut run, first);
    assert_ne!(ask(&mut run, entries(second)), [u32::MAX; 4]);
}

#[test]
fn neighbours_are_both_viewed() {
    let (mut run, first) = with_client(0);
    let second = another(&mut run);
    for client in [first, second, first] {
        store(&mut run, client, A, 1);
        assert_ne!(ask(&mut run, Request::Entries { client, page: A >> 12 }), [u32::MAX; 4]);
    }
}

#[test]
fn each_client_is_viewed_at_a_directory_entry_that_follows_from_its_process_slot() {
    let mut run = pager(0);
    for _ in 0..4 {
        let client = another(&mut run);
        let has_view = |run: &mut Run| {
            let (pager, index) = (run.machine().pager(), 0x100 + client.index());
            run.machine().world.leaf(pager, 0xEF40_0000 | index << 12).is_present()
        };
        assert!(!has_view(&mut run), "{client}");
        assert_ne!(ask(&mut run, Request::Entries { client, page: A >> 12 }), [u32::MAX; 4]);
        assert!(has_view(&mut run), "{client}");
    }
}

#[test]
fn a_page_that_somebody_else_maps_stays() {
    let (mut run, client) = with_client(100);
    store(&mut run, client, A, 1);
    let machine = run.machine();
    let boss = machine.boss;
    assert!(machine.run(boss));
    let (to, to_page, permissions) = (ME, page(0x2_0000), WRITE);
    let map =
        Syscall::PageMap { process: client.into(), page: page(A >> 12), to, to_page, permissions };
    assert!(machine.make(boss, map));
    page_out(&mut run, client);
    assert!(leaf(&mut run, client, A).is_present());
}

#[test]
fn a_page_that_the_client_has_mapped_itself_goes_like_any_other() {
    let (mut run, client) = with_client(100);
    // Below a table of the heap in which the pager has given nothing.
    let own = A + 0x100_0000;
    assert!(run.machine().run(client));
    let allocate = Syscall::PageAllocate { process: ME, page: page(own >> 12), permissions: WRITE };
    assert!(run.call(client, allocate).is_ok());
    store(&mut run, client, own, 7);
    page_out(&mut run, client);
    assert_eq!(leaf(&mut run, client, own).bits(), PAGED_OUT);
    assert_eq!(load(&mut run, client, own), 7);
}

#[test]
fn a_store_to_a_shared_page_gets_a_copy_without_the_marks_of_sharing() {
    let (mut run, parent) = with_client(0);
    store(&mut run, parent, A, 1);
    let child = fork(&mut run, parent).expect("the pager agrees");
    let start = Syscall::ProcessStart { process: child.into() };
    assert!(run.machine().run(parent) && run.machine().make(parent, start));
    assert!(leaf(&mut run, child, A).permissions().contains(COW));
    store(&mut run, child, A, 2);
    assert_eq!(leaf(&mut run, child, A).permissions(), WRITE);
    assert_eq!(load(&mut run, parent, A), 1);
}

#[test]
fn a_page_that_goes_before_the_child_has_started_goes_for_the_child_too() {
    let (mut run, parent) = with_client(100);
    for index in 0..16 {
        store(&mut run, parent, A + index * 0x1000, index + 1);
    }
    let pages = [A, A + 0x1000];
    let child = agreed_fork(&mut run, parent).expect("the pager agrees");
    assert_eq!(
        ask_as(&mut run, parent, Request::SetLimit { client: parent, pages: 1 }.encode()),
        [0; 4]
    );
    for page in pages {
        assert_eq!(leaf(&mut run, child, page).bits(), PAGED_OUT);
    }
    assert!(run.machine().run(parent));
    run.share_all(parent, child);
    let start = Syscall::ProcessStart { process: child.into() };
    assert!(run.machine().run(parent) && run.machine().make(parent, start));
    for (page, expected) in pages.into_iter().zip(1..) {
        assert_eq!(load(&mut run, child, page), expected);
    }
}

#[test]
fn a_child_that_has_run_and_waits_now_gets_no_page_of_its_parents() {
    let (mut run, parent) = with_client(100);
    for index in 0..16 {
        store(&mut run, parent, A + index * 0x1000, index + 1);
    }
    let child = fork(&mut run, parent).expect("the pager agrees");
    let start = Syscall::ProcessStart { process: child.into() };
    assert!(run.machine().run(parent) && run.machine().make(parent, start));
    assert!(run.machine().run(child));
    let unmap = Syscall::PageUnmap { process: ME, page: page(A >> 12), marks: NONE };
    assert!(run.call(child, unmap).is_ok());
    assert!(run.machine().run(child));
    run.machine().begin(Syscall::Receive { from: None, transfer: None });
    store(&mut run, parent, A, 1);
    assert_eq!(
        ask_as(&mut run, parent, Request::SetLimit { client: parent, pages: 1 }.encode()),
        [0; 4]
    );
    page_out(&mut run, parent);
    assert_eq!(leaf(&mut run, parent, A).bits(), PAGED_OUT);
    assert_eq!(leaf(&mut run, child, A), Entry::ABSENT);
}
