//! Calls 38 to 41: ranges.

use abi::call::RawCall;
use abi::layout::USER_TOP;
use abi::process::Target;
use abi::{Error, PageRange, Permissions, ProcessId, Syscall, UserPage};

use crate::world::{PAGE, PAGE_2, PAGE_3, READ, WRITE, World};

const ME: Target = Target::Caller;
const COW: Permissions = Permissions::COPY_ON_WRITE;
/// Two pages before a table's end: ranges from here cross into the next table.
const EDGE: u32 = PAGE_3 - 0x2000;

fn range(first: u32, pages: u32) -> PageRange {
    PageRange::new(UserPage::known(first), pages).unwrap()
}

fn protect(
    world: &mut World,
    range: PageRange,
    drop: Permissions,
    add: Permissions,
) -> Result<[u32; 4], Error> {
    world.call(Syscall::RangeProtect { process: ME, range, drop, add })
}

fn allocate(world: &mut World, first: u32, pages: u32) -> Result<[u32; 4], Error> {
    world.call(Syscall::RangeAllocate {
        process: ME,
        range: range(first, pages),
        permissions: WRITE,
    })
}

/// As [`allocate`], until all pages are done.
fn allocate_all(world: &mut World, first: u32, pages: u32) -> (u32, Result<(), Error>) {
    let range = range(first, pages);
    world.whole(Syscall::RangeAllocate { process: ME, range, permissions: WRITE })
}

#[test]
fn range_allocate_maps_every_page_across_tables() {
    let mut world = World::new();
    assert_eq!(allocate(&mut world, EDGE, 4).unwrap()[0], 4);
    for page in 0..4 {
        assert_eq!(world.write(EDGE + page * 0x1000, page), Ok(()));
    }
    assert!(world.read(EDGE + 0x4000).is_err());
}

#[test]
fn range_unmap_leaves_marks_only_where_a_page_was() {
    let mut world = World::new();
    world.allocate(EDGE);
    world.allocate(PAGE_3);
    let call = Syscall::RangeUnmap { process: ME, range: range(EDGE, 4), marks: COW };
    assert_eq!(world.call(call).unwrap()[0], 4);
    let bits = |offset: u32| world.leaf(world.init(), EDGE + offset).bits();
    assert_eq!([bits(0), bits(0x1000), bits(0x2000), bits(0x3000)], [0x800, 0, 0x800, 0]);
}

#[test]
fn range_unmap_makes_no_table() {
    let mut world = World::new();
    let call = Syscall::RangeUnmap { process: ME, range: range(0x3000_0000, 1024), marks: COW };
    let free = world.kernel.frames.free();
    assert_eq!(world.whole(call), (1024, Ok(())));
    assert_eq!(world.kernel.frames.free(), free);
}

#[test]
fn range_protect_tells_a_and_d_and_clears_them() {
    let mut world = World::new();
    allocate(&mut world, EDGE, 4).unwrap();
    world.write(EDGE + 0x1000, 1).unwrap();
    world.read(EDGE + 0x2000).unwrap();
    assert_eq!(protect(&mut world, range(EDGE, 4), READ, READ), Ok([4, 0x60, 0b0110, 0b0010]));
    assert_eq!(protect(&mut world, range(EDGE, 4), READ, READ), Ok([4, 0, 0, 0]));
    world.write(EDGE + 0x1000, 2).unwrap();
    assert_eq!(protect(&mut world, range(EDGE, 4), READ, READ), Ok([4, 0x60, 0b0010, 0b0010]));
}

#[test]
fn range_protect_takes_w_away_at_once_and_gives_it_back() {
    let mut world = World::new();
    world.allocate(PAGE);
    world.write(PAGE, 7).unwrap();
    protect(&mut world, range(PAGE, 1), WRITE, COW).unwrap();
    assert_eq!(world.leaf(world.init(), PAGE).bits() & 0xFFF, 0x805);
    assert!(world.kernel.cpu.hardware.user_write(PAGE, 8).is_err());
    protect(&mut world, range(PAGE, 1), COW, WRITE).unwrap();
    assert_eq!(world.write(PAGE, 8), Ok(()));
}

#[test]
fn range_protect_gains_w_on_a_sealed_page_only_when_nobody_else_has_it() {
    let mut world = World::new();
    world.allocate(PAGE);
    world.allocate(PAGE_2);
    let child = world.running_child();
    world.map(ME, PAGE, child.into(), PAGE_2, READ).unwrap();
    world.map(ME, PAGE_2, child.into(), PAGE, WRITE).unwrap();
    world.run(child);
    let call = Syscall::RangeProtect { process: ME, range: range(PAGE, 2), drop: READ, add: WRITE };
    assert_eq!(world.whole(call), (1, Err(Error::NotPermitted)));
    world.run(world.init());
    world
        .call(Syscall::PageUnmap { process: ME, page: UserPage::known(PAGE), marks: READ })
        .unwrap();
    world.run(child);
    assert_eq!(world.call(call).unwrap()[0], 2);
    assert!(world.leaf(child, PAGE_2).is_writable() && !world.leaf(child, PAGE_2).is_sealed());
}

#[test]
fn a_process_that_dropped_its_own_w_may_take_it_back_though_others_share_the_frame() {
    let mut world = World::new();
    world.allocate(PAGE);
    let child = world.child();
    world.map(ME, PAGE, child.into(), PAGE, READ).unwrap();
    protect(&mut world, range(PAGE, 1), WRITE, READ).unwrap();
    assert!(protect(&mut world, range(PAGE, 1), READ, WRITE).is_ok());
}

#[test]
fn range_share_drops_w_on_both_sides_for_a_fork() {
    let mut world = World::new();
    allocate(&mut world, EDGE, 4).unwrap();
    world.write(EDGE, 7).unwrap();
    world
        .call(Syscall::PageUnmap { process: ME, page: UserPage::known(EDGE + 0x1000), marks: READ })
        .unwrap();
    let child = world.child();
    let share = Syscall::RangeShare {
        process: ME,
        range: range(EDGE, 4),
        to: child.into(),
        to_page: UserPage::known(EDGE),
        drop: WRITE,
        add: COW,
        both: true,
    };
    assert_eq!(world.call(share).unwrap()[0], 4);
    let leaf = |id, offset| world.leaf(id, EDGE + offset).bits() & 0xFFF;
    assert_eq!((leaf(world.init(), 0), leaf(child, 0)), (0x865, 0x905), "the child's is sealed");
    assert_eq!((leaf(world.init(), 0x1000), leaf(child, 0x1000)), (0, 0));
    assert!(
        world.kernel.cpu.hardware.user_write(EDGE, 8).is_err(),
        "the parent's translation was flushed"
    );
}

/// A fork of pages that are all cached and written, some of them above pages that the child has
/// already.
fn fork_of(pages: u32) -> (World, ProcessId) {
    let mut world = World::with_memory(8);
    let child = world.child();
    for index in 0..pages {
        world.allocate(PAGE + index * 0x1000);
        world.write(PAGE + index * 0x1000, index).unwrap();
    }
    for index in [2, pages - 1] {
        world.allocate_in(child.into(), PAGE + index * 0x1000);
    }
    let share = Syscall::RangeShare {
        process: ME,
        range: range(PAGE, pages),
        to: child.into(),
        to_page: UserPage::known(PAGE),
        drop: WRITE,
        add: COW,
        both: true,
    };
    assert_eq!(world.call(share).unwrap()[0], pages);
    (world, child)
}

#[test]
fn a_fork_of_few_pages_flushes_them_and_one_of_many_flushes_everything() {
    for pages in [3, 32, 33, 100] {
        let (mut world, child) = fork_of(pages);
        for address in (0..pages).map(|index| PAGE + index * 0x1000) {
            let leaf = |id| world.leaf(id, address).bits() & 0xFFF;
            assert_eq!((leaf(world.init()), leaf(child)), (0x865, 0x905));
            assert_eq!(world.count(child, address), 2);
            assert!(
                world.kernel.cpu.hardware.user_write(address, 0).is_err(),
                "{pages} at {address:#x}"
            );
        }
    }
}

#[test]
fn pages_that_are_shared_copy_on_write_arrive_at_the_address_that_is_asked_for() {
    let mut world = World::with_memory(8);
    let child = world.child();
    world.allocate_in(child.into(), EDGE);
    for index in 0..3 {
        world.allocate(PAGE + index * 0x1000);
    }
    let (range, to_page) = (range(PAGE, 3), UserPage::known(EDGE - 0x1000));
    let (to, drop, add) = (child.into(), WRITE, COW);
    let share = Syscall::RangeShare { process: ME, range, to, to_page, drop, add, both: true };
    assert_eq!(world.call(share).unwrap()[0], 3);
    for index in 0..3 {
        let (own, theirs) = (PAGE + index * 0x1000, EDGE - 0x1000 + index * 0x1000);
        assert_eq!(world.leaf(child, theirs).frame(), world.leaf(world.init(), own).frame());
        assert!(!world.leaf(child, own).is_present() && !world.leaf(child, theirs).is_writable());
    }
}

#[test]
fn a_fork_charges_the_child_for_each_page_once() {
    let (mut world, child) = fork_of(50);
    let used = world.call(Syscall::Usage { process: child.into() }).unwrap();
    assert_eq!(used[0], 50 + 1 + 1, "pages, a table, the directory");
}

#[test]
fn a_long_range_of_protection_leaves_no_translation_behind() {
    for pages in [32, 33, 100] {
        let mut world = World::with_memory(8);
        for index in 0..pages {
            world.allocate(PAGE + index * 0x1000);
            world.write(PAGE + index * 0x1000, index).unwrap();
        }
        let found = protect(&mut world, range(PAGE, pages), WRITE, READ).unwrap();
        assert_eq!(found, [pages, 0x60, u32::MAX, u32::MAX]);
        for index in 0..pages {
            assert!(world.kernel.cpu.hardware.user_write(PAGE + index * 0x1000, 0).is_err());
        }
    }
}

#[test]
fn a_range_of_protection_flushes_32_pages_one_by_one_and_more_all_at_once() {
    for (pages, expected) in [(1, (1, 0)), (31, (31, 0)), (32, (32, 0)), (33, (0, 1)), (34, (0, 1))]
    {
        let mut world = World::with_memory(8);
        assert_eq!(allocate_all(&mut world, PAGE, pages), (pages, Ok(())));
        for page in 0..pages {
            world.read(PAGE + page * 0x1000).unwrap();
        }
        let before = world.kernel.cpu.hardware.flushes;
        protect(&mut world, range(PAGE, pages), WRITE, READ).unwrap();
        let after = world.kernel.cpu.hardware.flushes;
        let made = (after.pages - before.pages, after.reloads - before.reloads);
        assert_eq!(made, expected, "{pages} pages");
    }
}

/// A range of 40 pages whose first `before` pages lie under one table, and the others under the
/// next.
#[test]
fn range_protect_tells_a_and_d_of_the_first_32_pages_wherever_a_table_ends() {
    for before in [1, 7, 31, 32, 33, 39] {
        let first = PAGE_3 - before * 0x1000;
        for (page, bit) in [(0, 1), (1, 2), (30, 1 << 30), (31, 1 << 31), (32, 0), (39, 0)] {
            let mut world = World::with_memory(8);
            assert_eq!(allocate_all(&mut world, first, 40), (40, Ok(())));
            let all = range(first, 40);
            world.read(first + page * 0x1000).unwrap();
            assert_eq!(protect(&mut world, all, READ, READ), Ok([40, 0x20, bit, 0]), "{page}");
            world.write(first + page * 0x1000, 1).unwrap();
            assert_eq!(protect(&mut world, all, READ, READ), Ok([40, 0x60, bit, bit]), "{page}");
        }
    }
}

#[test]
fn a_fork_copies_a_page_that_others_may_write_and_leaves_the_parents_as_it_is() {
    const PAGES: u32 = 40;
    const ALIAS: u32 = 0x5000_0000;
    for lent in [&[0_u32][..], &[1], &[17], &[PAGES - 1], &[0, 1, 2, PAGES - 2, PAGES - 1]] {
        let mut world = World::with_memory(8);
        let (init, child) = (world.init(), world.running_child());
        for index in 0..PAGES {
            world.allocate(PAGE + index * 0x1000);
            world.write(PAGE + index * 0x1000, index).unwrap();
        }
        for index in lent {
            let alias = UserPage::known(ALIAS + index * 0x1000);
            let page = UserPage::known(PAGE + index * 0x1000);
            let map =
                Syscall::PageMap { process: ME, page, to: ME, to_page: alias, permissions: WRITE };
            world.call(map).unwrap();
        }
        let share = Syscall::RangeShare {
            process: ME,
            range: range(PAGE, PAGES),
            to: child.into(),
            to_page: UserPage::known(PAGE),
            drop: WRITE,
            add: COW,
            both: true,
        };
        assert_eq!(world.call(share).unwrap()[0], PAGES);
        for index in 0..PAGES {
            let address = PAGE + index * 0x1000;
            let leaf = |id| world.leaf(id, address);
            let (own, theirs) = (leaf(init), leaf(child));
            if !lent.contains(&index) {
                assert_eq!((own.frame(), own.is_writable()), (theirs.frame(), false), "{index}");
                continue;
            }
            assert!(own.is_writable() && theirs.is_writable(), "{index}: {own:?} {theirs:?}");
            assert_eq!((world.count(init, address), world.count(child, address)), (2, 1));
            world.write(ALIAS + index * 0x1000, 4242).unwrap();
            assert_eq!(world.read(address), Ok(4242), "the parent sees what others write");
            world.run(child);
            assert_eq!(world.read(address), Ok(index), "the child has what was there at the fork");
            world.run(init);
        }
    }
}

/// Shares pages of a space that hold their own numbers with others of the same space. What they
/// hold afterwards, or the error.
fn shared_within_a_space(first: u32, pages: u32, to: u32, both: bool) -> Result<Vec<u32>, Error> {
    const ALL: u32 = 8;
    let mut world = World::new();
    allocate(&mut world, EDGE, ALL).unwrap();
    for page in 0..ALL {
        world.write(EDGE + page * 0x1000, page).unwrap();
    }
    let me = Target::Process(world.init());
    let (range, to_page) =
        (range(EDGE + first * 0x1000, pages), UserPage::known(EDGE + to * 0x1000));
    let (drop, add) = (if both { WRITE } else { READ }, if both { COW } else { READ });
    let share = Syscall::RangeShare { process: ME, range, to: me, to_page, drop, add, both };
    assert_eq!(world.call(share)?[0], pages);
    for page in 0..pages {
        let changed = world.leaf(world.init(), EDGE + (to + page) * 0x1000).bits() & 0x802;
        assert_eq!(changed, if both { 0x800 } else { 2 });
    }
    Ok((0..ALL).map(|page| world.read(EDGE + page * 0x1000).unwrap()).collect())
}

#[test]
fn range_share_within_a_space_reads_each_page_before_it_is_replaced_or_is_refused() {
    for both in [false, true] {
        for pages in 1..=7 {
            for (first, to) in (0..=8 - pages).flat_map(|a| (0..=8 - pages).map(move |b| (a, b))) {
                let mut expected: Vec<u32> = (0..8).collect();
                expected.copy_within(first as usize..(first + pages) as usize, to as usize);
                let refused = first < to && to < first + pages;
                let expected = if refused { Err(Error::InvalidArgument) } else { Ok(expected) };
                let after = shared_within_a_space(first, pages, to, both);
                assert_eq!(after, expected, "{pages} pages from {first} to {to}");
            }
        }
    }
}

#[test]
fn range_share_with_another_space_may_be_shifted_upwards() {
    let mut world = World::new();
    allocate(&mut world, EDGE, 4).unwrap();
    let child = world.child();
    let (to, to_page) = (child.into(), UserPage::known(EDGE + 0x1000));
    let (range, drop, add) = (range(EDGE, 4), READ, READ);
    let share = Syscall::RangeShare { process: ME, range, to, to_page, drop, add, both: false };
    assert_eq!(world.whole(share), (4, Ok(())));
}

#[test]
fn range_share_with_equal_bits_keeps_w_on_both_sides() {
    let mut world = World::new();
    world.allocate(PAGE);
    let child = world.child();
    let (range, to_page) = (range(PAGE, 1), UserPage::known(PAGE));
    let share = Syscall::RangeShare {
        process: ME,
        range,
        to: child.into(),
        to_page,
        drop: READ,
        add: READ,
        both: false,
    };
    world.call(share).unwrap();
    assert_eq!(world.leaf(child, PAGE).bits() & 0xFFF, 0x007);
}

#[test]
fn range_share_between_two_children_reaches_neither_through_the_current_tables() {
    let mut world = World::new();
    let (from, to) = (world.child(), world.child());
    world.allocate_in(from.into(), EDGE);
    world.allocate_in(from.into(), PAGE_3);
    let share = Syscall::RangeShare {
        process: from.into(),
        range: range(EDGE, 4),
        to: to.into(),
        to_page: UserPage::known(PAGE),
        drop: WRITE,
        add: READ,
        both: true,
    };
    assert_eq!(world.call(share).unwrap()[0], 4);
    assert_eq!(world.leaf(to, PAGE).frame(), world.leaf(from, EDGE).frame());
    assert_eq!(world.leaf(to, PAGE + 0x2000).frame(), world.leaf(from, PAGE_3).frame());
    assert!(!world.leaf(from, EDGE).is_writable());
}

#[test]
fn range_calls_refuse_hostile_lengths_and_bits() {
    let mut world = World::new();
    let raw = |number: u32, page: u32, pages: u32| {
        let words = if number == 38 { [0, PAGE_2, pages, 0] } else { [pages, 0, 0, 0] };
        RawCall { head: number, page, words, ..RawCall::default() }
    };
    for number in 38..=41 {
        for pages in [0, 1025, 0x10_0000, 0xFFFF_FFFF] {
            assert_eq!(
                world.call_raw(raw(number, PAGE, pages)),
                Err(Error::InvalidArgument),
                "{number}: {pages}"
            );
        }
        assert_eq!(
            world.call_raw(raw(number, USER_TOP - 0x1000, 2)),
            Err(Error::InvalidArgument),
            "{number}"
        );
        assert_eq!(
            world.call_raw(raw(number, PAGE + 4, 1)),
            Err(Error::InvalidArgument),
            "{number}"
        );
        assert_eq!(
            world.call_raw(raw(number, USER_TOP, 1)),
            Err(Error::InvalidArgument),
            "{number}"
        );
        let bad_bits = RawCall { head: number | 0x105 << 8, ..raw(number, PAGE, 1) };
        assert_eq!(world.call_raw(bad_bits), Err(Error::InvalidArgument), "{number}");
    }
    assert_eq!(world.call_raw(raw(41, PAGE, 65)), Err(Error::InvalidArgument));
    for (to_page, drop) in
        [(USER_TOP - 0x1000, 0), (PAGE_2 + 1, 0), (PAGE_2, 1), (PAGE_2, 4), (PAGE_2, 1 << 30)]
    {
        let words = [0, to_page, 2, drop];
        let raw = RawCall { head: 38, page: PAGE, words, ..RawCall::default() };
        assert_eq!(world.call_raw(raw), Err(Error::InvalidArgument), "{to_page:#x} {drop:#x}");
    }
    let gain = RawCall { head: 38 | 2 << 8, ..raw(38, PAGE, 1) };
    assert_eq!(world.call_raw(gain), Err(Error::InvalidArgument), "share never adds W");
}

#[test]
fn range_allocate_does_the_pages_for_which_there_are_frames() {
    let mut world = World::new();
    world.leave_free(8);
    let seven = Ok([7, 0, 0, 0]);
    assert_eq!(allocate(&mut world, PAGE, 64), seven, "and one frame is the table");
    assert_eq!(allocate(&mut world, PAGE + 0x7000, 57), Err(Error::OutOfFrames));
    assert_eq!(world.kernel.frames.free(), 0);
}

#[test]
fn range_share_does_the_pages_before_the_table_for_which_there_is_no_frame() {
    let mut world = World::new();
    allocate(&mut world, EDGE, 4).unwrap();
    world.leave_free(1);
    let (range, to_page) = (range(EDGE, 4), UserPage::known(EDGE + 0x2000_1000));
    let share = Syscall::RangeShare {
        process: ME,
        range,
        to: ME,
        to_page,
        drop: READ,
        add: READ,
        both: false,
    };
    assert_eq!(world.whole(share), (1, Err(Error::OutOfFrames)), "no second table");
}

/// Each range call, of five pages from `PAGE` on, about a process.
fn range_calls(process: Target) -> [Syscall; 4] {
    let range = PageRange::new(UserPage::known(PAGE), 5).unwrap();
    let (to, to_page, none) = (Target::Caller, UserPage::known(PAGE_2), Permissions::empty());
    [
        Syscall::RangeShare { process, range, to, to_page, drop: none, add: none, both: false },
        Syscall::RangeProtect { process, range, drop: none, add: none },
        Syscall::RangeUnmap { process, range, marks: none },
        Syscall::RangeAllocate { process, range, permissions: none },
    ]
}

#[test]
fn a_range_call_that_fails_changes_no_word() {
    let mut world = World::new();
    let stale = ProcessId::first(77);
    for call in range_calls(stale.into()) {
        let raw = call.encode();
        assert_eq!(world.call(call), Err(Error::NoSuchProcess), "{call:?}");
        assert_eq!(world.answer(world.init()).words, raw.words, "{call:?}");
        // Malformed: a page that is none.
        let raw = RawCall { page: raw.page + 1, ..raw };
        assert_eq!(world.call_raw(raw), Err(Error::InvalidArgument), "{call:?}");
        assert_eq!(world.answer(world.init()).words, raw.words, "{call:?}");
    }
}

/// Found by the reference model: pages behind the one that found no frame were shared as well.
#[test]
fn a_fork_that_finds_no_frame_has_done_the_pages_before_and_no_others() {
    let mut world = World::new();
    allocate(&mut world, PAGE, 3).unwrap();
    // The second page can be written through another mapping, so the child gets a copy of it.
    world.map(ME, PAGE_2, ME, PAGE_3, WRITE).unwrap();
    let child = world.child();
    world.allocate_in(child.into(), PAGE + 0x3000);
    world.leave_free(0);
    let call = Syscall::RangeShare {
        process: ME,
        range: range(PAGE, 3),
        to: child.into(),
        to_page: UserPage::known(PAGE),
        drop: WRITE,
        add: COW,
        both: true,
    };
    assert_eq!(world.whole(call), (1, Err(Error::OutOfFrames)));
    let child_has = |page: u32| world.leaf(child, PAGE + page * 0x1000).is_present();
    assert_eq!([0, 1, 2].map(child_has), [true, false, false]);
    let writable = |page: u32| world.leaf(world.init(), PAGE + page * 0x1000).is_writable();
    assert_eq!([0, 1, 2].map(writable), [false, true, true]);
}

#[test]
fn a_sealed_page_is_sealed_wherever_a_process_shares_it() {
    let mut world = World::new();
    world.allocate(PAGE);
    let range = PageRange::new(UserPage::known(PAGE), 1).unwrap();
    let share = |to: ProcessId, both| {
        let (to, to_page, add) = (to.into(), range.first(), Permissions::COPY_ON_WRITE);
        Syscall::RangeShare { process: ME, range, to, to_page, drop: WRITE, add, both }
    };
    let child = world.running_child();
    world.call(share(child, true)).unwrap();
    world.run(child);
    for both in [false, true] {
        let grandchild = world.child();
        world.allocate_in(grandchild.into(), PAGE + 0x1000);
        world.call(share(grandchild, both)).unwrap();
        for process in [child, grandchild] {
            assert_eq!(world.leaf(process, PAGE).bits() & 0xF9F, 0x905, "{both}");
        }
    }
}
