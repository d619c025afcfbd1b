//! Call 86: one change of many pages, each compared with what the caller has seen.

use abi::layout::USER_TOP;
use abi::process::Target;
use abi::transaction::{Kind, LIST, Seen, Wish};
use abi::{Entry, EntryFlags, Error, Permissions, ProcessId, Syscall, UserPage};

use crate::world::{DATA, PAGE, PAGE_2, PAGE_3, READ, WRITE, World};

const ME: Target = Target::Caller;
/// Bits of an entry.
const W: u32 = 0x002;
const SEALED: u32 = 0x100;
const A_AND_D: u32 = 0x060;
const SHARED: Permissions = Permissions::SHARED;
const COPY_ON_WRITE: Permissions = Permissions::COPY_ON_WRITE;

const READ_ONLY: Wish = wish(Kind::Protect, WRITE, READ);
const WRITABLE: Wish = wish(Kind::Protect, READ, WRITE);
const UNMAP: Wish = wish(Kind::Unmap, READ, READ);
const FORK: Wish = wish(Kind::MapBoth, WRITE, COPY_ON_WRITE);

const fn wish(kind: Kind, drop: Permissions, add: Permissions) -> Wish {
    Wish { kind, drop, add, distance: 0 }
}

/// Maps pages as they are from `from` on at `to` on.
const fn map(from: u32, to: u32) -> Wish {
    Wish { distance: (to.wrapping_sub(from)) / 0x1000, ..wish(Kind::Map, READ, READ) }
}

/// The result, and on success the pages done and their A and D.
type Made = Result<(u32, u32), Error>;

/// Writes a list at `at` and makes it in the space of `process`.
fn make_at(world: &mut World, at: u32, process: Target, wish: Wish, list: &[Seen]) -> Made {
    for (index, seen) in (0..).zip(list) {
        world.write(at + 8 * index, seen.page).unwrap();
        world.write(at + 8 * index + 4, seen.entry).unwrap();
    }
    let caller = world.current();
    let call = Syscall::Transact { process, list: at, pages: list.len() as u32, wish };
    let result = world.call(call);
    let [done, marks, ..] = world.answer(caller).words;
    result.map(|_| (done, marks))
}

fn make(world: &mut World, wish: Wish, list: &[Seen]) -> Made {
    make_at(world, DATA, ME, wish, list)
}

/// What the process on the CPU sees at a page.
fn seen(world: &World, page: u32) -> Seen {
    Seen { page, entry: leaf(world, page) }
}

fn leaf(world: &World, page: u32) -> u32 {
    world.leaf(world.current(), page).bits()
}

/// `pages` pages from `PAGE` on that are mapped, as they are seen.
fn some(world: &mut World, pages: u32) -> Vec<Seen> {
    (0..pages)
        .map(|index| {
            world.allocate(PAGE + index * 0x1000);
            seen(world, PAGE + index * 0x1000)
        })
        .collect()
}

#[test]
fn a_protect_changes_w_and_marks_and_keeps_a_and_d() {
    let mut world = World::new();
    let before = some(&mut world, 1);
    world.write(PAGE, 7).unwrap();
    let written = leaf(&world, PAGE);
    assert_eq!(written & 0xFFF, 0x067);
    // What was seen has no A and D yet.
    let protect = wish(Kind::Protect, WRITE, COPY_ON_WRITE);
    assert_eq!(make(&mut world, protect, &before), Ok((1, A_AND_D)));
    assert_eq!(leaf(&world, PAGE), written & !W | 0x800);
    assert!(world.kernel.cpu.hardware.user_write(PAGE, 8).is_err(), "flushed");
    let list = [seen(&world, PAGE)];
    let unprotect = wish(Kind::Protect, COPY_ON_WRITE, WRITE);
    assert_eq!(make(&mut world, unprotect, &list), Ok((1, A_AND_D)));
    assert_eq!(world.write(PAGE, 8), Ok(()));
}

#[test]
fn an_entry_that_differs_in_any_compared_bit_stops_the_call() {
    let compared = [0x1000, 0x8000_0000, 0x001, W, 0x004, 0x008, 0x010, 0x080, SEALED, 0x200]
        .into_iter()
        .chain([0x400, 0x800]);
    for wrong in compared {
        for wish in [READ_ONLY, UNMAP, map(PAGE, PAGE_3), FORK] {
            let mut world = World::new();
            let target = if wish == FORK { world.running_child().into() } else { ME };
            let mut list = some(&mut world, 2);
            let second = list[1].entry;
            list[1].entry ^= wrong;
            let made = make_at(&mut world, DATA, target, wish, &list);
            assert_eq!(made.map(|(done, _)| done), Ok(1), "{wrong:#x}: {wish:?}");
            let made = make_at(&mut world, DATA, target, wish, &list[1..]);
            assert_eq!(made, Err(Error::Busy), "{wrong:#x}: {wish:?}");
            assert_eq!(leaf(&world, list[1].page), second);
        }
    }
}

#[test]
fn an_unmap_leaves_marks_frees_the_frame_and_tells_a_and_d() {
    let mut world = World::new();
    let before = some(&mut world, 1);
    world.write(PAGE, 7).unwrap();
    let free = world.kernel.frames.free();
    assert_eq!(make(&mut world, wish(Kind::Unmap, READ, SHARED), &before), Ok((1, A_AND_D)));
    assert_eq!((leaf(&world, PAGE), world.kernel.frames.free()), (0x400, free + 1));
    assert!(world.kernel.cpu.hardware.user_read(PAGE).is_err(), "flushed");
}

#[test]
fn an_absent_page_gets_marks_by_an_unmap_and_is_no_page_otherwise() {
    let mut world = World::new();
    let child = world.running_child();
    for page in [PAGE, DATA + 0x1000] {
        let absent = [Seen { page, entry: 0 }];
        for wish in [READ_ONLY, WRITABLE, map(page, PAGE_3)] {
            assert_eq!(make(&mut world, wish, &absent), Err(Error::NotMapped));
        }
        let fork = make_at(&mut world, DATA, child.into(), FORK, &absent);
        assert_eq!(fork, Err(Error::NotMapped));
        let marks = wish(Kind::Unmap, READ, SHARED | COPY_ON_WRITE);
        assert_eq!(make(&mut world, marks, &absent), Ok((1, 0)));
        assert_eq!(leaf(&world, page), 0xC00);
        assert_eq!(make(&mut world, marks, &absent), Err(Error::Busy));
        assert_eq!(make(&mut world, UNMAP, &[Seen { page, entry: 0xC00 }]), Ok((1, 0)));
        assert_eq!(leaf(&world, page), 0);
    }
}

#[test]
fn w_comes_to_a_sealed_page_only_when_nobody_else_has_it() {
    let mut world = World::new();
    world.allocate(PAGE);
    let child = world.running_child();
    world.allocate_in(child.into(), PAGE_2);
    world.map(ME, PAGE, child.into(), PAGE, READ).unwrap();
    world.run(child);
    let list = [seen(&world, PAGE)];
    assert_eq!(list[0].entry & 0xFFF, 0x105);
    let made = make_at(&mut world, PAGE_2, ME, WRITABLE, &list);
    assert_eq!(made, Err(Error::NotPermitted));
    let init = world.init();
    let unmap = Syscall::PageUnmap { process: ME, page: UserPage::known(PAGE), marks: READ };
    world.call_of(init, unmap).unwrap();
    world.run(child);
    assert_eq!(make_at(&mut world, PAGE_2, ME, WRITABLE, &list), Ok((1, 0)));
    assert_eq!(leaf(&world, PAGE) & 0xFFF, 0x007);
}

#[test]
fn a_map_into_another_space_is_sealed_unless_w_comes_along() {
    // The second is a usual page: the first has made the table.
    for offset in [0, 0x40_0000] {
        let mut world = World::new();
        let list = some(&mut world, 2);
        let child = world.running_child();
        let read_only = Wish { drop: WRITE, add: SHARED, ..map(PAGE, PAGE_3 + offset) };
        assert_eq!(make_at(&mut world, DATA, child.into(), read_only, &list), Ok((2, 0)));
        let writable = map(PAGE, PAGE_3 + offset + 0x40_0000);
        assert_eq!(make_at(&mut world, DATA, child.into(), writable, &list), Ok((2, 0)));
        for (seen, index) in list.into_iter().zip(0..) {
            let at = PAGE_3 + offset + index * 0x1000;
            assert_eq!(world.leaf(child, at).bits(), seen.entry & !0xFFF | 0x505);
            assert_eq!(world.leaf(child, at + 0x40_0000).bits(), seen.entry & !0xFFF | 0x007);
            assert_eq!(leaf(&world, seen.page), seen.entry, "the source stays as it is");
            assert_eq!(world.count(child, at), 3);
        }
    }
}

#[test]
fn a_map_at_another_place_of_its_own_space_is_not_sealed() {
    for to in [PAGE + 0x40_0000, PAGE_3, PAGE + 0x9000] {
        let mut world = World::new();
        let list = some(&mut world, 3);
        let wish = Wish { drop: WRITE, ..map(PAGE, to) };
        assert_eq!(make(&mut world, wish, &list), Ok((3, 0)));
        for (seen, index) in list.into_iter().zip(0..) {
            assert_eq!(leaf(&world, to + index * 0x1000), seen.entry & !W);
        }
    }
}

#[test]
fn pages_of_one_list_may_lie_anywhere_and_overlap_what_is_mapped() {
    let mut world = World::new();
    for page in [PAGE, PAGE + 0x3F_F000, PAGE_2 + 0x40_0000, PAGE + 0x1000] {
        world.allocate(page);
        world.write(page, page).unwrap();
    }
    let pages = [PAGE + 0x3F_F000, PAGE_2 + 0x40_0000, PAGE, PAGE];
    let list = pages.map(|page| seen(&world, page));
    // The second `PAGE` is mapped over itself, so to say: where `PAGE` is already.
    assert_eq!(make(&mut world, map(PAGE, PAGE + 0x1000), &list), Ok((4, 0)));
    for page in pages {
        assert_eq!(world.read(page + 0x1000), Ok(page));
    }
}

#[test]
fn a_map_of_both_sides_is_what_a_fork_does_to_a_page() {
    for pages in [1, 2, 32, 33] {
        let mut world = World::new();
        let list = some(&mut world, pages);
        for seen in &list {
            world.write(seen.page, 7).unwrap();
        }
        let child = world.running_child();
        let made = make_at(&mut world, DATA, child.into(), FORK, &list);
        assert_eq!(made.map(|(done, _)| done), Ok(pages));
        for seen in list {
            assert_eq!(leaf(&world, seen.page), seen.entry & !W | 0x860);
            assert_eq!(world.leaf(child, seen.page).bits(), seen.entry & !W | 0x900);
            assert!(world.kernel.cpu.hardware.user_write(seen.page, 8).is_err(), "flushed");
        }
    }
}

#[test]
fn a_page_that_others_may_write_is_copied_for_the_target_of_both_sides() {
    let mut world = World::new();
    world.allocate(PAGE_3);
    let list = some(&mut world, 2);
    world.write(PAGE + 0x1000, 7).unwrap();
    world.map(ME, PAGE + 0x1000, ME, PAGE_3, WRITE).unwrap();
    let child = world.running_child();
    assert_eq!(make_at(&mut world, DATA, child.into(), FORK, &list).map(|made| made.0), Ok(2));
    assert_eq!(leaf(&world, PAGE + 0x1000) & !A_AND_D, list[1].entry);
    let copy = world.leaf(child, PAGE + 0x1000);
    assert_eq!(copy.flags(), EntryFlags::FRESH);
    assert_ne!(copy.frame(), Entry::from_bits(list[1].entry).frame());
}

#[test]
fn a_map_replaces_what_was_there() {
    let mut world = World::new();
    let list = some(&mut world, 1);
    world.allocate(PAGE_2);
    world.write(PAGE, 7).unwrap();
    world.write(PAGE_2, 8).unwrap();
    let free = world.kernel.frames.free();
    assert_eq!(make(&mut world, map(PAGE, PAGE_2), &list), Ok((1, 0)));
    assert_eq!((world.read(PAGE_2), world.kernel.frames.free()), (Ok(7), free + 1));
}

#[test]
fn a_list_may_unmap_the_page_that_it_lies_in() {
    for pages in [2, 40] {
        let mut world = World::new();
        let list = some(&mut world, pages);
        let free = world.kernel.frames.free();
        assert_eq!(make_at(&mut world, PAGE, ME, UNMAP, &list), Ok((pages, A_AND_D)));
        assert!(list.iter().all(|seen| leaf(&world, seen.page) == 0));
        assert_eq!(world.kernel.frames.free(), free + pages);
    }
}

#[test]
fn a_page_that_comes_twice_is_unmapped_once() {
    for pages in [1, 40] {
        let mut world = World::new();
        let mut list = some(&mut world, pages);
        let free = world.kernel.frames.free();
        list.push(list[0]);
        assert_eq!(make(&mut world, UNMAP, &list), Ok((pages, 0)));
        assert_eq!(world.kernel.frames.free(), free + pages);
    }
}

/// While a long list is unmapped, the leaves that it has taken out keep their frames, without P. A
/// list that says so must not have them written over.
#[test]
fn a_list_that_knows_how_a_long_unmap_works_loses_no_frame() {
    let mut world = World::new();
    let mut list = some(&mut world, 40);
    let free = world.kernel.frames.free();
    list.push(Seen { entry: list[0].entry & !1, ..list[0] });
    assert_eq!(make(&mut world, UNMAP, &list), Ok((40, 0)));
    assert_eq!(world.kernel.frames.free(), free + 40);
    let usage = world.call(Syscall::Usage { process: ME }).map(|_| world.answer(world.init()));
    let fresh = World::new();
    assert_eq!(usage.map(|usage| usage.words[0]), {
        let mut world = fresh;
        some(&mut world, 40);
        let range = abi::PageRange::new(UserPage::known(PAGE), 40).unwrap();
        world.call(Syscall::RangeUnmap { process: ME, range, marks: READ }).unwrap();
        world.call(Syscall::Usage { process: ME }).map(|_| world.answer(world.init()).words[0])
    });
}

#[test]
fn a_fault_in_the_list_comes_before_anything_has_changed() {
    let mut world = World::new();
    let list = some(&mut world, 1);
    let end = DATA + 0x1000 - 8;
    world.write(end, list[0].page).unwrap();
    world.write(end + 4, list[0].entry).unwrap();
    let handler = Syscall::SetHandler { process: ME, address: 0x0080_0100 };
    world.call(handler).unwrap();
    world.allocate(0xEEBF_F000);
    world.begin(Syscall::Transact { process: ME, list: end, pages: 2, wish: UNMAP });
    assert_eq!(leaf(&world, PAGE), list[0].entry);
    assert_eq!(world.registers().eip, 0x0080_0100, "the handler runs");
}

#[test]
fn many_pages_are_flushed_by_one_cr3_load_and_few_one_by_one() {
    for (pages, expected) in [(32, (32, 0)), (33, (0, 1))] {
        for wish in [READ_ONLY, UNMAP, FORK] {
            let mut world = World::new();
            let child = world.running_child();
            let target = if wish == FORK { child.into() } else { ME };
            let list = some(&mut world, pages);
            // The table at the child, and its own flushes.
            world.allocate_in(child.into(), PAGE_3 & !0x3F_FFFF | PAGE & 0x3F_F000);
            world.map(ME, PAGE, child.into(), PAGE, READ).unwrap();
            let unmap = UserPage::known(PAGE);
            world
                .call(Syscall::PageUnmap { process: child.into(), page: unmap, marks: READ })
                .unwrap();
            for seen in &list {
                world.read(seen.page).unwrap();
            }
            let before = world.kernel.cpu.hardware.flushes;
            let made = make_at(&mut world, DATA, target, wish, &list);
            assert_eq!(made.map(|made| made.0), Ok(pages));
            let after = world.kernel.cpu.hardware.flushes;
            let flushes = (after.pages - before.pages, after.reloads - before.reloads);
            assert_eq!(flushes, expected, "{wish:?}");
            let last = list[pages as usize - 1].page;
            assert!(world.kernel.cpu.hardware.user_write(last, 1).is_err());
        }
    }
}

#[test]
fn an_unmap_that_stops_early_has_flushed_and_released_what_it_did() {
    for pages in [2, 40] {
        let mut world = World::new();
        let mut list = some(&mut world, pages);
        for seen in &list {
            world.write(seen.page, 7).unwrap();
        }
        let free = world.kernel.frames.free();
        let last = list.last_mut().unwrap();
        last.entry ^= W;
        let last = last.page;
        assert_eq!(make(&mut world, UNMAP, &list), Ok((pages - 1, A_AND_D)));
        assert_eq!(world.kernel.frames.free(), free + pages - 1);
        assert!(world.kernel.cpu.hardware.user_read(PAGE).is_err(), "flushed");
        assert_eq!(world.read(last), Ok(7));
    }
}

#[test]
fn a_change_of_another_space_flushes_nothing() {
    for pages in [1, 40] {
        for wish in [READ_ONLY, UNMAP] {
            let mut world = World::new();
            let child = world.running_child();
            let list: Vec<Seen> = (0..pages)
                .map(|index| {
                    let page = PAGE + index * 0x1000;
                    world.allocate_in(child.into(), page);
                    Seen { page, entry: world.leaf(child, page).bits() }
                })
                .collect();
            let before = world.kernel.cpu.hardware.flushes;
            assert_eq!(make_at(&mut world, DATA, child.into(), wish, &list), Ok((pages, 0)));
            assert_eq!(world.kernel.cpu.hardware.flushes, before);
            for seen in list {
                let expected = if wish == UNMAP { 0 } else { seen.entry & !W };
                assert_eq!(world.leaf(child, seen.page).bits(), expected);
            }
        }
    }
}

#[test]
fn the_mark_of_a_pager_is_the_pagers_in_its_clients() {
    let mut world = World::new();
    let init = world.init();
    let child = world.running_child();
    world.call(Syscall::SetPager { process: child.into(), pager: Some(init) }).unwrap();
    world.allocate_in(child.into(), PAGE);
    world.allocate_in(child.into(), PAGE_2);
    let before = world.leaf(child, PAGE_2).bits();
    world.run(child);
    let all = wish(Kind::Protect, READ, Permissions::PAGER | SHARED | COPY_ON_WRITE);
    let list = [seen(&world, PAGE_2)];
    assert_eq!(make_at(&mut world, PAGE, ME, all, &list), Ok((1, 0)));
    assert_eq!(world.leaf(child, PAGE_2).bits(), before | 0xC00, "the client cannot set it");
    world.run(init);
    let list = [Seen { page: PAGE_2, entry: world.leaf(child, PAGE_2).bits() }];
    let mark = wish(Kind::Protect, SHARED | COPY_ON_WRITE, Permissions::PAGER);
    assert_eq!(make_at(&mut world, DATA, child.into(), mark, &list), Ok((1, 0)));
    assert_eq!(world.leaf(child, PAGE_2).bits(), before | 0x200);
    // A page with the mark that is lent with W loses it, and so do the leaves that are made of it.
    world.run(child);
    let list = [seen(&world, PAGE_2), seen(&world, PAGE)];
    assert_eq!(make_at(&mut world, PAGE, ME, map(PAGE_2, PAGE_3), &list), Ok((2, 0)));
    assert_eq!(leaf(&world, PAGE_2) & 0x200, 0);
    assert_eq!(leaf(&world, PAGE_3) & 0x200, 0);
}

#[test]
fn a_quota_bounds_what_is_mapped_and_the_first_page_that_meets_it_says_so() {
    let mut world = World::new();
    let list = some(&mut world, 5);
    let child = world.child();
    let used = world.call(Syscall::Usage { process: child.into() }).map(|_| {
        let init = world.init();
        world.answer(init).words[0]
    });
    // The table and two pages.
    let frames = used.unwrap() + 3;
    world.call(Syscall::SetQuota { process: child.into(), frames, processes: 0 }).unwrap();
    assert_eq!(make_at(&mut world, DATA, child.into(), FORK, &list), Ok((2, 0)));
    let rest = make_at(&mut world, DATA, child.into(), FORK, &list[2..]);
    assert_eq!(rest, Err(Error::QuotaExceeded));
    assert_eq!(leaf(&world, list[2].page), list[2].entry);
}

#[test]
fn a_call_copies_few_pages_and_says_how_far_it_came() {
    let mut world = World::new();
    let list = some(&mut world, 20);
    for seen in &list {
        world.map(ME, seen.page, ME, seen.page + 0x40_0000, WRITE).unwrap();
    }
    let child = world.running_child();
    let mut done = 0;
    while done < list.len() {
        let made = make_at(&mut world, DATA, child.into(), FORK, &list[done..]);
        let pages = made.unwrap().0 as usize;
        assert!((1..=11).contains(&pages), "{pages}");
        done += pages;
    }
    assert_eq!(done, list.len());
}

#[test]
fn a_call_does_as_many_pages_as_its_budget_pays() {
    for (wish, pages) in [(READ_ONLY, 256), (UNMAP, 176)] {
        let mut world = World::new();
        let list = some(&mut world, 256);
        assert_eq!(make(&mut world, wish, &list).map(|made| made.0), Ok(pages), "{wish:?}");
    }
}

#[test]
fn a_client_sets_its_pagers_mark_in_no_leaf_of_its_own() {
    let mut world = World::new();
    let init = world.init();
    let client = world.running_child();
    world.call(Syscall::SetPager { process: client.into(), pager: Some(init) }).unwrap();
    world.allocate_in(client.into(), DATA);
    world.allocate_in(client.into(), PAGE);
    world.run(client);
    let child = world.child();
    world.call(Syscall::SetPager { process: child.into(), pager: None }).unwrap();
    let list = [seen(&world, PAGE)];
    let wish = Wish { add: Permissions::PAGER, ..FORK };
    assert_eq!(make_at(&mut world, DATA, child.into(), wish, &list), Ok((1, 0)));
    assert_eq!(leaf(&world, PAGE) & 0x200, 0);
}

#[test]
fn a_transaction_by_sysenter_answers_in_the_same_registers() {
    let mut world = World::new();
    let list = some(&mut world, 1);
    world.write(DATA, list[0].page).unwrap();
    world.write(DATA + 4, list[0].entry).unwrap();
    let call = Syscall::Transact { process: ME, list: DATA, pages: 1, wish: UNMAP }.encode();
    let registers = world.registers();
    (registers.eax, registers.ebx, registers.esi) = (call.head, DATA, 1);
    (registers.edi, registers.ebp) = (0, call.words[2]);
    world.trap(abi::Registers::SYSENTER);
    let registers = world.registers();
    assert_eq!((registers.eax, registers.ebx, registers.esi), (0, 1, 0));
    assert_eq!(leaf(&world, PAGE), 0);
}

#[test]
fn bad_addresses_end_the_list_where_they_stand() {
    for wish in [READ_ONLY, UNMAP, map(PAGE, PAGE_3), FORK] {
        for bad in [1, 8, 0x800, USER_TOP, USER_TOP - 1, 0xFFFF_F000] {
            let mut world = World::new();
            let target = if wish == FORK { world.running_child().into() } else { ME };
            let mut list = some(&mut world, 2);
            list[1].page = if bad < 0x1000 { list[1].page | bad } else { bad };
            let made = make_at(&mut world, DATA, target, wish, &list);
            assert_eq!(made.map(|made| made.0), Ok(1), "{bad:#x}: {wish:?}");
            let made = make_at(&mut world, DATA, target, wish, &list[1..]);
            assert_eq!(made, Err(Error::InvalidArgument), "{bad:#x}: {wish:?}");
        }
    }
    let mut world = World::new();
    let list = some(&mut world, 1);
    for to in [USER_TOP, 0xFFFF_F000] {
        let made = make(&mut world, map(PAGE, to), &list);
        assert_eq!(made, Err(Error::InvalidArgument), "no place at {to:#x}");
    }
}

#[test]
fn hostile_calls_are_refused_and_change_nothing() {
    let mut world = World::new();
    let stale = Target::Process(ProcessId::new(0x1_3001).unwrap());
    let cases = [
        (ME, DATA + 2, 1, Error::InvalidArgument),
        (ME, DATA, LIST + 1, Error::InvalidArgument),
        (ME, USER_TOP, 1, Error::Fault),
        (ME, USER_TOP - 4, 1, Error::Fault),
        (ME, 0xFFFF_FFFC, LIST, Error::Fault),
        (stale, DATA, 0, Error::NoSuchProcess),
    ];
    for (process, list, pages, error) in cases {
        let call = Syscall::Transact { process, list, pages, wish: UNMAP };
        assert_eq!(world.call(call), Err(error), "{call:?}");
    }
    assert_eq!(make(&mut world, UNMAP, &[]), Ok((0, 0)));
}
