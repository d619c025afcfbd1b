//! Call 86: transactions.

use abi::layout::USER_TOP;
use abi::process::Target;
use abi::{Entry, EntryFlags, Error, ProcessId, Syscall, UserPage};

use crate::world::{DATA, PAGE, PAGE_2, PAGE_3, READ, WRITE, World};

const ME: Target = Target::Caller;
/// Bits of an operation's first word.
const UNMAP: u32 = 0x04;
const MAP: u32 = 0x08;
const SCATTERED: u32 = 0x10;
const BOTH: u32 = 0x20;
const W: u32 = 0x002;
/// Bits that are not compared.
const A_AND_D: u32 = 0x060;

/// Writes a list at `at` and makes it in the space of `process`. Returns the result, with the words
/// that come back also with an error: pages done, and A and D of what was unmapped.
fn make_at(
    world: &mut World,
    at: u32,
    process: Target,
    list: &[&[u32]],
) -> (Result<(), Error>, [u32; 2]) {
    let words: Vec<u32> = list.concat();
    for (index, word) in (0..).zip(&words) {
        world.write(at + 4 * index, *word).unwrap();
    }
    let caller = world.current();
    let call = Syscall::Transact { process, address: at, words: words.len() as u32 };
    let result = world.call(call).map(drop);
    let [done, unmapped, ..] = world.answer(caller).words;
    (result, [done, unmapped])
}

fn make(world: &mut World, list: &[&[u32]]) -> (Result<(), Error>, [u32; 2]) {
    make_at(world, DATA, ME, list)
}

/// The leaf of a page of the process on the CPU.
fn leaf(world: &World, page: u32) -> u32 {
    world.leaf(world.current(), page).bits()
}

fn one(first: u32, drop: u32) -> [u32; 3] {
    [first, 1 << 12 | drop, 0]
}

#[test]
fn a_protect_changes_w_and_marks_and_keeps_a_and_d() {
    let mut world = World::new();
    world.allocate(PAGE);
    world.write(PAGE, 7).unwrap();
    let seen = leaf(&world, PAGE);
    assert_eq!(seen & 0xFFF, 0x067);
    // What is expected was seen before the write.
    let list: [&[u32]; 2] = [&one(PAGE | 0x800, W), &[seen & !A_AND_D]];
    assert_eq!(make(&mut world, &list), (Ok(()), [1, 0]));
    assert_eq!(leaf(&world, PAGE), seen & !W | 0x800);
    assert!(world.kernel.cpu.hardware.user_write(PAGE, 8).is_err(), "flushed");
    let list: [&[u32]; 2] = [&one(PAGE | W, 0x800), &[seen & !W | 0x800]];
    assert_eq!(make(&mut world, &list), (Ok(()), [1, 0]));
    assert_eq!(world.write(PAGE, 8), Ok(()));
}

#[test]
fn the_first_entry_that_is_not_as_expected_stops_the_call() {
    for wrong in [0x1000, W, 0x100, 0x200, 0x400, 0x800, 1] {
        let mut world = World::new();
        world.allocate(PAGE);
        world.allocate(PAGE_2);
        let (first, second) = (leaf(&world, PAGE), leaf(&world, PAGE_2));
        let run: [&[u32]; 2] = [&[PAGE, 2 << 12 | W, 0], &[first, second ^ wrong]];
        assert_eq!(make(&mut world, &run), (Err(Error::Busy), [1, 0]), "{wrong:#x}");
        assert_eq!(leaf(&world, PAGE), first & !W);
        assert_eq!(leaf(&world, PAGE_2), second);
        let unmap: [&[u32]; 2] = [&one(PAGE_2 | UNMAP, 0), &[second ^ wrong]];
        assert_eq!(make(&mut world, &unmap), (Err(Error::Busy), [0, 0]), "{wrong:#x}");
        let map: [&[u32]; 2] = [&[PAGE_3 | MAP, 1 << 12, PAGE_2], &[second ^ wrong]];
        assert_eq!(make(&mut world, &map), (Err(Error::Busy), [0, 0]), "{wrong:#x}");
        assert_eq!(leaf(&world, PAGE_2), second);
    }
}

#[test]
fn an_unmap_leaves_marks_frees_the_frame_and_tells_a_and_d() {
    let mut world = World::new();
    world.allocate(PAGE);
    world.write(PAGE, 7).unwrap();
    let (seen, free) = (leaf(&world, PAGE), world.kernel.frames.free());
    let list: [&[u32]; 2] = [&one(PAGE | UNMAP | 0x400, 0), &[seen & !A_AND_D]];
    assert_eq!(make(&mut world, &list), (Ok(()), [1, A_AND_D]));
    assert_eq!((leaf(&world, PAGE), world.kernel.frames.free()), (0x400, free + 1));
    assert!(world.kernel.cpu.hardware.user_read(PAGE).is_err(), "flushed");
}

#[test]
fn an_absent_entry_is_expected_as_any_other_and_its_marks_change() {
    let mut world = World::new();
    let unmap: [&[u32]; 2] = [&one(PAGE | UNMAP | 0xC00, 0), &[0]];
    assert_eq!(make(&mut world, &unmap), (Ok(()), [1, 0]), "a table is made for the marks");
    assert_eq!(leaf(&world, PAGE), 0xC00);
    assert_eq!(make(&mut world, &unmap), (Err(Error::Busy), [0, 0]));
    let protect: [&[u32]; 2] = [&one(PAGE | 0x200, 0x400), &[0xC00]];
    assert_eq!(make(&mut world, &protect), (Ok(()), [1, 0]));
    assert_eq!(leaf(&world, PAGE), 0xA00);
    let in_no_table: [&[u32]; 2] = [&one(PAGE_3 | 0x800, W), &[0]];
    assert_eq!(make(&mut world, &in_no_table), (Ok(()), [1, 0]));
    assert_eq!(leaf(&world, PAGE_3), 0x800);
}

#[test]
fn w_is_never_added_to_an_absent_entry() {
    let mut world = World::new();
    for page in [PAGE, DATA + 0x1000] {
        let list: [&[u32]; 2] = [&one(page | W, 0), &[0]];
        assert_eq!(make(&mut world, &list), (Err(Error::NotMapped), [0, 0]));
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
    let seen = leaf(&world, PAGE);
    assert_eq!(seen & 0xFFF, 0x105);
    let list: [&[u32]; 2] = [&one(PAGE | W, 0), &[seen]];
    assert_eq!(make_at(&mut world, PAGE_2, ME, &list), (Err(Error::NotPermitted), [0, 0]));
    let init = world.init();
    let unmap = Syscall::PageUnmap { process: ME, page: UserPage::known(PAGE), marks: READ };
    world.call_of(init, unmap).unwrap();
    world.run(child);
    assert_eq!(make_at(&mut world, PAGE_2, ME, &list), (Ok(()), [1, 0]));
    assert_eq!(leaf(&world, PAGE) & 0xFFF, 0x007);
}

#[test]
fn a_map_takes_a_page_of_the_callers_own_into_the_target() {
    let mut world = World::new();
    world.allocate(PAGE);
    world.write(PAGE, 7).unwrap();
    let child = world.running_child();
    world.allocate_in(child.into(), PAGE_3 + 0x1000);
    let seen = leaf(&world, PAGE);
    let list: [&[u32]; 2] = [&[PAGE_3 | MAP | 0x400, 1 << 12 | W, PAGE], &[seen]];
    assert_eq!(make_at(&mut world, DATA, child.into(), &list), (Ok(()), [1, 0]));
    let arrived = world.leaf(child, PAGE_3);
    assert_eq!(arrived.bits(), seen & !0xFFF | 0x505, "sealed, since W did not come along");
    assert_eq!(leaf(&world, PAGE), seen, "the source stays as it is");
    assert_eq!(world.count(child, PAGE_3), 2);
    let list: [&[u32]; 2] = [&[(PAGE_3 + 0x2000) | MAP, 1 << 12, PAGE], &[seen]];
    assert_eq!(make_at(&mut world, DATA, child.into(), &list), (Ok(()), [1, 0]));
    let arrived = world.leaf(child, PAGE_3 + 0x2000);
    assert_eq!(arrived.bits(), seen & !0xFFF | 0x007, "not sealed, since W came along");
}

#[test]
fn a_map_of_both_sides_is_what_a_fork_does_to_a_page() {
    let mut world = World::new();
    world.allocate(PAGE);
    world.allocate(PAGE_2);
    world.write(PAGE, 7).unwrap();
    world.write(PAGE_2, 7).unwrap();
    let child = world.running_child();
    let (first, second) = (leaf(&world, PAGE), leaf(&world, PAGE_2));
    let list: [&[u32]; 2] = [&[PAGE | MAP | BOTH | 0x800, 2 << 12 | W, PAGE], &[first, second]];
    assert_eq!(make_at(&mut world, DATA, child.into(), &list), (Ok(()), [2, 0]));
    assert_eq!(leaf(&world, PAGE), first & !W | 0x800);
    assert_eq!(world.leaf(child, PAGE).bits(), first & !0xFFF | 0x905);
    assert!(world.kernel.cpu.hardware.user_write(PAGE, 8).is_err(), "flushed");
    assert!(world.write(PAGE_2, 8).is_err());
}

#[test]
fn a_page_that_others_may_write_is_copied_for_the_target_of_both_sides() {
    let mut world = World::new();
    world.allocate(PAGE);
    world.write(PAGE, 7).unwrap();
    world.map(ME, PAGE, ME, PAGE_2, WRITE).unwrap();
    let child = world.running_child();
    let seen = leaf(&world, PAGE);
    let list: [&[u32]; 2] = [&[PAGE | MAP | BOTH | 0x800, 1 << 12 | W, PAGE], &[seen]];
    assert_eq!(make_at(&mut world, DATA, child.into(), &list), (Ok(()), [1, 0]));
    assert_eq!(leaf(&world, PAGE), seen);
    let copy = world.leaf(child, PAGE);
    assert_eq!(copy.flags(), EntryFlags::FRESH);
    assert_ne!(copy.frame(), Entry::from_bits(seen).frame());
}

#[test]
fn a_map_replaces_what_was_there() {
    let mut world = World::new();
    world.allocate(PAGE);
    world.allocate(PAGE_2);
    world.write(PAGE, 7).unwrap();
    world.write(PAGE_2, 8).unwrap();
    let (seen, free) = (leaf(&world, PAGE), world.kernel.frames.free());
    let list: [&[u32]; 2] = [&[PAGE_2 | MAP, 1 << 12, PAGE], &[seen]];
    assert_eq!(make(&mut world, &list), (Ok(()), [1, 0]));
    assert_eq!((world.read(PAGE_2), world.kernel.frames.free()), (Ok(7), free + 1));
}

#[test]
fn scattered_pages_have_a_word_for_their_places() {
    let mut world = World::new();
    let places = [5, 0x3FF, 0];
    for place in places {
        world.allocate(PAGE + place * 0x1000);
    }
    let seen = places.map(|place| leaf(&world, PAGE + place * 0x1000));
    let words = [PAGE | 0x5FFF, seen[0], 0xFFFF_F000, seen[1], PAGE, seen[2]];
    let protect: [&[u32]; 2] = [&[PAGE | SCATTERED, 3 << 12 | W, 0], &words];
    assert_eq!(make(&mut world, &protect), (Ok(()), [3, 0]));
    for (place, seen) in places.into_iter().zip(seen) {
        assert_eq!(leaf(&world, PAGE + place * 0x1000), seen & !W);
    }
    let words = [0x5009, seen[0] & !W, 0x7000, seen[2] & !W];
    let map: [&[u32]; 2] = [&[PAGE_3 | MAP | SCATTERED, 2 << 12, PAGE], &words];
    assert_eq!(make(&mut world, &map), (Err(Error::Busy), [0, 0]), "the ninth page is absent");
    let words = [0x53FF, seen[1] & !W, 0x7000, seen[2] & !W];
    let map: [&[u32]; 2] = [&[PAGE_3 | MAP | SCATTERED, 2 << 12, PAGE], &words];
    assert_eq!(make(&mut world, &map), (Ok(()), [2, 0]));
    assert_eq!(leaf(&world, PAGE_3 + 0x5000), seen[1] & !W);
    assert_eq!(leaf(&world, PAGE_3 + 0x7000), seen[2] & !W);
}

#[test]
fn operations_are_made_in_order_and_what_came_before_an_error_stays() {
    let mut world = World::new();
    world.allocate(PAGE);
    let seen = leaf(&world, PAGE);
    let list: [&[u32]; 6] = [
        &one(PAGE | 0x400, W),
        &[seen],
        &one(PAGE | UNMAP, 0),
        &[seen & !W | 0x400],
        &one(PAGE | 1, 0),
        &[0],
    ];
    assert_eq!(make(&mut world, &list), (Err(Error::InvalidArgument), [2, 0]));
    assert_eq!(leaf(&world, PAGE), 0);
    assert_eq!(make(&mut world, &[]), (Ok(()), [0, 0]));
    assert_eq!(
        make(&mut world, &[&[PAGE, 2 << 12, 0], &[0]]),
        (Err(Error::InvalidArgument), [0, 0])
    );
}

#[test]
fn a_list_may_unmap_the_page_that_it_lies_in() {
    let mut world = World::new();
    world.allocate(PAGE);
    world.allocate(PAGE_2);
    let (first, second) = (leaf(&world, PAGE), leaf(&world, PAGE_2));
    let free = world.kernel.frames.free();
    let list: [&[u32]; 2] = [&[PAGE | UNMAP, 2 << 12, 0], &[first, second]];
    let made = make_at(&mut world, PAGE, ME, &list);
    assert_eq!(made, (Ok(()), [2, A_AND_D]));
    assert_eq!((leaf(&world, PAGE), leaf(&world, PAGE_2)), (0, 0));
    assert_eq!(world.kernel.frames.free(), free + 2);
}

#[test]
fn a_fault_in_the_list_comes_before_anything_has_changed() {
    let mut world = World::new();
    world.allocate(PAGE);
    let (seen, end) = (leaf(&world, PAGE), DATA + 0x1000 - 16);
    for (index, word) in (0..).zip([PAGE, 1 << 12 | W, 0, seen]) {
        world.write(end + 4 * index, word).unwrap();
    }
    let handler = Syscall::SetHandler { process: ME, address: 0x0080_0100 };
    world.call(handler).unwrap();
    world.allocate(0xEEBF_F000);
    world.begin(Syscall::Transact { process: ME, address: end, words: 8 });
    assert_eq!(leaf(&world, PAGE), seen);
    assert_eq!(world.registers().eip, 0x0080_0100, "the handler runs");
}

#[test]
fn many_pages_are_flushed_by_one_cr3_load_and_few_one_by_one() {
    for (pages, expected) in [(32, (32, 0)), (33, (0, 1))] {
        let mut world = World::new();
        for page in 0..pages {
            world.allocate(PAGE + page * 0x1000);
        }
        let seen: Vec<u32> = (0..pages).map(|page| leaf(&world, PAGE + page * 0x1000)).collect();
        for (kind, drop) in [(0, W), (UNMAP, 0)] {
            for page in 0..pages {
                world.read(PAGE + page * 0x1000).unwrap();
            }
            let seen: Vec<u32> =
                seen.iter().map(|seen| seen & !if kind == 0 { 0 } else { W }).collect();
            let before = world.kernel.cpu.hardware.flushes;
            let list: [&[u32]; 2] = [&[PAGE | kind, pages << 12 | drop, 0], &seen];
            assert_eq!(make(&mut world, &list).0, Ok(()));
            let after = world.kernel.cpu.hardware.flushes;
            assert_eq!((after.pages - before.pages, after.reloads - before.reloads), expected);
            let last = PAGE + (pages - 1) * 0x1000;
            assert!(world.kernel.cpu.hardware.user_write(last, 1).is_err());
        }
    }
}

#[test]
fn an_unmap_that_stops_early_has_flushed_and_released_what_it_did() {
    let mut world = World::new();
    for page in [PAGE, PAGE_2] {
        world.allocate(page);
        world.write(page, 7).unwrap();
    }
    let (first, second) = (leaf(&world, PAGE), leaf(&world, PAGE_2));
    let free = world.kernel.frames.free();
    let list: [&[u32]; 2] = [&[PAGE | UNMAP, 2 << 12, 0], &[first, second ^ W]];
    assert_eq!(make(&mut world, &list), (Err(Error::Busy), [1, A_AND_D]));
    assert_eq!(world.kernel.frames.free(), free + 1);
    assert!(world.kernel.cpu.hardware.user_read(PAGE).is_err(), "flushed");
    assert_eq!(world.read(PAGE_2), Ok(7));
}

#[test]
fn what_an_operation_unmaps_is_given_back_before_the_next_operation() {
    let mut world = World::new();
    world.allocate(PAGE);
    let seen = leaf(&world, PAGE);
    world.leave_free(0);
    // The table for the mark takes the frame of the page.
    let list: [&[u32]; 4] = [&one(PAGE | UNMAP, 0), &[seen], &one(PAGE_3 | UNMAP | 0x400, 0), &[0]];
    assert_eq!(make(&mut world, &list), (Ok(()), [2, 0]));
    assert_eq!(leaf(&world, PAGE_3), 0x400);
}

#[test]
fn a_change_of_another_space_flushes_nothing() {
    let mut world = World::new();
    let child = world.running_child();
    world.allocate_in(child.into(), PAGE);
    let seen = world.leaf(child, PAGE).bits();
    let before = world.kernel.cpu.hardware.flushes;
    let list: [&[u32]; 2] = [&one(PAGE, W), &[seen]];
    assert_eq!(make_at(&mut world, DATA, child.into(), &list), (Ok(()), [1, 0]));
    assert_eq!(world.kernel.cpu.hardware.flushes, before);
    assert_eq!(world.leaf(child, PAGE).bits(), seen & !W);
}

#[test]
fn the_mark_of_a_pager_is_the_pagers_in_its_clients() {
    let mut world = World::new();
    let init = world.init();
    let child = world.running_child();
    world.call(Syscall::SetPager { process: child.into(), pager: Some(init) }).unwrap();
    world.allocate_in(child.into(), PAGE);
    world.allocate_in(child.into(), PAGE_2);
    let seen = world.leaf(child, PAGE_2).bits();
    world.run(child);
    let add: [&[u32]; 2] = [&one(PAGE_2 | 0xE00, 0), &[seen]];
    assert_eq!(make_at(&mut world, PAGE, ME, &add), (Ok(()), [1, 0]));
    assert_eq!(world.leaf(child, PAGE_2).bits(), seen | 0xC00, "the client cannot set it");
    world.run(init);
    let add: [&[u32]; 2] = [&one(PAGE_2 | 0x200, 0xC00), &[seen | 0xC00]];
    assert_eq!(make_at(&mut world, DATA, child.into(), &add), (Ok(()), [1, 0]));
    assert_eq!(world.leaf(child, PAGE_2).bits(), seen | 0x200);
}

#[test]
fn a_transaction_by_sysenter_answers_in_the_same_registers() {
    let mut world = World::new();
    world.allocate(PAGE);
    let seen = leaf(&world, PAGE);
    let list = [PAGE | UNMAP, 1 << 12, 0, seen];
    for (index, word) in (0..).zip(list) {
        world.write(DATA + 4 * index, word).unwrap();
    }
    let registers = world.registers();
    (registers.eax, registers.ebx, registers.esi, registers.edi) = (86, DATA, 4, 0);
    world.trap(abi::Registers::SYSENTER);
    let registers = world.registers();
    assert_eq!((registers.eax, registers.ebx, registers.esi), (0, 1, 0));
}

#[test]
fn hostile_lists_are_refused_and_change_nothing() {
    let mut world = World::new();
    let stale = Target::Process(ProcessId::new(0x1_3001).unwrap());
    let cases = [
        (ME, DATA + 2, 4, Error::InvalidArgument),
        (ME, DATA, 1025, Error::InvalidArgument),
        (ME, USER_TOP, 1, Error::Fault),
        (ME, USER_TOP - 4, 2, Error::Fault),
        (ME, 0xFFFF_FFFC, 1024, Error::Fault),
        (stale, DATA, 0, Error::NoSuchProcess),
    ];
    for (process, address, words, error) in cases {
        let call = Syscall::Transact { process, address, words };
        assert_eq!(world.call(call), Err(error), "{call:?}");
        assert_eq!(world.answer(world.init()).words[0], 0);
    }
}
