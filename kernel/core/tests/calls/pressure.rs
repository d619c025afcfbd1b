//! When memory is short: pending teardowns are finished first, and nothing is lost on the way.

use abi::call::PageTransfer;
use abi::message::{Kind, Message};
use abi::process::Target;
use abi::{Error, PageRange, Permissions, ProcessId, Syscall, UserPage};
use kernel_core::After;
use kernel_core::state::process::State;

use crate::world::{DATA, PAGE, PAGE_2, PAGE_3, WRITE, World};

const ME: Target = Target::Caller;

fn allocate_range(first: u32, pages: u32) -> Syscall {
    let range = PageRange::new(UserPage::known(first), pages).unwrap();
    Syscall::RangeAllocate { process: ME, range, permissions: WRITE }
}

/// A child that is dying with so many pages, each under a table of its own, and `free` frames
/// besides.
fn with_dying_child(pages: u32, free: u32) -> (World, ProcessId) {
    let mut world = World::new();
    let child = world.child();
    for index in 0..pages {
        world.allocate_in(child.into(), PAGE + index * 0x40_0000);
    }
    world.leave_free(free);
    world.call(Syscall::Destroy { process: child.into(), subtree: false }).unwrap();
    (world, child)
}

#[test]
fn an_allocation_finishes_teardowns_before_it_gives_up() {
    let (mut world, _) = with_dying_child(3, 0);
    assert_eq!(world.whole(allocate_range(PAGE, 3)), (3, Ok(())));
}

/// Found by the reference model: a fork looked for the frames of tables alone.
#[test]
fn a_fork_that_copies_pages_finishes_teardowns_before_it_gives_up() {
    let mut world = World::new();
    world.call(allocate_range(PAGE, 4)).unwrap();
    for index in 0..4 {
        let (page, place) = (PAGE + index * 0x1000, PAGE_3 + index * 0x1000);
        world.map(ME, page, ME, place, WRITE).unwrap();
    }
    let (child, dying) = (world.child(), world.child());
    (0..3).for_each(|index| world.allocate_in(dying.into(), PAGE + index * 0x40_0000));
    world.leave_free(2);
    world.call(Syscall::Destroy { process: dying.into(), subtree: false }).unwrap();
    let range = PageRange::new(UserPage::known(PAGE), 4).unwrap();
    let (to, to_page) = (child.into(), UserPage::known(PAGE));
    let (drop, add) = (WRITE, Permissions::COPY_ON_WRITE);
    let fork = Syscall::RangeShare { process: ME, range, to, to_page, drop, add, both: true };
    assert_eq!(world.whole(fork), (4, Ok(())));
}

#[test]
fn a_new_process_finishes_teardowns_before_it_gives_up() {
    let (mut world, _) = with_dying_child(1, 0);
    assert!(world.call(Syscall::ProcessCreate { copy: false }).is_ok());
}

#[test]
fn no_call_and_no_idle_moment_takes_down_more_than_a_few_tables() {
    const TABLES: u32 = 100;
    let page = UserPage::known(PAGE + 0x40_0000 * TABLES);
    let map = Syscall::PageMap {
        process: ME,
        page: UserPage::known(DATA),
        to: ME,
        to_page: page,
        permissions: WRITE,
    };
    let calls = [
        Syscall::ProcessCreate { copy: false },
        allocate_range(page.address(), 2),
        Syscall::PageAllocate { process: ME, page, permissions: WRITE },
        map,
        Syscall::Receive { from: None, transfer: Some(OFFER) },
    ];
    for call in calls {
        let (mut world, _) = with_dying_child(TABLES, 0);
        world.begin(call);
        assert!(world.restarts(world.init()), "{call:?}");
        assert_eq!(world.kernel.frames.free(), 2, "a page and its table");
    }
    let (mut world, _) = with_dying_child(TABLES, 0);
    world.stop_at_teardown = true;
    world.begin(Syscall::Sleep { milliseconds: 1000 });
    assert_eq!(world.after, After::TakeDown);
    let freed = world.kernel.frames.free();
    assert!((2..=32).contains(&freed), "{freed}");
}

#[test]
#[cfg(feature = "jos")]
fn a_full_process_table_with_dying_processes_gives_its_slots_back_one_table_at_a_time() {
    let mut world = World::with_memory(16);
    for _ in 1..1023 {
        world.kernel_call(Syscall::ProcessCreate { copy: false });
    }
    // A child that nobody waits for, so that its slot is free when its memory is.
    let last = world.jos(7, [0; 5]);
    let last = ProcessId::new(last).unwrap();
    for index in 0..10 {
        world.allocate_in(last.into(), PAGE + index * 0x40_0000);
    }
    world.call(Syscall::Destroy { process: last.into(), subtree: false }).unwrap();
    let free = world.kernel.frames.free();
    world.begin(Syscall::ProcessCreate { copy: false });
    assert!(world.restarts(world.init()));
    assert_eq!(world.kernel.frames.free(), free + 2);
    world.repeat(world.init());
    assert!(world.result(world.init()).is_ok());
}

#[test]
fn a_full_process_table_is_an_error_at_once_if_no_slot_comes_back() {
    let mut world = World::with_memory(16);
    for _ in 1..1023 {
        world.kernel_call(Syscall::ProcessCreate { copy: false });
    }
    let last = world.child();
    world.allocate_in(last.into(), PAGE);
    world.call(Syscall::Destroy { process: last.into(), subtree: false }).unwrap();
    world.begin(Syscall::ProcessCreate { copy: false });
    assert_eq!(world.result(world.init()), Err(Error::OutOfProcesses), "its parent has to wait");
    assert_eq!(world.process(last).state, State::Dying);
}

#[test]
fn a_slot_comes_back_if_its_parent_waits_for_what_is_dying_there() {
    let receive = |from| Syscall::Receive { from, transfer: None };
    let wait = |child| Syscall::Wait { child };
    // Of any child, of the dying one, or of the other one.
    let table = [
        (None, true, true),
        (Some(0), true, true),
        (Some(1), true, false),
        (None, false, true),
        (Some(0), false, true),
    ];
    for (of_whom, by_wait, comes_back) in table {
        let mut world = World::with_memory(16);
        let parent = world.running_child();
        world.run(parent);
        let children = [world.child(), world.child()];
        let dying = children[0];
        world.allocate_in(dying.into(), PAGE);
        world.allocate_in(dying.into(), PAGE_3);
        world.run(world.init());
        for _ in 4..1024 {
            world.kernel_call(Syscall::ProcessCreate { copy: false });
        }
        world.run(parent);
        world.call(Syscall::Destroy { process: dying.into(), subtree: false }).unwrap();
        let child = of_whom.map(|of_whom: usize| children[of_whom]);
        world.begin(if by_wait { wait(child) } else { receive(child) });
        assert_eq!(world.process(dying).state, State::Dying);
        world.run(world.init());
        world.begin(Syscall::ProcessCreate { copy: false });
        assert_eq!(world.restarts(world.init()), comes_back, "{of_whom:?} {by_wait}");
    }
}

#[test]
fn a_message_that_offers_a_page_finishes_teardowns_before_it_goes_and_no_other_does() {
    for (reply, expected, transfer) in [false, true].into_iter().flat_map(|reply| {
        [(false, None), (true, None), (false, Some(OFFER)), (true, Some(OFFER))]
            .map(|(expected, transfer)| (reply, expected, transfer))
    }) {
        let mut world = World::new();
        let init = world.init();
        let (to, child) = (world.running_child(), world.child());
        world.allocate_in(child.into(), PAGE);
        let (words, receive) = ([0; 4], Syscall::Receive { from: None, transfer: None });
        if expected && reply {
            world.begin(receive);
            world.begin_of(to, Syscall::Call { to: init, words, transfer: None });
        } else if expected {
            world.begin_of(to, receive);
        }
        world.run(init);
        world.leave_free(0);
        world.call(Syscall::Destroy { process: child.into(), subtree: false }).unwrap();
        world.begin(if reply {
            Syscall::ReplyAndReceive { to, words, transfer }
        } else {
            Syscall::Call { to, words, transfer }
        });
        let waits = transfer.is_some();
        assert_eq!(world.restarts(init), waits, "{reply} {expected} {transfer:?}");
        assert_eq!(world.process(init).state == State::Ready, waits);
    }
}

#[test]
fn a_call_for_which_there_is_room_waits_for_no_teardown() {
    let range = PageRange::new(UserPage::known(PAGE), 6).unwrap();
    let share = |both, drop| {
        let (to_page, add) = (UserPage::known(PAGE_3), Permissions::empty());
        Syscall::RangeShare { process: ME, range, to: ME, to_page, drop, add, both }
    };
    // A page and its table; a table; and a copy and its table.
    let table = [
        (allocate_range(PAGE, 6), 2),
        (share(false, WRITE), 1),
        (share(true, Permissions::empty()), 1),
        (share(true, WRITE), 2),
    ];
    for (call, frames) in table {
        for (free, waits) in [(frames - 1, true), (frames, false)] {
            let (mut world, _) = with_dying_child(1, free);
            world.begin(call);
            assert_eq!(world.restarts(world.init()), waits, "{call:?} with {free} frames");
        }
    }
}

#[test]
fn a_range_that_needs_two_tables_gets_both() {
    // 62 pages and two tables; 64 frames are there only after the last table of the dying child has
    // gone.
    let (mut world, _) = with_dying_child(31, 1);
    assert_eq!(world.whole(allocate_range(PAGE_3 - 0x1000, 62)), (62, Ok(())));
}

#[test]
fn what_does_not_fit_even_then_is_refused() {
    let (mut world, _) = with_dying_child(2, 0);
    // The dying child has two pages, two tables and a directory; one of these is the new table.
    assert_eq!(world.whole(allocate_range(PAGE, 64)), (4, Err(Error::OutOfFrames)));
    assert_eq!(world.kernel.frames.free(), 0);
}

/// A server waits for anyone while its worker's memory, so many tables, is being taken down; then a
/// client sends a page, for which the kernel makes room first. What the server is told.
fn told_under_pressure(tables: u32) -> Vec<Kind> {
    let mut world = World::new();
    let (server, client) = (world.running_child(), world.running_child());
    world.allocate_in(client.into(), PAGE);
    world.run(server);
    world.allocate(PAGE_2);
    let worker = world.child();
    for index in 0..tables {
        world.allocate_in(worker.into(), PAGE + index * 0x40_0000);
    }
    world.call(Syscall::Destroy { process: worker.into(), subtree: false }).unwrap();
    let receive = Syscall::Receive { from: None, transfer: Some(OFFER) };
    world.begin(receive);
    world.run(client);
    world.leave_free(0);
    let transfer =
        Some(PageTransfer { send: Some(WRITE), accept: false, page: UserPage::known(PAGE) });
    world.begin(Syscall::Send { to: server, words: [0; 4], transfer });
    world.repeat(client);
    let mut told = Vec::new();
    while told.len() < 2 && world.process(server).state != State::Receiving {
        world.run(server);
        let answer = world.answer(server);
        told.push(Message::from_wire(answer.eax, answer.process, answer.words).unwrap().kind);
        world.begin(receive);
        world.finish_teardowns();
    }
    told
}

const OFFER: PageTransfer =
    PageTransfer { page: UserPage::known(PAGE_2), send: None, accept: true };

#[test]
fn the_end_of_a_child_is_not_lost_when_a_message_with_a_page_makes_room() {
    for tables in 0..6 {
        let mut told = told_under_pressure(tables);
        told.sort_by_key(|kind| *kind as u32);
        assert_eq!(told, [Kind::Message, Kind::Exit], "a worker with {tables} tables");
    }
}
