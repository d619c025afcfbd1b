//! Faults that are served: what the client has then.

use abi::{EntryFlags, Permissions, Syscall};

use super::super::layout::{PAGED_OUT, text};
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
