//! Frames, slots and the disk run out or fail.

use abi::{Error, Permissions, Syscall};
use libsys::service::pager::{Space, Transfers};
use pager::Kernel as _;
use swap::CLUSTER;
use swap::codec::SAMPLE;

use super::super::layout::{NONE, PAGED_OUT, PAGER};
use super::*;

#[test]
fn a_pager_without_a_disk_says_so_and_serves() {
    let mut run = Run::new(1, Setting { slots: 0, write_fails: 0, read_fails: 0, quotas: false });
    assert_eq!(lines(&mut run), [""; 0], "it was not told to swap");
    let (mut run, client) = with_client(0);
    store(&mut run, client, A, 1);
    assert_eq!(Space::decode(ask(&mut run, Request::Space)).slots, 0);
}

#[test]
fn a_disk_that_cannot_be_opened_is_no_disk() {
    let machine = super::super::machine::Machine::new(
        1,
        Setting { slots: 0, write_fails: 0, read_fails: 0, quotas: false },
    );
    let mut server = pager::Server::new(machine, super::super::machine::FREE, true);
    assert_eq!(server.kernel().lines, ["pager: no swap space: the disk is gone"]);
}

#[test]
fn a_fault_without_a_frame_takes_a_page_of_another_client() {
    let (mut run, client) = with_client(100);
    fill_with_noise(&mut run, client, 30);
    let other = another(&mut run);
    run.machine().use_all_memory();
    store(&mut run, other, A, 5);
    assert!(pages(&mut run, client).unwrap().swapped > 0);
    assert_eq!(load(&mut run, other, A), 5);
    read_noise(&mut run, client, 30);
}

#[test]
fn a_fault_for_which_no_page_can_go_is_refused_with_the_reason() {
    let (mut run, client) = with_client(0);
    run.machine().use_all_memory();
    assert!(!touch(&mut run, client, A, None));
    let line = format!("pager: no page {A:08x} for [{client}]: out of frames");
    assert_eq!(lines(&mut run), [line]);
}

#[test]
fn a_call_that_finds_no_frame_gets_one_if_a_page_can_go() {
    let (mut run, client) = with_client(100);
    fill_with_noise(&mut run, client, 30);
    run.machine().use_all_memory();
    let process = abi::process::Target::Caller;
    let page = page(0x6_0000);
    let allocate = Syscall::PageAllocate { process, page, permissions: Permissions::WRITE };
    assert!(run.machine().run(client));
    assert_eq!(run.call(client, allocate).map(drop), Ok(()));
    let lone = with_client(0);
    let (mut run, client) = lone;
    run.machine().use_all_memory();
    assert!(run.machine().run(client));
    assert_eq!(run.call(client, allocate), Err(Error::OutOfFrames));
    assert_eq!(lines(&mut run), [""; 0]);
}

#[test]
fn a_full_disk_refuses_the_fault_and_loses_nothing() {
    let (mut run, client) = with_client(8);
    fill_with_noise(&mut run, client, 30);
    run.machine().use_all_memory();
    ask(&mut run, Request::SetLimit { client, pages: 1 });
    let space = Space::decode(ask(&mut run, Request::Space));
    assert_eq!(space.slots_used, 8, "{space:?}");
    let other = another(&mut run);
    run.machine().use_all_memory();
    assert!(!touch(&mut run, other, A, Some(1)));
    let line =
        format!("pager: no page {A:08x} for [{other}]: out of frames, and the swap space is full");
    assert_eq!(lines(&mut run), [line]);
}

#[test]
fn a_page_that_the_disk_cannot_read_ends_its_client_with_the_reason() {
    let (mut run, client) = with_client(100);
    fill_with_noise(&mut run, client, 20);
    ask(&mut run, Request::SetLimit { client, pages: 4 });
    run.machine().setting.read_fails = 1;
    let out = (0..20).map(|index| A + index * 0x1000);
    let out: Vec<u32> = out.filter(|at| leaf(&mut run, client, *at).bits() == PAGED_OUT).collect();
    assert!(!touch(&mut run, client, out[0], None));
    let line = format!("pager: no page {:08x} for [{client}]: the disk cannot be read", out[0]);
    assert_eq!(lines(&mut run), [line]);
    let other = another(&mut run);
    store(&mut run, other, A, 1);
}

#[test]
fn a_disk_that_cannot_be_written_keeps_pages_in_memory() {
    let (mut run, client) = with_client(100);
    run.machine().setting.write_fails = 1;
    fill_with_noise(&mut run, client, 20);
    ask(&mut run, Request::SetLimit { client, pages: 4 });
    let report = pages(&mut run, client).unwrap();
    assert_eq!((report.resident, report.swapped), (20, 0));
    read_noise(&mut run, client, 20);
}

#[test]
fn a_client_that_ends_gives_its_slots_back() {
    let (mut run, client) = with_client(100);
    fill_with_noise(&mut run, client, 20);
    ask(&mut run, Request::SetLimit { client, pages: 4 });
    assert!(Space::decode(ask(&mut run, Request::Space)).slots_used > 0);
    end(&mut run, client);
    assert_eq!(another(&mut run).index(), client.index());
    assert_eq!(Space::decode(ask(&mut run, Request::Space)).slots_used, 0);
}

#[test]
fn a_client_that_ends_while_its_fault_waits_is_not_answered() {
    let (mut run, client) = with_client(0);
    assert!(run.machine().run(client));
    run.machine().touch(A, None);
    let message = run.take_message().unwrap();
    end(&mut run, client);
    run.answer(message);
    assert_eq!(run.machine().failure(), None);
    assert_eq!(lines(&mut run), [""; 0]);
    let next = another(&mut run);
    store(&mut run, next, A, 1);
}

#[test]
fn a_request_of_a_process_that_ends_meanwhile_is_answered_to_nobody() {
    let (mut run, client) = with_client(0);
    let pager = run.machine().pager();
    assert!(run.machine().run(client));
    let words = Request::Pages { client }.encode();
    run.machine().begin(Syscall::Call { to: pager, words, transfer: None });
    let message = run.take_message().unwrap();
    end(&mut run, client);
    run.answer(message);
    assert_eq!(run.machine().failure(), None);
    let next = another(&mut run);
    store(&mut run, next, A, 1);
}

#[test]
fn a_page_that_was_not_written_since_it_came_back_goes_without_a_second_copy() {
    let (mut run, client) = with_client(100);
    fill_with_noise(&mut run, client, 2);
    page_out(&mut run, client);
    read_noise(&mut run, client, 2);
    let written = |run: &mut Run| Transfers::decode(ask(run, Request::Transfers)).pages_written;
    assert_eq!(written(&mut run), 2);
    page_out(&mut run, client);
    assert_eq!(leaf(&mut run, client, A).bits(), PAGED_OUT);
    assert_eq!(written(&mut run), 2);
    read_noise(&mut run, client, 2);
}

#[test]
fn a_mark_that_another_pager_has_set_is_not_believed() {
    let (mut run, client) = with_client(100);
    fill_with_noise(&mut run, client, 1);
    page_out(&mut run, client);
    read_noise(&mut run, client, 1);
    let machine = run.machine();
    let (boss, pager, process) = (machine.boss, machine.pager(), client.into());
    let set = |pager| Syscall::SetPager { process, pager: Some(pager) };
    assert!(machine.run(boss) && machine.make(boss, set(boss)));
    let frame = machine.see(client, page(A >> 12)).frame();
    machine.world.kernel.cpu.hardware.set_word(frame, 0, 0x1234);
    let mark = Syscall::PageProtect { process, page: page(A >> 12), drop: NONE, add: PAGER };
    assert!(machine.make(boss, mark) && machine.make(boss, set(pager)));
    page_out(&mut run, client);
    assert_eq!(leaf(&mut run, client, A).bits(), PAGED_OUT);
    assert_eq!(load(&mut run, client, A), 0x1234);
}

#[test]
fn without_a_disk_what_does_not_compress_stays_and_the_reason_names_no_swap_space() {
    let (mut run, client) = with_client(0);
    fill_with_noise(&mut run, client, 30);
    let other = another(&mut run);
    run.machine().use_all_memory();
    assert!(!touch(&mut run, other, A, Some(1)));
    let line = format!("pager: no page {A:08x} for [{other}]: out of frames");
    assert_eq!(lines(&mut run), [line]);
    read_noise(&mut run, client, 30);
}

#[test]
fn the_frames_of_pages_that_went_take_those_that_come_and_one_requests_pages_are_kept() {
    let (mut run, client) = with_client(100);
    fill_with_noise(&mut run, client, 40);
    assert_eq!(spares(&mut run), 0, "no page went");
    page_out(&mut run, client);
    assert_eq!(spares(&mut run), CLUSTER);
    let other = another(&mut run);
    store(&mut run, other, A, 1);
    assert_eq!(spares(&mut run), CLUSTER, "a page of zeros has a frame that the kernel has zeroed");
    let free = |run: &mut Run| run.machine().free_frames();
    let before = free(&mut run);
    assert_eq!(load(&mut run, client, A), noise(0, 0));
    assert_eq!((spares(&mut run), free(&mut run)), (CLUSTER - 1, before));
    read_noise(&mut run, client, 40);
    assert_eq!(run.machine().failure(), None);
}

#[test]
fn frames_that_are_kept_are_given_back_when_a_call_finds_none() {
    let (mut run, client) = with_client(100);
    fill_with_noise(&mut run, client, 30);
    page_out(&mut run, client);
    assert_eq!(spares(&mut run), CLUSTER);
    run.machine().use_all_memory();
    let (process, page) = (abi::process::Target::Caller, page(0x6_0000));
    let allocate = Syscall::PageAllocate { process, page, permissions: Permissions::WRITE };
    assert!(run.machine().run(client));
    assert_eq!(run.call(client, allocate).map(drop), Ok(()));
    assert_eq!(spares(&mut run), 0);
}

#[test]
fn a_page_of_zeros_gets_a_frame_that_is_kept_if_there_is_no_other() {
    let (mut run, client) = with_client(100);
    fill_with_noise(&mut run, client, 30);
    page_out(&mut run, client);
    run.machine().use_all_memory();
    for at in (0x10_0000..0x10_1000).step_by(4) {
        assert_eq!(load(&mut run, client, A + at), 0, "{at:#x}");
    }
    assert!(spares(&mut run) < CLUSTER);
}

#[test]
fn of_a_frame_that_two_clients_map_one_is_kept() {
    let (mut run, parent) = with_client(100);
    fill_with_noise(&mut run, parent, 1);
    let child = fork(&mut run, parent).expect("the pager agrees");
    let start = Syscall::ProcessStart { process: child.into() };
    assert!(run.machine().run(parent) && run.machine().make(parent, start));
    for client in [parent, child] {
        (0..RECENT as u32)
            .for_each(|page| store(&mut run, client, A + 0x40_0000 + page * 0x1000, 1));
    }
    // The first round clears A in both, and the page goes from both.
    for (client, pages) in [(parent, 1), (child, 1), (parent, 0)] {
        ask(&mut run, Request::SetLimit { client, pages });
    }
    for client in [parent, child] {
        assert_eq!(leaf(&mut run, client, A).bits(), PAGED_OUT);
    }
    let pager = run.machine().pager();
    let kept = (0..PLACES).map(|place| run.machine().see(pager, held(place)));
    let mut kept: Vec<_> = kept.filter(|leaf| leaf.is_present()).map(Entry::frame).collect();
    let count = kept.len();
    kept.dedup();
    assert_eq!((count, kept.len()), (count, count));
    for client in [parent, child] {
        read_noise(&mut run, client, 1);
    }
    assert_eq!(run.machine().failure(), None);
}

#[test]
fn frames_that_are_kept_are_given_back_when_a_page_of_a_file_needs_a_table() {
    let (mut run, client) = with_client(100);
    fill_with_noise(&mut run, client, 4);
    page_out(&mut run, client);
    read_noise(&mut run, client, 4);
    page_out(&mut run, client);
    let other = another(&mut run);
    run.machine().use_all_memory();
    drop_spares(&mut run, client);
    run.machine().use_all_memory();
    load(&mut run, other, T);
    assert!(leaf(&mut run, other, T).is_present());
}

#[test]
fn the_words_of_the_sample_decide_which_page_goes_to_the_disk() {
    let (mut run, client) = with_client(100);
    for (nth, offset) in (0..).zip(SAMPLE) {
        // In all, 32 different bytes: the rest of both pages is zeros, and both would shrink.
        let word = 0x0302_0100 + nth * 0x0404_0404;
        store(&mut run, client, A + offset, word);
        store(&mut run, client, A + 0x1000 + offset + 8, word);
    }
    page_out(&mut run, client);
    let report = pages(&mut run, client).unwrap();
    assert_eq!((report.swapped, report.compressed), (1, 1));
}

#[test]
fn pages_that_go_to_slots_apart_are_written_by_a_request_each_and_come_back() {
    let (mut run, client) = with_client(8);
    fill_with_noise(&mut run, client, 8);
    page_out(&mut run, client);
    let writes = |run: &mut Run| Transfers::decode(ask(run, Request::Transfers)).writes;
    let used = |run: &mut Run| Space::decode(ask(run, Request::Space)).slots_used;
    assert_eq!(used(&mut run), 8);
    let before = writes(&mut run);
    let changed = [1, 4, 6].map(|page| A + page * 0x1000 + 8);
    changed.into_iter().for_each(|address| store(&mut run, client, address, address));
    assert_eq!(used(&mut run), 5);
    page_out(&mut run, client);
    assert_eq!((used(&mut run), writes(&mut run) - before), (8, 3));
    read_noise(&mut run, client, 8);
    for address in changed {
        assert_eq!(load(&mut run, client, address), address);
    }
}

#[test]
fn a_table_that_grows_during_an_eviction_takes_frames_that_are_kept_and_no_page_that_is_held() {
    let (mut run, other) = with_client(100);
    fill_with_noise(&mut run, other, 20);
    page_out(&mut run, other);
    let parent = another(&mut run);
    fill_with_noise(&mut run, parent, 2);
    // More children than tables of records are free: each needs one of its own.
    let children: Vec<_> = (0..5)
        .map(|_| {
            let child = fork(&mut run, parent).expect("the pager agrees");
            let start = Syscall::ProcessStart { process: child.into() };
            assert!(run.machine().run(parent) && run.machine().make(parent, start));
            child
        })
        .collect();
    // The first page is the parent's alone and is taken first; all map the second one.
    store(&mut run, parent, A + 8, 8);
    touch_others(&mut run, parent);
    assert_eq!(spares(&mut run), CLUSTER);
    run.machine().use_all_memory();
    let before = pages_of_tables(&mut run);
    ask(&mut run, Request::SetLimit { client: parent, pages: 1 });
    // Each of the six has a table of 1,024 records now, of 8 bytes each.
    assert_eq!(pages_of_tables(&mut run) - before, 6 * 2);
    assert_eq!(spares(&mut run), 1, "only the frame of the first page is left");
    for client in children.into_iter().chain([parent]) {
        assert_eq!(leaf(&mut run, client, A + 0x1000).bits(), PAGED_OUT, "{client}");
        read_noise(&mut run, client, 2);
    }
    assert_eq!(load(&mut run, parent, A + 8), 8);
}
