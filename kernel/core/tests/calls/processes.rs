//! Calls 32 and 42 to 49: how processes come to be, are told apart, and end.

use abi::call::RawCall;
use abi::layout::{PAGE_SIZE, TABLE_SPAN, USER_TOP};
use abi::message::Reason;
use abi::process::Target;
use abi::registers::{FLAG_INTERRUPTS, USER_CODE, USER_DATA, UserRegisters};
use abi::{Error, PageRange, ProcessId, Syscall, UserPage, UserSlot};
use kernel_core::After;
use kernel_core::state::process::State;

use crate::world::{CALL_SITE, DATA, PAGE, READ, WRITE, World};

const ME: Target = Target::Caller;

fn wait(child: Option<ProcessId>) -> Syscall {
    Syscall::Wait { child }
}

fn destroy(world: &mut World, process: ProcessId, subtree: bool) -> Result<[u32; 4], Error> {
    world.call(Syscall::Destroy { process: process.into(), subtree })
}

/// The words that `Wait` returns.
fn ended(child: ProcessId, status: u32, reason: Reason) -> Result<[u32; 4], Error> {
    Ok([child.bits(), status, reason as u32, 0])
}

#[test]
fn identity_names_the_caller_its_parent_and_its_pager() {
    let mut world = World::new();
    let init = world.init();
    assert_eq!(world.call(Syscall::Identity), Ok([init.bits(), 0, 0, 0]));
    let child = world.running_child();
    world.call(Syscall::SetPager { process: child.into(), pager: Some(init) }).unwrap();
    assert_eq!(
        world.call_of(child, Syscall::Identity),
        Ok([child.bits(), init.bits(), init.bits(), 0])
    );
}

#[test]
fn a_blank_child_is_stopped_until_it_is_started() {
    let mut world = World::new();
    let child = world.child();
    world.tick();
    assert_eq!(world.current(), world.init());
    world.call(Syscall::ProcessStart { process: child.into() }).unwrap();
    world.tick();
    assert_eq!(world.current(), child);
    assert_eq!(world.process(child).registers.eip, 0);
}

#[test]
fn a_copied_child_has_its_makers_registers_and_finds_0_in_word_0() {
    let mut world = World::new();
    world.registers().esp = 0x1234_5678;
    let id = world.call(Syscall::ProcessCreate { copy: true }).unwrap()[0];
    let child = world.process(ProcessId::new(id).unwrap());
    assert_eq!((child.registers.eax, child.registers.ebx), (0, 0));
    assert_eq!((child.registers.esp, child.registers.eip), (0x1234_5678, CALL_SITE + 2));
    assert_eq!(child.memory.mapped, 1, "a directory and nothing else");
}

#[test]
fn the_child_of_a_full_process_table_is_refused_and_nothing_is_lost() {
    let mut world = World::with_memory(16);
    for _ in 1..1024 {
        world.kernel_call(Syscall::ProcessCreate { copy: false });
    }
    let free = world.kernel.frames.free();
    assert_eq!(world.call(Syscall::ProcessCreate { copy: false }), Err(Error::OutOfProcesses));
    assert_eq!(world.kernel.frames.free(), free);
}

#[test]
fn the_child_for_whose_directory_there_is_no_frame_is_refused() {
    let mut world = World::new();
    world.leave_free(0);
    assert_eq!(world.call(Syscall::ProcessCreate { copy: false }), Err(Error::OutOfFrames));
    assert_eq!(world.living().len(), 1);
}

#[test]
fn a_blocked_process_that_is_stopped_and_started_stays_blocked() {
    let mut world = World::new();
    let child = world.running_child();
    world.begin_of(child, Syscall::Receive { from: None, transfer: None });
    for call in [
        Syscall::ProcessStop { process: child.into() },
        Syscall::ProcessStart { process: child.into() },
    ] {
        world.call(call).unwrap();
        assert_eq!(world.process(child).state, State::Receiving);
    }
    world.tick();
    assert_eq!(world.current(), world.init());
}

#[test]
fn a_stopped_process_does_not_run_when_its_wait_is_over_before_it_is_started() {
    let mut world = World::new();
    let child = world.running_child();
    world.begin_of(child, Syscall::Sleep { milliseconds: 10 });
    world.call(Syscall::ProcessStop { process: child.into() }).unwrap();
    for _ in 0..4 {
        world.tick();
        assert_eq!(world.current(), world.init());
    }
    world.call(Syscall::ProcessStart { process: child.into() }).unwrap();
    world.run(child);
}

#[test]
fn registers_are_written_read_back_and_cleaned_of_what_is_the_kernels() {
    let mut world = World::new();
    let child = world.child();
    let wanted = UserRegisters {
        eax: 1,
        esp: 2,
        eip: 0xF000_0000,
        eflags: 0xFFFF_FFFF,
        ..UserRegisters::default()
    };
    for (index, word) in (0..).zip(wanted.words()) {
        world.write(DATA + 4 * index, word).unwrap();
    }
    world.call(Syscall::RegistersWrite { process: child.into(), address: DATA }).unwrap();
    let saved = world.process(child).registers;
    assert_eq!((saved.cs, saved.ss), (USER_CODE, USER_DATA));
    assert_eq!(saved.eflags & 0x0003_7200, FLAG_INTERRUPTS, "IF set; IOPL, NT and VM clear");
    world.call(Syscall::RegistersRead { process: child.into(), address: DATA + 0x100 }).unwrap();
    let words = core::array::from_fn(|index| world.read(DATA + 0x100 + 4 * index as u32).unwrap());
    let read = UserRegisters::from_words(words);
    assert_eq!(read, UserRegisters { eflags: saved.eflags, ..wanted });
}

#[test]
fn the_registers_of_a_blocked_child_are_busy() {
    let mut world = World::new();
    let child = world.running_child();
    world.begin_of(child, Syscall::Receive { from: None, transfer: None });
    let call = Syscall::RegistersWrite { process: child.into(), address: DATA };
    assert_eq!(world.call(call), Err(Error::Busy));
    assert!(world.call(Syscall::RegistersRead { process: child.into(), address: DATA }).is_ok());
}

#[test]
fn register_buffers_are_checked_before_anything_happens() {
    let mut world = World::new();
    let child = world.child();
    let table = [
        (DATA + 2, Error::InvalidArgument),
        (USER_TOP, Error::Fault),
        (USER_TOP - 36, Error::Fault),
        (0xFFFF_FFFC, Error::Fault),
        (0xEF7B_D000, Error::Fault),
    ];
    for (address, error) in table {
        assert_eq!(
            world.call(Syscall::RegistersRead { process: child.into(), address }),
            Err(error),
            "{address:#x}"
        );
        assert_eq!(
            world.call(Syscall::RegistersWrite { process: child.into(), address }),
            Err(error),
            "{address:#x}"
        );
    }
}

#[test]
fn a_register_buffer_may_end_at_utop() {
    let mut world = World::new();
    let child = world.child();
    world.allocate(USER_TOP - PAGE_SIZE);
    let address = USER_TOP - size_of::<UserRegisters>() as u32;
    world.call(Syscall::RegistersRead { process: child.into(), address }).unwrap();
    world.call(Syscall::RegistersWrite { process: child.into(), address }).unwrap();
}

#[test]
fn a_wait_for_a_former_child_is_not_one_for_the_next_child_in_its_slot() {
    let mut world = World::new();
    let former = world.running_child();
    world.begin_of(former, Syscall::Exit { status: 1 });
    world.run(world.init());
    world.call(wait(Some(former))).unwrap();
    let next = world.running_child();
    assert_eq!(next.index(), former.index());
    world.begin_of(next, Syscall::Exit { status: 2 });
    world.run(world.init());
    assert_eq!(world.call(wait(Some(former))), Err(Error::NoChild));
    assert_eq!(world.call(wait(Some(next))), ended(next, 2, Reason::Exited));
}

#[test]
fn wait_returns_status_and_reason_and_the_memory_is_free_by_then() {
    let mut world = World::new();
    let free = world.kernel.frames.free();
    let child = world.running_child();
    world.allocate_in(child.into(), PAGE);
    world.begin_of(child, Syscall::Exit { status: 0x1FF });
    world.begin_of(world.init(), wait(Some(child)));
    assert_eq!(world.result(world.init()), ended(child, 0xFF, Reason::Exited));
    assert_eq!(world.kernel.frames.free(), free);
    assert!(!world.exists(child));
}

#[test]
fn wait_for_any_child_takes_whichever_ended() {
    let mut world = World::new();
    let (first, second) = (world.running_child(), world.running_child());
    world.begin(wait(None));
    world.begin_of(second, Syscall::Exit { status: 2 });
    world.run(world.init());
    assert_eq!(world.result(world.init()), ended(second, 2, Reason::Exited));
    destroy(&mut world, first, false).unwrap();
    world.begin(wait(None));
    world.run(world.init());
    assert_eq!(world.result(world.init()), ended(first, 0, Reason::Destroyed));
    assert_eq!(world.call(wait(None)), Err(Error::NoChild));
}

#[test]
fn wait_for_one_child_leaves_the_others() {
    let mut world = World::new();
    let (first, second) = (world.running_child(), world.running_child());
    world.begin_of(first, Syscall::Exit { status: 1 });
    world.begin_of(world.init(), wait(Some(second)));
    world.finish_teardowns();
    assert_eq!(world.process(first).state, State::Ended);
    world.begin_of(second, Syscall::Exit { status: 2 });
    world.run(world.init());
    assert_eq!(world.result(world.init()), ended(second, 2, Reason::Exited));
    assert_eq!(world.call(wait(Some(first))), ended(first, 1, Reason::Exited));
}

#[test]
fn there_is_no_child_to_wait_for() {
    let mut world = World::new();
    let init = world.init();
    let child = world.running_child();
    world.run(child);
    let grandchild = world.child();
    assert_eq!(world.call(wait(Some(init))), Err(Error::NoChild), "the parent");
    assert_eq!(world.call(wait(Some(child))), Err(Error::NoChild), "itself");
    world.run(init);
    assert_eq!(world.call(wait(Some(grandchild))), Err(Error::NoChild), "a grandchild");
    assert_eq!(world.call(wait(Some(ProcessId::first(900)))), Err(Error::NoChild));
    let raw = RawCall { head: 48, words: [0x8000_0001, 0, 0, 0], ..RawCall::default() };
    assert_eq!(world.call_raw(raw), Err(Error::NoSuchProcess));
}

#[test]
fn an_exception_ends_its_process_with_one_line_and_128_and_the_vector() {
    for vector in [0, 1, 3, 6, 13, 17, 19, 0x20, 0xFF] {
        let mut world = World::new();
        let child = world.running_child();
        world.run(child);
        world.trap(vector);
        world.begin_of(world.init(), wait(Some(child)));
        assert_eq!(
            world.result(world.init()),
            ended(child, (128 + vector) & 0xFF, Reason::Killed),
            "{vector}"
        );
        let text = world.kernel.cpu.hardware.console_text();
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains(&format!("[{child}]")), "{text}");
    }
}

#[test]
fn virtual_8086_mode_ends_its_process_with_one_line_and_nobody_else() {
    for jos in [false, true] {
        let mut world = World::with_command_line(if jos { "jos" } else { "" });
        let child = world.running_child();
        world.run(child);
        world.kernel.cpu.hardware.console.clear();
        world.registers().eip = 0x10;
        world.virtual_8086();
        assert_eq!(world.current(), world.init());
        let line = format!("[{child}] entered virtual-8086 mode: ended");
        let text = world.kernel.cpu.hardware.console_text();
        assert_eq!(text.lines().next(), Some(&line[..]));
        assert!(!text.contains("TRAP frame"), "its registers say nothing: {text}");
        world.begin(wait(Some(child)));
        assert_eq!(world.result(world.init()), ended(child, 141, Reason::Killed));
    }
}

#[test]
fn destroy_ends_a_subtree_or_hands_the_children_up() {
    for subtree in [true, false] {
        let mut world = World::new();
        let child = world.running_child();
        world.run(child);
        let grandchild = world.running_child();
        world.run(world.init());
        destroy(&mut world, child, subtree).unwrap();
        world.finish_teardowns();
        assert_eq!(world.living().contains(&grandchild), !subtree);
        assert_eq!(
            world.call_of(world.init(), wait(Some(child))),
            ended(child, 0, Reason::Destroyed)
        );
        assert_eq!(
            world.call(wait(None)),
            Err(Error::NoChild),
            "nobody waits for an adopted child"
        );
    }
}

#[test]
fn destroying_a_subtree_whose_root_waits_for_a_child_as_its_pager_ends_all_of_it() {
    let mut world = World::new();
    let init = world.init();
    let root = world.running_child();
    world.run(root);
    let bystander = world.running_child();
    let pager = world.running_child();
    world.call_of(pager, Syscall::AcceptClients { accept: true }).unwrap();
    world.call_of(init, Syscall::SetPager { process: root.into(), pager: Some(pager) }).unwrap();
    world.begin_of(pager, Syscall::Sleep { milliseconds: 1_000_000 });
    world.run(root);
    world.read(PAGE).unwrap_err();
    assert!(matches!(world.process(root).state, State::Sending { .. }));
    world.run(init);
    destroy(&mut world, root, true).unwrap();
    assert_eq!(world.living(), [init], "{bystander} is below the root, too");
    world.finish_teardowns();
    assert_eq!(world.call(wait(Some(root))), ended(root, 0, Reason::Destroyed));
}

#[test]
fn a_process_may_destroy_itself_and_any_descendant_but_nobody_else() {
    let mut world = World::new();
    let child = world.running_child();
    let other = world.running_child();
    world.run(child);
    let grandchild = world.child();
    for stranger in [world.init(), other] {
        assert_eq!(destroy(&mut world, stranger, true), Err(Error::NoSuchProcess));
    }
    world.run(world.init());
    assert!(destroy(&mut world, grandchild, false).is_ok(), "a grandchild");
    world.begin_of(child, Syscall::Destroy { process: ME, subtree: true });
    assert!(!world.living().contains(&child));
    assert_eq!(destroy(&mut world, child, false), Err(Error::NoSuchProcess), "dead already");
}

#[test]
fn the_end_of_the_first_process_ends_the_machine() {
    let mut world = World::new();
    world.begin(Syscall::Exit { status: 300 });
    assert_eq!(world.after, After::PowerOff { status: 44 });
}

#[test]
fn machine_tells_frames_and_processes() {
    let mut world = World::new();
    let [total, free, live, _] = world.call(Syscall::Machine).unwrap();
    assert_eq!((total, free, live), (world.kernel.frames.total(), world.kernel.frames.free(), 1));
    world.child();
    let [_, now, live, _] = world.call(Syscall::Machine).unwrap();
    assert_eq!((free - now, live), (1, 2));
}

#[test]
fn machine_counts_flushed_pages_in_the_low_half_and_whole_flushes_in_the_high_half() {
    let mut world = World::new();
    let range = PageRange::new(UserPage::known(PAGE), 33).unwrap();
    let (process, permissions) = (ME, WRITE);
    world.call(Syscall::RangeAllocate { process, range, permissions }).unwrap();
    // What the CPU has not used is not flushed (`flushes.rs`).
    world.read(PAGE).unwrap();
    world.read(PAGE + 0x1000).unwrap();
    let mut flushes = |call| {
        let before = world.call(Syscall::Machine).unwrap()[3];
        world.call(call).unwrap();
        world.call(Syscall::Machine).unwrap()[3] - before
    };
    let page = range.first();
    assert_eq!(flushes(Syscall::PageUnmap { process, page, marks: READ }), 1);
    let (drop, add) = (WRITE, READ);
    assert_eq!(flushes(Syscall::RangeProtect { process, range, drop, add }), 1 << 16);
}

#[test]
fn unknown_calls_and_stray_bits_are_errors() {
    let mut world = World::new();
    for head in [Syscall::LAST + 1, 0xFF, 32 | 2 << 8, 42 | 0x200 << 8, 47 | 1 << 20] {
        let raw = RawCall { head, ..RawCall::default() };
        assert_eq!(world.call_raw(raw), Err(Error::InvalidArgument), "{head:#x}");
    }
    let raw = RawCall { head: 42, words: [2, 0, 0, 0], ..RawCall::default() };
    assert_eq!(world.call_raw(raw), Err(Error::InvalidArgument), "a flag that is neither 0 nor 1");
}

/// The directory entries at the edges of every group of 8 and 32, the first, and the last of a
/// process's.
fn slots_at_edges() -> Vec<u32> {
    let edges = (0..UserSlot::COUNT).step_by(32).chain([8, UserSlot::COUNT]);
    let mut slots: Vec<u32> =
        edges.flat_map(|edge| [edge.wrapping_sub(1), edge, edge + 1]).collect();
    slots.retain(|slot| *slot < UserSlot::COUNT);
    slots.sort_unstable();
    slots.dedup();
    slots
}

/// Ends a child that has a page at each of these addresses; the audit of the world finds what is
/// freed too much.
fn end_child_with_pages_at(world: &mut World, addresses: &[u32]) {
    let free = world.kernel.frames.free();
    let child = world.child();
    for address in addresses {
        world.allocate_in(child.into(), *address);
    }
    destroy(world, child, false).unwrap();
    world.finish_teardowns();
    assert_eq!(world.kernel.frames.free(), free, "{addresses:x?}");
    world.call(wait(Some(child))).unwrap();
}

#[test]
fn the_end_of_a_process_frees_the_tables_at_the_edges_of_groups_and_none_of_the_kernels() {
    let mut world = World::new();
    for slot in slots_at_edges() {
        end_child_with_pages_at(&mut world, &[slot * TABLE_SPAN]);
        end_child_with_pages_at(&mut world, &[0, slot * TABLE_SPAN + PAGE_SIZE]);
    }
}

#[test]
fn the_end_of_a_process_frees_the_pages_at_the_edges_of_a_tables_groups() {
    let mut world = World::new();
    for page in [0, 1, 7, 8, 9, 31, 32, 33, 991, 992, 1015, 1016, 1022, 1023] {
        for slot in [0, 31, UserSlot::COUNT - 1] {
            let address = slot * TABLE_SPAN + page * PAGE_SIZE;
            end_child_with_pages_at(&mut world, &[address]);
        }
    }
}
