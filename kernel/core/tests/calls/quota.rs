//! Calls 50 and 51: bounds on what a process and its descendants use.

use abi::process::Target;
use abi::{Error, PageRange, Permissions, ProcessId, Syscall, UserPage};
use kernel_core::state::account::Quota;
use kernel_core::state::process::{Index, State};

use crate::world::{PAGE, PAGE_3, READ, WRITE, World};

const ME: Target = Target::Caller;

fn set_quota(
    world: &mut World,
    child: ProcessId,
    frames: u32,
    processes: u32,
) -> Result<[u32; 4], Error> {
    world.call(Syscall::SetQuota { process: child.into(), frames, processes })
}

fn usage(world: &mut World, process: Target) -> [u32; 4] {
    world.call(Syscall::Usage { process }).unwrap()
}

fn page_allocate(page: u32) -> Syscall {
    Syscall::PageAllocate { process: ME, page: UserPage::known(page), permissions: WRITE }
}

/// What a process uses with its descendants, without the audit of a call.
fn used(world: &World, id: ProcessId) -> Quota {
    world.kernel.processes().usage(Index::new(id.index())).0
}

/// A running driver that may map five frames: its directory, a table and three pages.
fn bounded() -> (World, ProcessId) {
    let mut world = World::new();
    let child = world.running_child();
    set_quota(&mut world, child, 5, 3).unwrap();
    world.call(Syscall::DriverAllow { process: child.into(), allow: true }).unwrap();
    world.run(child);
    (world, child)
}

#[test]
fn usage_counts_the_directory_tables_and_pages() {
    let mut world = World::new();
    let child = world.child();
    assert_eq!(usage(&mut world, child.into()), [1, 0, 1, 0]);
    world.allocate_in(child.into(), PAGE);
    assert_eq!(usage(&mut world, child.into()), [3, 0, 1, 0]);
}

#[test]
fn the_use_of_one_that_is_bounded_by_an_ancestor_is_its_own() {
    let (mut world, _) = bounded();
    let grandchild = world.child();
    assert_eq!(usage(&mut world, grandchild.into()), [1, 0, 1, 0]);
}

#[test]
fn a_page_over_the_bound_is_refused_and_nothing_changes() {
    let (mut world, child) = bounded();
    for page in 0..3 {
        world.call(page_allocate(PAGE + page * 0x1000)).unwrap();
    }
    let free = world.kernel.frames.free();
    assert_eq!(world.call(page_allocate(PAGE + 0x3000)), Err(Error::QuotaExceeded));
    assert_eq!(world.kernel.frames.free(), free);
    assert!(world.call(page_allocate(PAGE)).is_ok(), "a page in place of another");
    let unmap = Syscall::PageUnmap { process: ME, page: UserPage::known(PAGE), marks: READ };
    world.call(unmap).unwrap();
    assert_eq!(world.call(page_allocate(PAGE_3)), Err(Error::QuotaExceeded), "a page and a table");
    assert!(world.call(page_allocate(PAGE)).is_ok());
    assert_eq!(usage(&mut world, ME), [5, 5, 1, 3]);
    assert_eq!(world.process(child).memory.mapped, 5);
}

#[test]
fn every_way_to_map_is_charged() {
    let (mut world, _) = bounded();
    let map = |to_page: u32| Syscall::PageMap {
        process: ME,
        page: UserPage::known(PAGE),
        to: ME,
        to_page: UserPage::known(to_page),
        permissions: READ,
    };
    world.call(page_allocate(PAGE)).unwrap();
    world.call(map(PAGE + 0x1000)).unwrap();
    world.call(map(PAGE + 0x2000)).unwrap();
    assert_eq!(world.call(map(PAGE + 0x3000)), Err(Error::QuotaExceeded));
    let range = PageRange::new(UserPage::known(PAGE), 3).unwrap();
    let (two, to_page) = (range.at_most(2), UserPage::known(PAGE + 0x2000));
    let share = Syscall::RangeShare {
        process: ME,
        range: two,
        to: ME,
        to_page,
        drop: READ,
        add: READ,
        both: false,
    };
    // In place of the third page, and behind it; the source lies behind.
    assert_eq!(world.whole(share), (1, Err(Error::QuotaExceeded)));
    let marks = Syscall::PageUnmap {
        process: ME,
        page: UserPage::known(PAGE_3),
        marks: abi::Permissions::SHARED,
    };
    assert_eq!(world.call(marks), Err(Error::QuotaExceeded), "marks need a table");
    let allocate = Syscall::RangeAllocate { process: ME, range, permissions: READ };
    assert_eq!(world.call(allocate).unwrap()[0], 3, "all in place of others");
}

#[test]
fn a_fork_into_a_bounded_child_is_charged_for_each_page() {
    let mut world = World::new();
    for page in 0..4 {
        world.allocate(PAGE + page * 0x1000);
    }
    let child = world.child();
    set_quota(&mut world, child, 5, 1).unwrap();
    let share = |pages| {
        let range = PageRange::new(UserPage::known(PAGE), pages).unwrap();
        let (to, to_page) = (child.into(), range.first());
        let (drop, add) = (WRITE, Permissions::COPY_ON_WRITE);
        Syscall::RangeShare { process: ME, range, to, to_page, drop, add, both: true }
    };
    world.call(share(3)).unwrap();
    assert_eq!(used(&world, child).frames, 5, "the directory, a table and three pages");
    assert_eq!(world.whole(share(4)), (3, Err(Error::QuotaExceeded)));
    assert_eq!(used(&world, child).frames, 5);
}

#[test]
fn a_copy_in_place_of_a_shared_page_costs_nothing() {
    let (mut world, child) = bounded();
    for page in 0..3 {
        world.call(page_allocate(PAGE + page * 0x1000)).unwrap();
    }
    world.run(world.init());
    world.map(child.into(), PAGE, ME, PAGE, READ).unwrap();
    let copy = Syscall::PageCopy { process: ME, page: UserPage::known(PAGE), permissions: READ };
    assert_eq!(world.call_of(child, copy).unwrap()[0], 1);
}

#[test]
fn descendants_are_bounded_together() {
    let (mut world, child) = bounded();
    let grandchild = world.child();
    assert_eq!(usage(&mut world, ME), [2, 5, 2, 3]);
    world.allocate_in(grandchild.into(), PAGE);
    assert_eq!(world.call(page_allocate(PAGE)), Err(Error::QuotaExceeded));
    world.child();
    assert_eq!(world.call(Syscall::ProcessCreate { copy: false }), Err(Error::QuotaExceeded));
    world.call(Syscall::Destroy { process: grandchild.into(), subtree: false }).unwrap();
    world.finish_teardowns();
    world.run(child);
    world.call(Syscall::Wait { child: Some(grandchild) }).unwrap();
    assert!(world.call(page_allocate(PAGE)).is_ok());
    assert_eq!(usage(&mut world, ME), [4, 5, 2, 3]);
}

#[test]
fn an_inner_bound_does_not_lift_an_outer_one_and_its_end_keeps_the_count() {
    let (mut world, child) = bounded();
    let inner = world.running_child();
    set_quota(&mut world, inner, 100, 100).unwrap();
    world.run(inner);
    let innermost = world.running_child();
    world.call(page_allocate(PAGE)).unwrap();
    assert_eq!(
        world.call(page_allocate(PAGE + 0x1000)),
        Err(Error::QuotaExceeded),
        "the outer bound"
    );
    world.begin(Syscall::Exit { status: 0 });
    world.finish_teardowns();
    world.run(child);
    world.call(Syscall::Wait { child: Some(inner) }).unwrap();
    assert_eq!(
        usage(&mut world, ME),
        [2, 5, 2, 3],
        "the reparent_children is the child's now, and still counted"
    );
    world.call(Syscall::Destroy { process: innermost.into(), subtree: true }).unwrap();
    world.finish_teardowns();
    assert_eq!(used(&world, child).processes, 1);
}

#[test]
fn the_dying_are_counted_until_their_memory_is_free() {
    let (mut world, child) = bounded();
    let grandchild = world.child();
    world.allocate_in(grandchild.into(), PAGE);
    world.call(Syscall::Destroy { process: grandchild.into(), subtree: false }).unwrap();
    assert!(used(&world, child).frames > 1);
    world.finish_teardowns();
    assert_eq!(used(&world, child).frames, 1);
}

#[test]
fn a_bound_that_comes_too_late_is_busy_and_one_can_be_changed() {
    let mut world = World::new();
    let child = world.running_child();
    world.run(child);
    let grandchild = world.child();
    world.run(world.init());
    assert_eq!(set_quota(&mut world, child, 5, 5), Err(Error::Busy));
    assert_eq!(set_quota(&mut world, grandchild, 5, 5), Err(Error::NoSuchProcess), "not a child");
    let other = world.child();
    set_quota(&mut world, other, 2, 1).unwrap();
    set_quota(&mut world, other, 9, 0).unwrap();
    assert_eq!(usage(&mut world, other.into()), [1, 9, 1, 0]);
}

/// A process that is a child of the first one and had a bound of so many frames, and three
/// processes, has ended: its child, which runs.
fn left_behind(frames: u32) -> (World, ProcessId) {
    let mut world = World::new();
    let leader = world.running_child();
    set_quota(&mut world, leader, frames, 3).unwrap();
    world.run(leader);
    let reparent_children = world.running_child();
    world.begin(Syscall::Exit { status: 0 });
    world.begin_of(world.init(), Syscall::Wait { child: Some(leader) });
    assert!(!world.exists(leader));
    world.run(reparent_children);
    (world, reparent_children)
}

#[test]
fn what_a_bounded_process_leaves_behind_is_bounded_as_it_was() {
    let (mut world, reparent_children) = left_behind(5);
    let parent = world.process(reparent_children).family.parent;
    assert_eq!(parent, Some(Index::new(world.init().index())), "it has moved up");
    // A directory and a table; two pages; and the directory of its child.
    world.call(page_allocate(PAGE)).unwrap();
    world.call(page_allocate(PAGE + 0x1000)).unwrap();
    let child = world.running_child();
    assert_eq!(world.call(page_allocate(PAGE + 0x2000)), Err(Error::QuotaExceeded));
    world.run(child);
    assert_eq!(world.call(page_allocate(PAGE)), Err(Error::QuotaExceeded));
}

#[test]
fn what_a_bounded_process_leaves_behind_may_be_as_many_processes_as_before() {
    let (mut world, _) = left_behind(0);
    world.child();
    let last = world.running_child();
    let create = Syscall::ProcessCreate { copy: false };
    assert_eq!(world.call(create), Err(Error::QuotaExceeded));
    assert_eq!(world.call_of(last, create), Err(Error::QuotaExceeded));
}

#[test]
fn a_bound_lasts_through_any_number_of_generations() {
    let (mut world, mut last) = left_behind(5);
    let range = PageRange::new(UserPage::known(PAGE), 4).unwrap();
    for _ in 0..5 {
        let next = world.running_child();
        world.begin_of(last, Syscall::Exit { status: 0 });
        world.finish_teardowns();
        world.run(next);
        let allocate = Syscall::RangeAllocate { process: ME, range, permissions: READ };
        assert_eq!(world.whole(allocate), (3, Err(Error::QuotaExceeded)));
        world.call(Syscall::RangeUnmap { process: ME, range, marks: READ }).unwrap();
        last = next;
    }
}

#[test]
fn a_bound_that_sixteen_others_enclose_is_refused_and_the_accounts_come_back() {
    for _ in 0..3 {
        let mut world = World::new();
        let mut chain = vec![world.init()];
        for _ in 0..16 {
            let child = world.running_child();
            set_quota(&mut world, child, 600, 0).unwrap();
            world.run(child);
            chain.push(child);
        }
        let child = world.running_child();
        assert_eq!(set_quota(&mut world, child, 600, 0), Err(Error::Refused));
        world.run(world.init());
        world.call(Syscall::Destroy { process: chain[1].into(), subtree: true }).unwrap();
        world.finish_teardowns();
        world.call(Syscall::Wait { child: Some(chain[1]) }).unwrap();
        let child = world.running_child();
        assert_eq!(set_quota(&mut world, child, 9, 9), Ok(world.result(world.init()).unwrap()));
        assert_eq!(usage(&mut world, child.into()), [1, 9, 1, 9]);
    }
}

/// A running driver that may map `frames`, whose own child is dying with `pages` pages, each under a
/// table of its own.
fn with_dying_child(frames: u32, pages: u32) -> (World, ProcessId) {
    let mut world = World::new();
    let child = world.running_child();
    set_quota(&mut world, child, frames, 4).unwrap();
    world.call(Syscall::DriverAllow { process: child.into(), allow: true }).unwrap();
    world.run(child);
    let grandchild = world.child();
    for index in 0..pages {
        world.allocate_in(grandchild.into(), PAGE + index * 0x40_0000);
    }
    world.call(Syscall::Destroy { process: grandchild.into(), subtree: false }).unwrap();
    (world, child)
}

#[test]
fn a_bound_that_is_met_gives_way_when_what_is_dying_has_gone() {
    let range = PageRange::new(UserPage::known(PAGE), 6).unwrap();
    let calls = [
        page_allocate(PAGE),
        Syscall::RangeAllocate { process: ME, range, permissions: WRITE },
        Syscall::PageUnmap {
            process: ME,
            page: UserPage::known(PAGE),
            marks: abi::Permissions::SHARED,
        },
        Syscall::ProcessCreate { copy: false },
    ];
    for call in calls {
        // Of eight frames, two directories, three tables and three pages are in use.
        let (mut world, child) = with_dying_child(8, 3);
        world.begin(call);
        assert!(world.restarts(child), "{call:?} takes down one table at a time");
        world.repeat(child);
        assert!(world.result(child).is_ok(), "{call:?}");
    }
}

#[test]
fn a_bound_that_is_met_all_the_same_is_an_error_at_the_page_that_meets_it() {
    let (mut world, _) = with_dying_child(8, 3);
    let range = PageRange::new(UserPage::known(PAGE), 7).unwrap();
    let allocate = Syscall::RangeAllocate { process: ME, range, permissions: WRITE };
    assert_eq!(world.whole(allocate), (6, Err(Error::QuotaExceeded)));
    assert_eq!(world.call(page_allocate(PAGE + 0x6000)), Err(Error::QuotaExceeded));
}

#[test]
fn the_dying_of_others_are_no_reason_to_wait_at_a_bound() {
    let (mut world, child) = bounded();
    world.run(world.init());
    let other = world.child();
    world.allocate_in(other.into(), PAGE);
    world.run(child);
    for page in 0..3 {
        world.call(page_allocate(PAGE + page * 0x1000)).unwrap();
    }
    world.run(world.init());
    world.call(Syscall::Destroy { process: other.into(), subtree: false }).unwrap();
    world.begin_of(child, page_allocate(PAGE + 0x3000));
    assert_eq!(world.result(child), Err(Error::QuotaExceeded));
}

#[test]
fn a_range_call_waits_for_what_is_dying_at_its_first_page_alone() {
    let range = PageRange::new(UserPage::known(PAGE), 6).unwrap();
    let allocate = Syscall::RangeAllocate { process: ME, range, permissions: WRITE };
    // Eight frames are in use; one page and its table are two more.
    for (bound, waits) in [(9, true), (10, false)] {
        let (mut world, child) = with_dying_child(bound, 3);
        world.begin(allocate);
        assert_eq!(world.restarts(child), waits, "a bound of {bound}");
        world.repeat(child);
        // The table that is taken down gives two frames back.
        let done = if waits { 2 } else { 1 };
        assert_eq!(world.result(child).map(|words| words[0]), Ok(done));
        assert_eq!(world.whole(allocate), (6, Ok(())), "what is dying makes room");
    }
    let (mut world, child) = bounded();
    world.run(world.init());
    let other = world.child();
    world.allocate_in(other.into(), PAGE);
    world.call(Syscall::Destroy { process: other.into(), subtree: false }).unwrap();
    world.begin_of(child, allocate);
    assert!(!world.restarts(child), "it does not wait for others");
}

#[test]
fn a_receiver_that_accepts_a_page_waits_for_room_for_it_and_its_table() {
    // Eight frames are in use.
    for (bound, waits) in [(9, true), (10, false)] {
        let (mut world, child) = with_dying_child(bound, 3);
        let page = UserPage::known(PAGE_3);
        let transfer = Some(abi::call::PageTransfer { page, send: None, accept: true });
        world.begin(Syscall::Receive { from: None, transfer });
        assert_eq!(world.restarts(child), waits, "a bound of {bound}");
    }
}

#[test]
fn a_page_for_a_bounded_receiver_waits_for_what_is_dying_there() {
    let transfer =
        |send, accept| Some(abi::call::PageTransfer { page: UserPage::known(PAGE), send, accept });
    for receiver_first in [true, false] {
        let mut world = World::new();
        let init = world.init();
        world.allocate(PAGE);
        let receiver = world.running_child();
        // Two directories, three tables and three pages: nothing is left for a page of the
        // receiver's own.
        set_quota(&mut world, receiver, 8, 4).unwrap();
        world.run(receiver);
        let grandchild = world.child();
        for index in 0..3 {
            world.allocate_in(grandchild.into(), PAGE + index * 0x40_0000);
        }
        let destroy = Syscall::Destroy { process: grandchild.into(), subtree: false };
        let send =
            Syscall::Send { to: receiver, words: [0; 4], transfer: transfer(Some(WRITE), false) };
        let receive = Syscall::Receive { from: Some(init), transfer: transfer(None, true) };
        if receiver_first {
            world.begin(receive);
            world.run(init);
            world.call(destroy).unwrap();
            world.begin(send);
            assert!(world.restarts(init));
            world.repeat(init);
        } else {
            world.begin_of(init, send);
            assert!(matches!(world.process(init).state, State::Sending { .. }));
            world.run(receiver);
            world.call(destroy).unwrap();
            world.begin(receive);
            assert!(world.restarts(receiver));
            world.repeat(receiver);
        }
        world.run(init);
        assert!(world.result(init).is_ok());
        assert!(world.leaf(receiver, PAGE).is_present());
    }
}

#[test]
fn nobody_bounds_himself() {
    let mut world = World::new();
    assert_eq!(
        world.call(Syscall::SetQuota { process: ME, frames: 1, processes: 1 }),
        Err(Error::NoSuchProcess)
    );
}
