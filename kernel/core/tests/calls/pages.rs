//! Calls 33 to 37: single pages.

use abi::call::RawCall;
use abi::layout::{EXCEPTION_STACK, USER_TOP};
use abi::process::Target;
use abi::{Entry, Error, Permissions, ProcessId, Syscall, UserPage};

use crate::world::{DATA, PAGE, PAGE_2, PAGE_3, READ, WRITE, World};

const ME: Target = Target::Caller;
const SHARED: Permissions = Permissions::SHARED;

fn unmap(
    world: &mut World,
    process: Target,
    page: u32,
    marks: Permissions,
) -> Result<Entry, Error> {
    let page = UserPage::known(page);
    world.call(Syscall::PageUnmap { process, page, marks }).map(|[old, ..]| Entry::from_bits(old))
}

fn protect(world: &mut World, drop: Permissions, add: Permissions) -> Result<Entry, Error> {
    let page = UserPage::known(PAGE);
    let call = Syscall::PageProtect { process: ME, page, drop, add };
    world.call(call).map(|[old, ..]| Entry::from_bits(old))
}

fn copy(world: &mut World, page: u32, permissions: Permissions) -> Result<bool, Error> {
    let page = UserPage::known(page);
    world.call(Syscall::PageCopy { process: ME, page, permissions }).map(|[copied, ..]| copied == 1)
}

#[test]
fn the_first_process_runs_with_its_data() {
    let mut world = World::new();
    assert_eq!(world.current(), world.init());
    assert_eq!(world.read(DATA), Ok(0xDA7A_DA7A));
}

#[test]
fn a_fresh_page_is_zero_and_reads_007() {
    let mut world = World::new();
    world.allocate(PAGE);
    assert_eq!(world.leaf(world.init(), PAGE).bits() & 0xFFF, 0x007);
    assert_eq!(world.read(PAGE + 0xFFC), Ok(0));
    assert_eq!(world.leaf(world.init(), PAGE).bits() & 0xFFF, 0x027);
    assert_eq!(world.write(PAGE, 1), Ok(()));
    assert_eq!(world.leaf(world.init(), PAGE).bits() & 0xFFF, 0x067);
}

#[test]
fn page_allocate_replaces_what_was_there() {
    let mut world = World::new();
    world.allocate(PAGE);
    world.write(PAGE, 7).unwrap();
    let free = world.kernel.frames.free();
    world.allocate(PAGE);
    assert_eq!(world.read(PAGE), Ok(0));
    assert_eq!(world.kernel.frames.free(), free);
}

#[test]
fn a_table_that_a_call_adds_can_be_seen_in_the_window_at_once() {
    let mut world = World::new();
    let entry = abi::Slot::WINDOW.entry_address(UserPage::known(PAGE).page());
    let before = world.kernel.cpu.hardware.flushes.pages;
    world.allocate(PAGE);
    assert!(
        world.kernel.cpu.hardware.flushes.pages >= before + 2,
        "a new table flushes its two window pages"
    );
    assert_eq!(world.read(entry).unwrap() & 0xFFF, 0x007);
}

#[test]
fn every_page_call_refuses_hostile_pages_and_bits() {
    let mut world = World::new();
    for number in 33..=36 {
        for page in
            [1, 0xFFF, PAGE + 0x800, USER_TOP, 0xEF40_0000, 0xEF7B_D000, 0xFFFF_F000, 0xFFFF_FFFF]
        {
            let raw = RawCall { head: number, page, ..RawCall::default() };
            assert_eq!(
                world.call_raw(raw),
                Err(Error::InvalidArgument),
                "call {number} on {page:#x}"
            );
        }
        for bits in [1, 4, 5, 0x100, 0x80, 0x40, 0x1000, 0x80_0000] {
            let raw = RawCall { head: number | bits << 8, page: PAGE, ..RawCall::default() };
            assert_eq!(
                world.call_raw(raw),
                Err(Error::InvalidArgument),
                "call {number} with {bits:#x}"
            );
        }
        for process in [0x1FFF, 0x7FFF_FFFF, 0xFFFF_FFFF] {
            let raw = RawCall { head: number, process, page: PAGE, ..RawCall::default() };
            assert_eq!(
                world.call_raw(raw),
                Err(Error::NoSuchProcess),
                "call {number} of {process:#x}"
            );
        }
    }
}

#[test]
fn the_last_user_page_can_be_mapped() {
    let mut world = World::new();
    world.allocate(EXCEPTION_STACK);
    assert_eq!(world.write(USER_TOP - 4, 1), Ok(()));
}

#[test]
fn page_map_shows_the_same_frame_twice() {
    let mut world = World::new();
    world.allocate(PAGE);
    world.map(ME, PAGE, ME, PAGE_3, WRITE).unwrap();
    world.write(PAGE, 7).unwrap();
    assert_eq!(world.read(PAGE_3), Ok(7));
    assert_eq!(world.count(world.init(), PAGE), 2);
}

#[test]
fn page_map_onto_itself_clears_a_and_d() {
    let mut world = World::new();
    world.allocate(PAGE);
    world.write(PAGE, 7).unwrap();
    world.map(ME, PAGE, ME, PAGE, WRITE).unwrap();
    assert_eq!(world.leaf(world.init(), PAGE).bits() & 0xFFF, 0x007);
    world.write(PAGE, 8).unwrap();
    assert_eq!(world.leaf(world.init(), PAGE).bits() & 0xFFF, 0x067);
    assert_eq!(world.count(world.init(), PAGE), 1);
}

#[test]
fn page_map_of_nothing_is_not_mapped() {
    let mut world = World::new();
    assert_eq!(world.map(ME, PAGE, ME, PAGE_2, READ), Err(Error::NotMapped));
    world.allocate(PAGE);
    assert_eq!(world.map(ME, PAGE_2, ME, PAGE_3, READ), Err(Error::NotMapped));
}

#[test]
fn page_map_does_not_gain_write_permission() {
    let mut world = World::new();
    world.allocate(PAGE);
    world.map(ME, PAGE, ME, PAGE_2, READ).unwrap();
    assert_eq!(world.map(ME, PAGE_2, ME, PAGE_3, WRITE), Err(Error::NotPermitted));
    assert_eq!(world.leaf(world.init(), PAGE_3), Entry::ABSENT);
    assert!(world.write(PAGE_2, 1).is_err());
}

#[test]
fn a_page_that_reaches_another_space_without_w_is_sealed_and_stays_so_when_passed_on() {
    let mut world = World::new();
    world.allocate(PAGE);
    let child = world.child();
    world.map(ME, PAGE, ME, PAGE_2, READ).unwrap();
    assert!(!world.leaf(world.init(), PAGE_2).is_sealed(), "the own W was dropped");
    world.map(ME, PAGE, child.into(), PAGE, READ).unwrap();
    assert!(world.leaf(child, PAGE).is_sealed());
    world.map(child.into(), PAGE, child.into(), PAGE_2, READ).unwrap();
    assert!(world.leaf(child, PAGE_2).is_sealed(), "a second hop within one space keeps the seal");
    world.map(child.into(), PAGE, ME, PAGE_3, READ).unwrap();
    assert!(world.leaf(world.init(), PAGE_3).is_sealed());
    world.map(ME, PAGE, child.into(), PAGE_3, WRITE).unwrap();
    assert!(!world.leaf(child, PAGE_3).is_sealed());
}

#[test]
fn page_unmap_returns_the_old_entry_with_a_and_d() {
    let mut world = World::new();
    world.allocate(PAGE);
    world.write(PAGE, 7).unwrap();
    let old = world.leaf(world.init(), PAGE);
    let free = world.kernel.frames.free();
    assert_eq!(unmap(&mut world, ME, PAGE, READ), Ok(old));
    assert!(old.is_dirty() && old.is_accessed());
    assert_eq!(world.kernel.frames.free(), free + 1);
    assert!(world.read(PAGE).is_err());
}

#[test]
fn page_protect_changes_bits_and_returns_the_old_entry_with_a_and_d() {
    let mut world = World::new();
    world.allocate(PAGE);
    world.write(PAGE, 7).unwrap();
    let old = world.leaf(world.init(), PAGE);
    assert!(old.is_dirty() && old.is_accessed());
    assert_eq!(protect(&mut world, WRITE, SHARED), Ok(old));
    let new = world.leaf(world.init(), PAGE);
    assert_eq!((new.frame(), new.bits() & 0xFFF), (old.frame(), 0x405));
    assert_eq!(world.read(PAGE), Ok(7));
    let accessed = world.leaf(world.init(), PAGE);
    assert_eq!(
        accessed.bits(),
        new.bits() | 0x020,
        "A is marked again: the TLB has forgotten the page"
    );
    assert_eq!(protect(&mut world, SHARED, WRITE), Ok(accessed));
    assert_eq!((world.write(PAGE, 9), world.read(PAGE)), (Ok(()), Ok(9)));
}

#[test]
fn page_protect_takes_pager_mark_with_d_from_a_pagers_client() {
    let mut world = World::new();
    let marked = Permissions::PAGER;
    let child = world.running_child();
    let pager = Some(world.init());
    world.call(Syscall::SetPager { process: child.into(), pager }).unwrap();
    world.allocate_in(child.into(), PAGE);
    let protect_child = |world: &mut World, add| {
        let (process, page, drop) = (child.into(), UserPage::known(PAGE), READ);
        world.call_of(world.init(), Syscall::PageProtect { process, page, drop, add }).unwrap();
        world.leaf(child, PAGE).bits() & 0xFFF
    };
    protect_child(&mut world, marked);
    assert_eq!(protect_child(&mut world, READ), 0x207, "it was clean");
    world.run(child);
    world.write(PAGE, 7).unwrap();
    assert_eq!(protect_child(&mut world, READ), 0x007, "it was dirty");
    world.run(child);
    world.write(PAGE, 8).unwrap();
    assert_eq!(protect_child(&mut world, marked), 0x207, "it was asked for");
}

#[test]
fn page_protect_adds_no_w_to_a_sealed_page_with_other_mappings() {
    let mut world = World::new();
    let child = world.child();
    world.allocate(PAGE);
    world.map(ME, PAGE, child.into(), PAGE, READ).unwrap();
    world.map(child.into(), PAGE, ME, PAGE, READ).unwrap();
    let sealed = world.leaf(world.init(), PAGE);
    assert_eq!(protect(&mut world, READ, WRITE), Err(Error::NotPermitted));
    assert_eq!(world.leaf(world.init(), PAGE), sealed);
    unmap(&mut world, child.into(), PAGE, READ).unwrap();
    assert_eq!(protect(&mut world, READ, WRITE), Ok(sealed));
    assert_eq!(world.leaf(world.init(), PAGE).bits() & 0xFFF, 0x007);
}

#[test]
fn page_protect_of_nothing_is_not_mapped() {
    let mut world = World::new();
    let free = world.kernel.frames.free();
    assert_eq!(protect(&mut world, READ, WRITE), Err(Error::NotMapped));
    unmap(&mut world, ME, PAGE, SHARED).unwrap();
    assert_eq!(protect(&mut world, READ, WRITE), Err(Error::NotMapped), "marks are no page");
    assert_eq!(world.leaf(world.init(), PAGE).bits(), 0x400);
    assert_eq!(world.kernel.frames.free(), free - 1, "the table of the marks");
}

#[test]
fn page_unmap_of_nothing_is_no_error_and_makes_no_table() {
    let mut world = World::new();
    let free = world.kernel.frames.free();
    assert_eq!(unmap(&mut world, ME, PAGE, READ), Ok(Entry::ABSENT));
    assert_eq!(world.kernel.frames.free(), free);
}

#[test]
fn page_unmap_leaves_marks_that_only_it_can_change() {
    let mut world = World::new();
    assert_eq!(unmap(&mut world, ME, PAGE, SHARED), Ok(Entry::ABSENT));
    assert_eq!(world.leaf(world.init(), PAGE).bits(), 0x400);
    assert_eq!(world.map(ME, PAGE, ME, PAGE_2, READ), Err(Error::NotMapped));
    assert_eq!(unmap(&mut world, ME, PAGE, READ).map(Entry::bits), Ok(0x400));
    assert_eq!(world.leaf(world.init(), PAGE), Entry::ABSENT);
    let raw = RawCall { head: 35 | 2 << 8, page: PAGE, ..RawCall::default() };
    assert_eq!(world.call_raw(raw), Err(Error::InvalidArgument), "W is no mark");
}

#[test]
fn page_copy_of_the_only_mapping_just_gets_w() {
    let mut world = World::new();
    world.allocate(PAGE);
    world.write(PAGE, 7).unwrap();
    world.map(ME, PAGE, ME, PAGE, Permissions::COPY_ON_WRITE).unwrap();
    assert_eq!(world.read(PAGE), Ok(7));
    let frame = world.leaf(world.init(), PAGE).frame();
    assert_eq!(copy(&mut world, PAGE, READ), Ok(false));
    assert_eq!(world.leaf(world.init(), PAGE).frame(), frame);
    assert_eq!(world.write(PAGE, 8), Ok(()));
}

#[test]
fn page_copy_of_a_shared_page_is_private_and_the_other_keeps_its_contents() {
    let mut world = World::new();
    world.allocate(PAGE);
    world.write(PAGE, 7).unwrap();
    let child = world.child();
    world.map(ME, PAGE, child.into(), PAGE, READ).unwrap();
    assert_eq!(copy(&mut world, PAGE, SHARED), Ok(true));
    assert_eq!(world.leaf(world.init(), PAGE).bits() & 0xFFF, 0x407);
    assert_eq!(world.read(PAGE), Ok(7));
    world.write(PAGE, 8).unwrap();
    let theirs = world.leaf(child, PAGE).frame();
    assert_eq!(world.kernel.cpu.hardware.word(theirs, 0), 7);
    assert_eq!(world.count(child, PAGE), 1);
}

#[test]
fn page_copy_breaks_a_seal_only_by_copying() {
    let mut world = World::new();
    world.allocate(PAGE);
    let child = world.child();
    world.map(ME, PAGE, child.into(), PAGE, READ).unwrap();
    let page = UserPage::known(PAGE);
    let copied = world
        .call(Syscall::PageCopy { process: child.into(), page, permissions: READ })
        .unwrap()[0];
    assert_eq!(copied, 1);
    assert_ne!(world.leaf(child, PAGE).frame(), world.leaf(world.init(), PAGE).frame());
    assert!(!world.leaf(child, PAGE).is_sealed() && world.leaf(child, PAGE).is_writable());
}

#[test]
fn page_copy_of_nothing_is_not_mapped() {
    let mut world = World::new();
    assert_eq!(copy(&mut world, PAGE, READ), Err(Error::NotMapped));
    unmap(&mut world, ME, PAGE, SHARED).unwrap();
    assert_eq!(copy(&mut world, PAGE, READ), Err(Error::NotMapped));
}

#[test]
fn frame_references_counts_mappings_and_knows_what_is_no_memory() {
    let mut world = World::new();
    world.allocate(PAGE);
    world.map(ME, PAGE, ME, PAGE_2, READ).unwrap();
    let frame = world.leaf(world.init(), PAGE).frame().number();
    assert_eq!(world.call(Syscall::FrameReferences { frame }).map(|words| words[0]), Ok(2));
    for frame in [0, 0xFF, 0xF_FFFF, 0x10_0000, 0xFFFF_FFFF] {
        assert_eq!(
            world.call(Syscall::FrameReferences { frame }),
            Err(Error::NotMapped),
            "{frame:#x}"
        );
    }
}

#[test]
fn one_frame_can_be_mapped_seventy_thousand_times() {
    let mut world = World::with_memory(8);
    world.allocate(PAGE);
    for table in 1..70 {
        for offset in [0, 512] {
            let (range, to_page) = (
                UserPage::known(PAGE),
                UserPage::known(PAGE + table * 0x40_0000 + offset * 0x1000),
            );
            // The first round maps one page at a time, the next ones whole runs of what is there
            // already.
            if table == 1 && offset == 0 {
                for index in 1..1024 {
                    world.kernel_call(Syscall::PageMap {
                        process: ME,
                        page: range,
                        to: ME,
                        to_page: UserPage::known(PAGE + index * 0x1000),
                        permissions: WRITE,
                    });
                }
            }
            let range = abi::PageRange::new(range, 512).unwrap();
            let share = Syscall::RangeShare {
                process: ME,
                range,
                to: ME,
                to_page,
                drop: READ,
                add: READ,
                both: false,
            };
            assert_eq!(world.whole(share), (512, Ok(())));
        }
    }
    world.audit();
    assert_eq!(world.count(world.init(), PAGE), 70 * 1024);
    for table in 0..70 {
        let range = abi::PageRange::new(UserPage::known(PAGE + table * 0x40_0000), 1024).unwrap();
        world.kernel_call(Syscall::RangeUnmap { process: ME, range, marks: READ });
    }
    world.audit();
}

#[test]
fn a_stale_id_names_nobody() {
    let mut world = World::new();
    let child = world.child();
    world.call(Syscall::Destroy { process: child.into(), subtree: false }).unwrap();
    let call = Syscall::PageAllocate {
        process: child.into(),
        page: UserPage::known(PAGE),
        permissions: READ,
    };
    assert_eq!(world.call(call), Err(Error::NoSuchProcess), "dying");
    world.finish_teardowns();
    world.call(Syscall::Wait { child: Some(child) }).unwrap();
    let next = world.child();
    assert_eq!(next, child.next());
    assert_eq!(world.call(call), Err(Error::NoSuchProcess), "the slot has another process");
    assert_eq!(ProcessId::new(child.bits()).unwrap().index(), next.index());
}

fn page_move(
    world: &mut World,
    (process, page): (Target, u32),
    (to, to_page): (Target, u32),
) -> Result<Entry, Error> {
    let (page, to_page) = (UserPage::known(page), UserPage::known(to_page));
    let marks = Permissions::PAGER;
    let moved = world.call(Syscall::PageMove { process, page, to, to_page, marks });
    moved.map(|[old, ..]| Entry::from_bits(old))
}

#[test]
fn page_move_takes_a_page_away_as_its_owner_left_it() {
    let mut world = World::new();
    let child = world.running_child();
    let permissions = WRITE | SHARED;
    world
        .call(Syscall::PageAllocate {
            process: child.into(),
            page: UserPage::known(PAGE),
            permissions,
        })
        .unwrap();
    world.run(child);
    world.write(PAGE, 7).unwrap();
    world.run(world.init());
    let frame = world.leaf(child, PAGE).frame();
    let old = page_move(&mut world, (child.into(), PAGE), (ME, PAGE_3)).unwrap();
    assert_eq!((old.frame(), old.bits() & 0xFFF), (frame, 0x467), "dirty");
    assert_eq!(world.leaf(child, PAGE).bits(), 0x200);
    let arrived = world.leaf(world.init(), PAGE_3);
    assert_eq!((arrived.frame(), arrived.bits() & 0xFFF), (frame, 0x407));
    assert_eq!(world.read(PAGE_3), Ok(7));
    page_move(&mut world, (ME, PAGE_3), (child.into(), PAGE)).unwrap();
    assert_eq!(world.leaf(child, PAGE).bits() & 0xFFF, 0x407);
    assert!(world.read(PAGE_3).is_err());
}

#[test]
fn page_move_overwrites_nothing_and_changes_nothing_on_an_error() {
    let mut world = World::new();
    let child: Target = world.running_child().into();
    world.allocate(PAGE);
    world.allocate(PAGE_2);
    let free = world.kernel.frames.free();
    let (page, other) = (world.leaf(world.init(), PAGE), world.leaf(world.init(), PAGE_2));
    assert_eq!(page_move(&mut world, (ME, PAGE), (ME, PAGE_2)), Err(Error::Busy));
    assert_eq!(page_move(&mut world, (ME, PAGE), (ME, PAGE)), Err(Error::Busy));
    assert_eq!(page_move(&mut world, (ME, PAGE_3), (ME, PAGE)), Err(Error::NotMapped));
    assert_eq!(page_move(&mut world, (child, PAGE), (ME, PAGE_3)), Err(Error::NotMapped));
    let stale = Target::new(0x7000_0005).unwrap();
    assert_eq!(page_move(&mut world, (stale, PAGE), (ME, PAGE_3)), Err(Error::NoSuchProcess));
    assert_eq!(page_move(&mut world, (ME, PAGE), (stale, PAGE_3)), Err(Error::NoSuchProcess));
    world.leave_free(0);
    let far = 0x3000_0000;
    assert_eq!(page_move(&mut world, (ME, PAGE), (ME, far)), Err(Error::OutOfFrames));
    let init = world.init();
    assert_eq!((world.leaf(init, PAGE), world.leaf(init, PAGE_2)), (page, other));
    assert!(world.kernel.frames.free() <= free);
}

#[test]
fn a_page_that_is_moved_without_w_arrives_sealed_and_a_shared_frame_keeps_its_other_mappings() {
    let mut world = World::new();
    let child = world.running_child();
    world.allocate(PAGE);
    world.map(ME, PAGE, child.into(), PAGE, READ).unwrap();
    page_move(&mut world, (child.into(), PAGE), (ME, PAGE_2)).unwrap();
    assert_eq!(world.leaf(world.init(), PAGE_2).bits() & 0xFFF, 0x105);
    assert_eq!(world.count(world.init(), PAGE), 2);
    assert!(world.leaf(world.init(), PAGE).is_writable());
}
