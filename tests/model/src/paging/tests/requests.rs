//! Requests: who may ask what, and what is answered.

use abi::call::PageTransfer;
use abi::{EntryFlags, ProcessId, Syscall, UserPage};
use libsys::service::pager::{
    NOT_A_CLIENT, Registered, Request, ShortName, Space, Statistics, Transfers,
};

use super::super::layout::{NAME, NONE, PROGRAM, WRITE, page};
use super::super::server::{Run, WITH_NAME};
use super::*;

const NOBODY: [u32; 4] = [NOT_A_CLIENT; 4];

/// The parent has the child registered, with this page.
fn register(run: &mut Run, child: ProcessId, transfer: Option<PageTransfer>) -> Registered {
    let boss = run.machine().boss;
    assert!(run.machine().run(boss));
    let words = run.ask_words(boss, Request::Register { child }.encode(), transfer);
    Registered::decode(words.expect("the pager answers"))
}

/// A child of the parent's, whose pager is the pager or nobody.
fn child(run: &mut Run, is_client: bool) -> ProcessId {
    let machine = run.machine();
    let (boss, pager) = (machine.boss, machine.pager());
    assert!(machine.run(boss));
    let [child, ..] = machine.call(Syscall::ProcessCreate { copy: false }).unwrap();
    let child = ProcessId::new(child).unwrap();
    let process = child.into();
    machine.call(Syscall::SetPager { process, pager: is_client.then_some(pager) }).unwrap();
    child
}

/// Puts another name in the page of the name.
fn rename(run: &mut Run, name: &[u8; 4]) {
    let (boss, page) = (run.machine().boss, page(NAME));
    let frame = run.machine().see(boss, page).frame();
    let hardware = &mut run.machine().world.kernel.cpu.hardware;
    hardware.set_word(frame, 0, u32::from_le_bytes(*name));
    hardware.set_word(frame, 1, 0);
}

#[test]
fn a_client_is_registered_with_the_entry_of_its_program() {
    let mut run = pager(0);
    let client = child(&mut run, true);
    assert_eq!(register(&mut run, client, Some(WITH_NAME)), Registered::At { entry: T + 0x20 });
    let name = ShortName::decode(ask(&mut run, Request::Name { client }));
    assert_eq!(name.unwrap().as_str(), PROGRAM);
    assert!(run.machine().files.len() == 1 && lines(&mut run).is_empty());
}

#[test]
fn only_a_parent_registers_and_only_a_client_of_this_pager() {
    let (mut run, first) = with_client(0);
    let words = Request::Register { child: first }.encode();
    assert_eq!(Registered::decode(ask_as(&mut run, first, words)), Registered::NotAClient);
    let stranger = child(&mut run, false);
    assert_eq!(register(&mut run, stranger, Some(WITH_NAME)), Registered::NotAClient);
    let client = child(&mut run, true);
    assert_eq!(register(&mut run, client.next(), Some(WITH_NAME)), Registered::NotAClient);
}

#[test]
fn a_program_that_cannot_be_run_is_refused_with_the_reason() {
    let mut run = pager(0);
    run.machine().files.push(("bad", &[0x7F; 64]));
    let client = child(&mut run, true);
    assert_eq!(register(&mut run, client, None), Registered::NoSuchProgram);
    for (name, answer) in [
        (b"none", Registered::NoSuchProgram),
        (b"\0\0\0\0", Registered::NoSuchProgram),
        (b"\xFF\0\0\0", Registered::NoSuchProgram),
        (b"bad\0", Registered::BadImage),
    ] {
        rename(&mut run, name);
        assert_eq!(register(&mut run, client, Some(WITH_NAME)), answer, "{name:x?}");
    }
    assert_eq!(ask(&mut run, Request::Name { client }), NOBODY);
}

#[test]
fn the_inbox_is_empty_after_each_request_that_brings_a_page() {
    let (mut run, client) = with_client(0);
    let pager = run.machine().pager();
    for words in [Request::Space.encode(), [99; 4], Request::Pages { client }.encode()] {
        let boss = run.machine().boss;
        assert!(run.machine().run(boss));
        assert!(run.ask_words(boss, words, Some(WITH_NAME)).is_some());
        assert!(!run.machine().see(pager, super::super::layout::INBOX).is_present(), "{words:x?}");
        // A name is not that of the last request.
        assert_eq!(register(&mut run, client, None), Registered::NoSuchProgram);
    }
}

#[test]
fn what_is_no_request_is_answered_so_and_the_pager_goes_on() {
    let (mut run, client) = with_client(0);
    let id = client.bits();
    for words in [
        [0, 0, 0, 0],
        [12, 0, 0, 0],
        [u32::MAX; 4],
        [1, 0, 0, 0],
        [1, id, 1, 0],
        [2, 1, 0, 0],
        [3, id, 5, 1],
        [4, u32::MAX, 0, 0],
        [9, id, 2, 0],
        [9, id, 0x10_0000, 0],
        [11, 0, 0, 1],
    ] {
        let answer = Registered::decode(ask_as(&mut run, client, words));
        assert_eq!(answer, Registered::NotUnderstood, "{words:x?}");
    }
    store(&mut run, client, A, 1);
}

#[test]
fn a_process_that_is_no_client_has_no_report() {
    let mut run = pager(0);
    let boss = run.machine().boss;
    for client in [boss, run.machine().pager(), boss.next(), ProcessId::first(77)] {
        for request in [
            Request::Pages { client },
            Request::Faults { client },
            Request::Given { client },
            Request::Name { client },
            Request::Entries { client, page: 0 },
        ] {
            assert_eq!(ask(&mut run, request), NOBODY, "{request:?}");
        }
        assert_eq!(ask(&mut run, Request::SetLimit { client, pages: 4 }), [1, 0, 0, 0]);
    }
}

#[test]
fn a_report_counts_what_the_client_has_and_has_had() {
    let (mut run, client) = with_client(0);
    for index in 0..3 {
        store(&mut run, client, A + index * 0x1000, 1);
    }
    load(&mut run, client, T + 0x1000);
    let given = given(&mut run, client).unwrap();
    assert_eq!((given.faults, given.zeroed, given.loaded, given.back), (4, 3, 1, 0));
    let pages = pages(&mut run, client).unwrap();
    assert_eq!((pages.resident, pages.swapped, pages.compressed, pages.unstored), (4, 0, 0, 0));
    let faults = faults(&mut run, client).unwrap();
    assert_eq!((faults.pages_in, faults.pages_out, faults.limit), (0, 0, 0));
    let other = another(&mut run);
    store(&mut run, other, A, 1);
    let statistics = Statistics::decode(ask(&mut run, Request::Statistics));
    assert_eq!((statistics.clients, statistics.zeroed, statistics.loaded), (2, 4, 1));
    end(&mut run, other);
    let statistics = Statistics::decode(ask(&mut run, Request::Statistics));
    assert_eq!((statistics.clients, statistics.zeroed, statistics.loaded), (1, 4, 1));
}

#[test]
fn the_pager_counts_the_pages_that_it_has_itself() {
    let mut run = pager(0);
    let (id, top) = (run.machine().pager(), abi::layout::USER_TOP >> 12);
    let statistics = Statistics::decode(ask(&mut run, Request::Statistics));
    let machine = run.machine();
    let present = (0..top).filter(|number| {
        let directory_entry = machine.world.leaf(id, 0xEF40_0000 | (number >> 10) << 12);
        directory_entry.contains(EntryFlags::USER) && machine.see(id, page(*number)).is_present()
    });
    assert_eq!(statistics.own_pages as usize, present.count());
}

#[test]
fn entries_are_the_words_of_the_clients_window() {
    let (mut run, client) = with_client(0);
    store(&mut run, client, A + 0x1000, 1);
    load(&mut run, client, A + 0x3000);
    let first = A >> 12;
    let words = ask(&mut run, Request::Entries { client, page: first });
    for (index, word) in (0..).zip(words) {
        let entry = leaf(&mut run, client, (first + index) << 12);
        assert_eq!((word, entry.is_present()), (entry.bits(), index % 2 == 1));
    }
    // No table is there.
    assert_eq!(ask(&mut run, Request::Entries { client, page: 0x7_0000 }), [0; 4]);
    view_somebody(&mut run, client);
    assert_eq!(ask(&mut run, Request::Entries { client, page: first }), NOBODY);
}

#[test]
fn a_limit_is_set_by_the_client_or_its_parent_and_holds_at_once() {
    let (mut run, client) = with_client(100);
    for index in 0..20 {
        store(&mut run, client, A + index * 0x1000, index + 1);
    }
    let stranger = another(&mut run);
    let set = |pages| Request::SetLimit { client, pages }.encode();
    assert_eq!(ask_as(&mut run, stranger, set(12)), [1, 0, 0, 0]);
    assert_eq!(pages(&mut run, client).unwrap().resident, 20);
    assert_eq!(ask_as(&mut run, client, set(16)), [0; 4]);
    assert_eq!(faults(&mut run, client).unwrap().limit, 16);
    assert!(pages(&mut run, client).unwrap().resident < 16);
    assert_eq!(ask(&mut run, Request::SetLimit { client, pages: 12 }), [0; 4]);
    let report = pages(&mut run, client).unwrap();
    assert!(report.resident < 12, "{report:?}");
    assert_eq!(report.resident + report.swapped + report.compressed, 20);
    assert_eq!(faults(&mut run, client).unwrap().pages_out, 20 - report.resident);
    for index in 0..20 {
        assert_eq!(load(&mut run, client, A + index * 0x1000), index + 1);
    }
    let back = faults(&mut run, client).unwrap().pages_in;
    assert!(back > 0);
    assert_eq!(given(&mut run, client).unwrap().back, back);
}

#[test]
fn the_space_and_the_requests_of_the_disk_are_counted() {
    let (mut run, client) = with_client(40);
    let space = Space::decode(ask(&mut run, Request::Space));
    assert_eq!((space.slots_used, space.slots), (0, 40));
    fill_with_noise(&mut run, client, 20);
    ask(&mut run, Request::SetLimit { client, pages: 4 });
    let report = pages(&mut run, client).unwrap();
    let space = Space::decode(ask(&mut run, Request::Space));
    assert!(report.swapped > 0 && space.slots_used == report.swapped, "{report:?} {space:?}");
    let before = Transfers::decode(ask(&mut run, Request::Transfers));
    assert_eq!((before.pages_written, before.reads), (report.swapped, 0));
    assert!((1..=before.pages_written).contains(&before.writes));
    read_noise(&mut run, client, 20);
    let after = Transfers::decode(ask(&mut run, Request::Transfers));
    assert!(after.reads > 0 && after.pages_read >= report.swapped, "{after:?}");
    assert_eq!(ask(&mut run, Request::Aside), [0; 4]);
}

#[test]
fn a_page_that_comes_with_a_message_may_not_be_written_by_the_pager_and_is_not_needed() {
    let (mut run, client) = with_client(0);
    let name = PageTransfer { page: UserPage::known(A), send: Some(WRITE), accept: false };
    store(&mut run, client, A, 0x21);
    assert!(run.machine().run(client));
    let words = run.ask_words(client, Request::Register { child: client }.encode(), Some(name));
    assert_eq!(words.map(Registered::decode), Some(Registered::NotAClient));
    let unmap =
        Syscall::PageUnmap { process: client.into(), page: UserPage::known(A), marks: NONE };
    let boss = run.machine().boss;
    assert!(run.machine().run(boss) && run.machine().call(unmap).is_ok());
    assert_eq!(load(&mut run, client, A), 0);
}
