//! Calls 50 and 51: bounds on what a process and its descendants use.

use abi::process::Target;
use abi::{Error, PageRange, ProcessId, Syscall, UserPage};

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

/// A running child that may map five frames: its directory, a table and three pages.
fn bounded() -> (World, ProcessId) {
    let mut world = World::new();
    let child = world.running_child();
    set_quota(&mut world, child, 5, 3).unwrap();
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
    assert_eq!(world.process(child).mapped, 5);
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
    let to_page = UserPage::known(PAGE + 0x2000);
    let share = Syscall::RangeShare {
        process: ME,
        range,
        to: ME,
        to_page,
        drop: READ,
        add: READ,
        both: false,
    };
    assert_eq!(world.call(share), Err(Error::QuotaExceeded));
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
        "the orphan is the child's now, and still counted"
    );
    world.call(Syscall::Destroy { process: innermost.into(), subtree: true }).unwrap();
    world.finish_teardowns();
    assert_eq!(world.process(child).subtree.processes, 1);
}

#[test]
fn the_dying_are_counted_until_their_memory_is_free() {
    let (mut world, child) = bounded();
    let grandchild = world.child();
    world.allocate_in(grandchild.into(), PAGE);
    world.call(Syscall::Destroy { process: grandchild.into(), subtree: false }).unwrap();
    assert!(world.process(child).subtree.frames > 1);
    world.finish_teardowns();
    assert_eq!(world.process(child).subtree.frames, 1);
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

#[test]
fn nobody_bounds_himself() {
    let mut world = World::new();
    assert_eq!(
        world.call(Syscall::SetQuota { process: ME, frames: 1, processes: 1 }),
        Err(Error::NoSuchProcess)
    );
}
