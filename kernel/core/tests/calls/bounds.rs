//! How much work one call does: range calls up to their budget, and at least one page.
//!
//! A call may do 528 units of work. The page that reaches this bound is done.

use abi::process::Target;
use abi::transaction::{Kind, Wish};
use abi::{Error, Frame, PageRange, Permissions, ProcessId, Syscall, UserPage};

use crate::world::{DATA, PAGE, READ, WRITE, World};

const ME: Target = Target::Caller;
/// A table of its own.
const FAR: u32 = 0x3000_0000;
/// Pages that one call does whose frames get one more mapping: 16 units each, if the short loop does
/// not map them.
const MAPPED: u32 = 33;

fn range(first: u32, pages: u32) -> PageRange {
    PageRange::new(UserPage::known(first), pages).unwrap()
}

fn share(range: PageRange, to: ProcessId, both: bool) -> Syscall {
    let (to, to_page, add) = (to.into(), range.first(), Permissions::COPY_ON_WRITE);
    Syscall::RangeShare { process: ME, range, to, to_page, drop: WRITE, add, both }
}

/// Fills pages from [`PAGE`] on.
fn fill(world: &mut World, pages: u32) {
    (0..pages).for_each(|index| world.allocate(PAGE + index * 0x1000));
}

/// As many pages as one call does, for ranges that are one page shorter, as long, and longer.
fn does(most: u32, mut pages_done: impl FnMut(u32) -> u32) {
    for pages in [1, most - 1, most, most + 1] {
        assert_eq!(pages_done(pages), pages.min(most), "of {pages} pages");
    }
}

#[test]
fn one_call_allocates_eleven_pages() {
    let mut world = World::new();
    does(11, |pages| {
        let range = range(FAR, pages);
        let permissions = WRITE;
        let done = world.call(Syscall::RangeAllocate { process: ME, range, permissions });
        done.unwrap()[0]
    });
}

#[test]
fn one_call_unmaps_176_pages_and_protects_264_whether_they_are_there_or_not() {
    let mut world = World::with_memory(8);
    for present in [false, true] {
        if present {
            fill(&mut world, 1024);
        }
        does(264, |pages| {
            let (range, drop, add) = (range(PAGE, pages), READ, READ);
            world.call(Syscall::RangeProtect { process: ME, range, drop, add }).unwrap()[0]
        });
        does(176, |pages| {
            let range = range(PAGE, pages);
            world.call(Syscall::RangeUnmap { process: ME, range, marks: READ }).unwrap()[0]
        });
    }
}

#[test]
fn one_call_shares_528_pages_or_33_with_a_process_that_has_a_quota() {
    let mut world = World::with_memory(8);
    fill(&mut world, 529);
    for (both, bounded, most) in
        [(true, false, 528), (false, false, 528), (true, true, MAPPED), (false, true, MAPPED)]
    {
        does(most, |pages| {
            let child = world.child();
            if bounded {
                let quota = Syscall::SetQuota { process: child.into(), frames: 1000, processes: 0 };
                world.call(quota).unwrap();
            }
            // The table is there: a first page that needs one takes longer.
            world.allocate_in(child.into(), PAGE + 0x3F_F000);
            world.call(share(range(PAGE, pages), child, both)).unwrap()[0]
        });
    }
}

/// A list may name pages of as many tables as it has pages: a table is a zeroed frame, as dear as 48
/// units.
#[test]
fn one_call_maps_nine_listed_pages_that_need_a_table_each_and_leaves_marks_in_one_new_table() {
    let mut world = World::with_memory(8);
    for index in 0..20 {
        world.write(DATA + 8 * index, FAR + index * 0x40_0000).unwrap();
        world.write(DATA + 8 * index + 4, 0).unwrap();
    }
    let none = Permissions::empty();
    let transact = |process, pages, wish| Syscall::Transact { process, list: DATA, pages, wish };
    let marks = Wish { kind: Kind::Unmap, drop: none, add: Permissions::SHARED, distance: 0 };
    assert_eq!(world.call(transact(ME, 20, marks)).unwrap()[0], 1);
    assert_eq!(world.call(transact(ME, 1, Wish { add: none, ..marks })), Err(Error::Busy));
    let map = Wish { kind: Kind::Map, add: none, ..marks };
    for index in 0..20 {
        world.allocate(FAR + index * 0x40_0000);
        let entry = world.leaf(world.init(), FAR + index * 0x40_0000).bits();
        world.write(DATA + 8 * index + 4, entry).unwrap();
    }
    let child = world.child();
    assert_eq!(world.call(transact(child.into(), 20, map)).unwrap()[0], 9);
}

/// A page of the list that needs nothing is 2 units, and one that needs a table 64.
#[test]
fn pages_of_a_list_are_paid_whichever_way_they_go() {
    let mut world = World::with_memory(8);
    fill(&mut world, 200);
    let tables = (0..10).map(|index| FAR + index * 0x40_0000);
    let pages: Vec<u32> = (0..200).map(|index| PAGE + index * 0x1000).chain(tables).collect();
    for (index, page) in (0..).zip(&pages) {
        if *page >= FAR {
            world.allocate(*page);
        }
        world.write(DATA + 8 * index, *page).unwrap();
        world.write(DATA + 8 * index + 4, world.leaf(world.init(), *page).bits()).unwrap();
    }
    let child = world.child();
    world.allocate_in(child.into(), PAGE + 0x3F_F000);
    let none = Permissions::empty();
    let wish = Wish { kind: Kind::Map, drop: none, add: none, distance: 0 };
    let call = Syscall::Transact { process: child.into(), list: DATA, pages: 210, wish };
    assert_eq!(world.call(call).unwrap()[0], 202);
}

#[test]
fn pages_of_a_list_are_paid_once_whichever_tables_they_have() {
    let mut world = World::with_memory(8);
    let child = world.child();
    let tables = [0, 1, 2, 3].map(|table| PAGE + table * 0x40_0000);
    let pages = tables.iter().flat_map(|table| (0..60).map(move |index| table + index * 0x1000));
    for (index, page) in (0..).zip(pages) {
        world.allocate(page);
        world.write(DATA + 8 * index, page).unwrap();
        world.write(DATA + 8 * index + 4, world.leaf(world.init(), page).bits()).unwrap();
    }
    tables.iter().for_each(|table| world.allocate_in(child.into(), table + 0x3F_F000));
    let none = Permissions::empty();
    let wish = Wish { kind: Kind::Map, drop: none, add: none, distance: 0 };
    let call = Syscall::Transact { process: child.into(), list: DATA, pages: 240, wish };
    assert_eq!(world.call(call).unwrap()[0], 240);
}

#[test]
fn marks_of_a_list_that_need_no_table_are_left_in_one_call() {
    let mut world = World::new();
    world.allocate(FAR + 0x1F_F000);
    for index in 0..20 {
        world.write(DATA + 8 * index, FAR + index * 0x1000).unwrap();
        world.write(DATA + 8 * index + 4, 0).unwrap();
    }
    let add = Permissions::SHARED;
    let wish = Wish { kind: Kind::Unmap, drop: Permissions::empty(), add, distance: 0 };
    let call = Syscall::Transact { process: ME, list: DATA, pages: 20, wish };
    assert_eq!(world.call(call).unwrap()[0], 20);
}

#[test]
fn one_call_maps_33_pages_of_a_device() {
    let mut world = World::new();
    world.allocate(FAR);
    does(33, |pages| {
        let frame = Frame::from_number(0xF_E000);
        world.call(Syscall::DeviceMap { frame, range: range(FAR, pages) }).unwrap()[0]
    });
}

#[test]
fn one_call_copies_nine_pages_that_others_may_write() {
    let mut world = World::with_memory(8);
    fill(&mut world, 10);
    for index in 0..10 {
        world.map(ME, PAGE + index * 0x1000, ME, FAR + index * 0x1000, WRITE).unwrap();
    }
    does(9, |pages| {
        let child = world.child();
        world.call(share(range(PAGE, pages), child, true)).unwrap()[0]
    });
}

#[test]
fn a_page_that_costs_more_is_done_at_the_end_of_the_budget_and_the_next_is_not() {
    // Page `at` of a fork has to be copied. It takes 64 units; each page before it one.
    for (at, done) in [(0, 465), (463, 465), (464, 465), (465, 466), (527, 528), (528, 528)] {
        let mut world = World::with_memory(8);
        fill(&mut world, 600);
        world.map(ME, PAGE + at * 0x1000, ME, FAR, WRITE).unwrap();
        let child = world.child();
        world.allocate_in(child.into(), PAGE + 0x3F_F000);
        let fork = share(range(PAGE, 600), child, true);
        assert_eq!(world.call(fork).unwrap()[0], done, "page {at}");
        let copied = world.leaf(child, PAGE + at * 0x1000).is_writable();
        assert_eq!(copied, at < done, "page {at}");
        assert_eq!(world.whole(fork), (600, Ok(())));
    }
}

#[test]
fn pages_without_a_table_are_walked_at_once_and_absent_ones_count() {
    let mut world = World::new();
    let child = world.child();
    let far = share(range(FAR, 1024), child, true);
    assert_eq!(world.call(far).unwrap()[0], 1024);
    world.allocate(FAR + 0x3F_F000);
    assert_eq!(world.call(far).unwrap()[0], 528);
    assert_eq!(world.whole(far), (1024, Ok(())));
    assert!(world.leaf(child, FAR + 0x3F_F000).is_present());
}

#[test]
fn an_error_is_told_at_its_own_page_and_the_pages_before_are_done() {
    let mut world = World::with_memory(8);
    fill(&mut world, 40);
    let child = world.child();
    world.call(share(range(PAGE, 40).at_most(1), child, false)).unwrap();
    let frames = world.call(Syscall::Usage { process: child.into() }).unwrap()[0];
    // 20 pages more: fewer than a call does; and 50 more than it does.
    for more in [20, 50] {
        world
            .call(Syscall::SetQuota { process: child.into(), frames: frames + more, processes: 0 })
            .unwrap();
        let to_page = UserPage::known(PAGE + 0x10_0000);
        let (to, drop, add) = (child.into(), READ, READ);
        let range = range(PAGE, 40);
        let call = Syscall::RangeShare { process: ME, range, to, to_page, drop, add, both: false };
        let expected = if more < 40 { (more, Err(Error::QuotaExceeded)) } else { (40, Ok(())) };
        assert_eq!(world.whole(call), expected);
    }
}

/// A step of a teardown frees a table, or the pages of it up to the group of 32 in which they are
/// 512.
#[test]
fn a_step_of_a_teardown_frees_a_table_or_half_of_it() {
    // Pages, and the frames that each step frees.
    let table: [(u32, &[u32]); 6] = [
        (1, &[2, 1]),
        (511, &[512, 1]),
        (512, &[512, 1, 1]),
        (513, &[512, 2, 1]),
        (1000, &[512, 489, 1]),
        (1024, &[512, 513, 1]),
    ];
    for (pages, expected) in table {
        let mut world = World::with_memory(8);
        let child = world.child();
        (0..pages).for_each(|index| world.allocate_in(child.into(), PAGE + index * 0x1000));
        let used = world.call(Syscall::Usage { process: ME }).unwrap();
        world.call(Syscall::Destroy { process: child.into(), subtree: false }).unwrap();
        for (step, frames) in expected.iter().enumerate() {
            let free = world.kernel.frames.free();
            world.call(Syscall::Yield).unwrap();
            let freed = world.kernel.frames.free() - free;
            assert_eq!(freed, *frames, "step {step} of {pages} pages");
            world.audit();
        }
        assert_eq!(world.call(Syscall::Usage { process: ME }).unwrap(), used);
    }
}

#[test]
fn one_call_ends_32_descendants_and_is_made_again_for_the_others() {
    for (children, calls) in [(0, 1), (31, 1), (32, 1), (33, 2), (64, 2), (65, 3)] {
        let mut world = World::with_memory(8);
        let root = world.running_child();
        world.run(root);
        let _: Vec<ProcessId> = (0..children).map(|_| world.running_child()).collect();
        world.run(world.init());
        let live = world.kernel.processes().live();
        world.begin(Syscall::Destroy { process: root.into(), subtree: true });
        let mut made = 1;
        while world.restarts(world.init()) {
            assert!(world.process(root).is_alive(), "the root ends last");
            world.repeat_once();
            made += 1;
        }
        assert_eq!((made, world.result(world.init()).is_ok()), (calls, true), "{children}");
        world.finish_teardowns();
        world.call(Syscall::Wait { child: Some(root) }).unwrap();
        assert_eq!(world.kernel.processes().live(), live - children - 1);
    }
}

#[test]
fn a_fork_of_a_table_that_the_child_does_not_have_takes_two_calls() {
    let mut world = World::with_memory(8);
    fill(&mut world, 1024);
    let child = world.child();
    assert_eq!(world.call(share(range(PAGE, 1024), child, true)).unwrap()[0], 513);
    let rest = range(PAGE + 513 * 0x1000, 511);
    assert_eq!(world.call(share(rest, child, true)).unwrap()[0], 511);
}
