//! Which changes of a leaf flush its page: those after which the TLB may hold the old translation.
//!
//! The audit after each call finds a flush that is missing; the counts here find one too many.

use abi::process::Target;
use abi::{EntryFlags, PageRange, Permissions, Syscall, UserPage};

use crate::model::Flushes;
use crate::world::{PAGE, READ, WRITE, World};

const ME: Target = Target::Caller;
/// One more than a call flushes one by one.
const MANY: u32 = 33;

fn page(index: u32) -> UserPage {
    UserPage::known(PAGE + index * 0x1000)
}

fn range(pages: u32) -> PageRange {
    PageRange::new(page(0), pages).unwrap()
}

/// A world with `pages` writable pages from [`PAGE`] on, which nobody has touched.
fn world(pages: u32) -> World {
    let mut world = World::with_memory(8);
    let allocate = Syscall::RangeAllocate { process: ME, range: range(pages), permissions: WRITE };
    assert_eq!(world.whole(allocate), (pages, Ok(())));
    world
}

/// Calls that change or remove the leaf of page 0, and need no other page but page 1.
fn changes() -> Vec<Syscall> {
    let (process, page, to_page) = (ME, page(0), page(2));
    vec![
        Syscall::PageProtect { process, page, drop: WRITE, add: READ },
        Syscall::PageUnmap { process, page, marks: READ },
        Syscall::PageCopy { process, page, permissions: READ },
        Syscall::PageAllocate { process, page, permissions: WRITE },
        Syscall::PageMap { process, page: self::page(1), to: ME, to_page: page, permissions: READ },
        Syscall::PageMove { process, page, to: ME, to_page, marks: READ },
        Syscall::RangeProtect { process, range: range(1), drop: WRITE, add: READ },
        Syscall::RangeUnmap { process, range: range(1), marks: READ },
        Syscall::RangeAllocate { process, range: range(1), permissions: WRITE },
    ]
}

/// What a call flushes, in that world.
fn flushes(world: &mut World, call: Syscall) -> (u32, u32) {
    let before = world.kernel.cpu.hardware.flushes;
    world.call(call).unwrap();
    let Flushes { pages, reloads, .. } = world.kernel.cpu.hardware.flushes;
    (pages - before.pages, reloads - before.reloads)
}

#[test]
fn a_page_that_was_touched_is_flushed_and_one_that_was_not_only_where_the_cpu_promises_nothing() {
    for (touched, promises, expected) in
        [(true, true, 1), (true, false, 1), (false, true, 0), (false, false, 1)]
    {
        for call in changes() {
            let mut world = world(2);
            world.kernel.cpu.hardware.promises_a = promises;
            if touched {
                world.read(PAGE).unwrap();
            }
            assert_eq!(flushes(&mut world, call), (expected, 0), "{call:?}, {touched}, {promises}");
        }
    }
}

/// The CPU caches the translation between the kernel's look at the leaf and the change: the leaf
/// that was read says that no flush is needed, and only the exchange tells the truth.
#[test]
fn a_translation_that_is_cached_just_before_the_change_is_flushed() {
    for call in changes() {
        let mut world = world(2);
        world.kernel.cpu.hardware.speculates = true;
        assert_eq!(flushes(&mut world, call), (1, 0), "{call:?}");
    }
}

/// A pager's client maps a page, which the pager has marked, a second time to write it. The CPU
/// ignores the mark that goes, but the change also clears an A that the CPU has set since the
/// kernel looked at the leaf.
#[test]
fn the_page_whose_mark_goes_is_flushed_if_it_may_be_cached() {
    for (touched, speculates, expected) in [(false, false, 0), (true, false, 1), (false, true, 1)] {
        let mut world = World::new();
        let client = world.running_child();
        let (pager, process) = (Some(world.init()), client.into());
        world.call(Syscall::SetPager { process, pager }).unwrap();
        world.allocate(PAGE);
        let (page, permissions) = (page(0), Permissions::PAGER | WRITE);
        world
            .call(Syscall::PageProtect { process: ME, page, drop: READ, add: permissions })
            .unwrap();
        let (to, to_page, marks) = (process, page, READ);
        world.call(Syscall::PageMove { process: ME, page, to, to_page, marks }).unwrap();
        world.run(client);
        if touched {
            world.read(PAGE).unwrap();
        }
        world.kernel.cpu.hardware.speculates = speculates;
        let (to, to_page) = (ME, self::page(1));
        let map = Syscall::PageMap { process: ME, page, to, to_page, permissions: WRITE };
        assert_eq!(flushes(&mut world, map), (expected, 0), "{touched}, {speculates}");
        assert!(!world.leaf(client, PAGE).contains(EntryFlags::PAGER));
    }
}

#[test]
fn the_old_entry_that_a_call_returns_has_the_a_that_was_set_last() {
    let (process, page) = (ME, page(0));
    for call in [
        Syscall::PageProtect { process, page, drop: WRITE, add: READ },
        Syscall::PageUnmap { process, page, marks: READ },
    ] {
        let mut world = world(1);
        world.kernel.cpu.hardware.speculates = true;
        assert_eq!(world.call(call).unwrap()[0] & 0xFFF, 0x027, "{call:?}");
    }
}

#[test]
fn unmapping_many_pages_loads_cr3_once_and_frees_their_frames() {
    for touched in [0, 1, MANY] {
        let mut world = world(MANY);
        for index in 0..touched {
            world.write(PAGE + index * 0x1000, 7).unwrap();
        }
        let free = world.kernel.frames.free();
        let call = Syscall::RangeUnmap { process: ME, range: range(MANY), marks: READ };
        assert_eq!(flushes(&mut world, call), (0, 1), "{touched} touched");
        assert_eq!(world.kernel.frames.free(), free + MANY);
        let leaf = |index: u32| world.leaf(world.init(), PAGE + index * 0x1000).bits();
        assert!((0..MANY).all(|index| leaf(index) == 0));
    }
}

/// The frame of one page is that of the other as well: it is counted down for each.
#[test]
fn unmapping_many_pages_releases_a_frame_once_for_each_mapping() {
    let mut world = world(MANY - 1);
    let last = page(MANY - 1);
    let map =
        Syscall::PageMap { process: ME, page: page(0), to: ME, to_page: last, permissions: READ };
    world.call(map).unwrap();
    let free = world.kernel.frames.free();
    let unmap = Syscall::RangeUnmap { process: ME, range: range(MANY), marks: READ };
    assert_eq!(world.whole(unmap), (MANY, Ok(())));
    assert_eq!(world.kernel.frames.free(), free + MANY - 1);
}
