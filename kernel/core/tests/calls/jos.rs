//! JOS calls 0 to 14, by the letter of their interface: numbers, registers, errors, and A and D.

use abi::call::{FaultReply, RawCall};
use abi::layout::{EXCEPTION_STACK, UENVS, USER_TOP};
use abi::process::Target;
use abi::process_info::Status;
use abi::registers::{USER_CODE, USER_DATA};
use abi::{Error, ProcessId, Registers, Syscall, UserPage};
use kernel_core::state::process::State;

use crate::world::{DATA, PAGE, PAGE_2, PAGE_3, World};

const INIT: ProcessId = ProcessId::first(0);
const BAD_ENV: u32 = -2_i32 as u32;
const INVAL: u32 = -3_i32 as u32;
const NO_MEM: u32 = -4_i32 as u32;
const NO_FREE_ENV: u32 = -5_i32 as u32;
const NOT_RECV: u32 = -7_i32 as u32;

/// JOS permissions: P, U and W.
const P: u32 = 1;
const U: u32 = 4;
const W: u32 = 2;

const RUNNABLE: u32 = 2;
const NOT_RUNNABLE: u32 = 4;

fn page_alloc(world: &mut World, env: u32, va: u32, perm: u32) -> u32 {
    world.jos(4, [env, va, perm, 0, 0])
}

fn page_map(world: &mut World, from: (u32, u32), to: (u32, u32), perm: u32) -> u32 {
    world.jos(5, [from.0, from.1, to.0, to.1, perm])
}

fn exofork(world: &mut World) -> ProcessId {
    ProcessId::new(world.jos(7, [0; 5])).unwrap()
}

/// A child made by exofork that runs.
fn forked(world: &mut World) -> ProcessId {
    let child = exofork(world);
    assert_eq!(world.jos(8, [child.bits(), RUNNABLE, 0, 0, 0]), 0);
    child
}

#[test]
fn unknown_numbers_are_invalid() {
    let mut world = World::new();
    for number in [15, 16, 31] {
        assert_eq!(world.jos(number, [0; 5]), INVAL, "{number}");
    }
}

#[test]
fn time_msec_is_the_clock_in_milliseconds() {
    let mut world = World::new();
    let microseconds = |[low, high, ..]: [u32; 4]| u64::from(high) << 32 | u64::from(low);
    (0..7).for_each(|_| world.tick());
    let before = microseconds(world.call(Syscall::Clock).unwrap());
    let told = u64::from(world.jos(14, [0; 5]));
    let after = microseconds(world.call(Syscall::Clock).unwrap());
    assert!(before >= 1000, "time has passed");
    assert!((before / 1000..=after / 1000).contains(&told), "{before} {told} {after}");
}

#[test]
fn a_send_to_a_receiver_that_was_stopped_makes_it_runnable() {
    let mut world = World::new();
    let child = forked(&mut world);
    world.run(child);
    world.jos_once(13, [USER_TOP, 0, 0, 0, 0]);
    world.run(INIT);
    assert_eq!(world.jos(8, [child.bits(), NOT_RUNNABLE, 0, 0, 0]), 0);
    assert_eq!(world.info(child).status, Status::NotRunnable as u32);
    assert_eq!(world.jos(12, [child.bits(), 5, USER_TOP, 0, 0]), 0);
    assert_eq!(world.info(child).status, Status::Runnable as u32);
    world.run(child);
    assert_eq!((world.registers().eax, world.info(child).value), (0, 5));
}

#[test]
fn a_send_does_not_start_a_receiver_that_a_native_call_has_stopped() {
    let mut world = World::new();
    let child = forked(&mut world);
    world.run(child);
    world.jos_once(13, [USER_TOP, 0, 0, 0, 0]);
    world.run(INIT);
    let process = child.into();
    world.call(Syscall::ProcessStop { process }).unwrap();
    assert_eq!(world.jos(12, [child.bits(), 5, USER_TOP, 0, 0]), 0);
    assert_eq!(world.info(child).status, Status::NotRunnable as u32);
}

#[test]
fn the_upcall_is_shown_until_a_native_handler_takes_its_place() {
    let mut world = World::new();
    let child = exofork(&mut world);
    for (env, slot) in [(0, INIT), (child.bits(), child)] {
        assert_eq!(world.jos(10, [env, 0x80_1234, 0, 0, 0]), 0);
        assert_eq!(world.info(slot).handler, 0x80_1234);
    }
    world.call(Syscall::SetHandler { process: Target::Caller, address: 0x80_5678 }).unwrap();
    assert_eq!((world.info(INIT).handler, world.info(child).handler), (0, 0x80_1234));
}

#[test]
fn cputs_prints_up_to_a_nul_or_its_length() {
    let mut world = World::new();
    world.write(DATA, u32::from_le_bytes(*b"abc\0")).unwrap();
    assert_eq!(world.jos(0, [DATA, 2, 0, 0, 0]), 0);
    assert_eq!(world.jos(0, [DATA, 100, 0, 0, 0]), 0);
    assert_eq!(world.kernel.cpu.hardware.console_text(), "ababc");
}

#[test]
fn cputs_of_what_cannot_be_read_ends_the_process_whatever_its_handler() {
    for (address, length, first_bad) in
        [(PAGE, 1, PAGE), (DATA + 0xFFF, 2, DATA + 0x1000), (0xEF80_0000, 1, 0xEF80_0000)]
    {
        let mut world = World::new();
        let child = forked(&mut world);
        for page in [DATA, EXCEPTION_STACK] {
            page_alloc(&mut world, child.bits(), page, P | U | W);
        }
        world.jos(10, [child.bits(), 0x0080_0080, 0, 0, 0]);
        world.run(child);
        world.jos(0, [address, length, 0, 0, 0]);
        assert!(!world.living().contains(&child));
        let line = format!("[{child}] user_mem_check assertion failure for va {first_bad:08x}\n");
        assert_eq!(world.kernel.cpu.hardware.console_text(), line);
    }
}

#[test]
fn what_the_kernel_shows_can_be_named_in_a_call() {
    let mut world = World::new();
    let directory = world.leaf(INIT, 0xEF7B_D000).bits();
    assert_eq!(directory & 7, 5, "the test knows what it reads");
    for address in [UENVS, 0xEF7B_D000] {
        assert_eq!(world.jos(0, [address, 4, 0, 0, 0]), 0, "{address:#x}");
    }
    let child = forked(&mut world);
    let record = UENVS + child.index() * 124;
    assert_eq!(world.jos(9, [child.bits(), record, 0, 0, 0]), 0);
    assert_eq!(world.process(child).registers, Registers { trap: 48, ..Registers::start(0, 0) });
}

#[test]
fn what_the_kernel_does_not_show_cannot() {
    // A hole in UENVS's window, a kernel table through the window, the kernel, the writable self
    // map.
    for address in [UENVS + 31 * 4096, 0xEF7C_0000, 0xF010_0000, 0xFFC0_0000] {
        let mut world = World::new();
        let child = forked(&mut world);
        world.jos(8, [child.bits(), 2, 0, 0, 0]);
        world.run(child);
        world.jos(0, [address, 1, 0, 0, 0]);
        assert!(!world.living().contains(&child), "{address:#x}");
    }
}

#[test]
fn a_cputs_of_a_page_is_checked_and_printed_in_one_step() {
    let mut world = World::new();
    world.write(DATA, u32::from_le_bytes(*b"ok\n\0")).unwrap();
    assert_eq!(world.jos_once(0, [DATA, 256, 0, 0, 0]), 0);
    assert!(!world.restarts(INIT));
    assert!(world.kernel.cpu.hardware.console_text().ends_with("ok\n"));
}

#[test]
fn a_long_cputs_is_checked_512_pages_at_a_time() {
    const PAGES: u32 = 1500;
    let mut world = World::with_memory(8);
    page_alloc(&mut world, 0, PAGE, P | U | W);
    for index in 1..PAGES {
        let place = PAGE + index * 4096;
        assert_eq!(world.jos(5, [0, PAGE, 0, place, P | U]), 0);
    }
    let steps = (0..10)
        .take_while(|_| {
            world.jos_once(0, [PAGE, PAGES * 4096, 0, 0, 0]);
            world.restarts(INIT)
        })
        .count();
    assert_eq!(steps, 3, "three checks; then the first byte is zero");
    assert_eq!(world.kernel.cpu.hardware.console.len(), 0);
}

#[test]
fn a_long_cputs_appears_once_even_if_its_rest_has_to_be_paged_in() {
    let mut world = World::new();
    let child = world.running_child();
    world.call(Syscall::SetPager { process: child.into(), pager: Some(INIT) }).unwrap();
    for page in [PAGE, PAGE_2] {
        world.allocate_in(child.into(), page);
        let frame = world.leaf(child, page).frame();
        (0..1024).for_each(|index| {
            world.kernel.cpu.hardware.set_word(frame, index, u32::from_le_bytes(*b"xxxx"))
        });
    }
    world.run(child);
    world.jos_once(0, [PAGE, 8192, 0, 0, 0]);
    assert!(world.restarts(child), "256 bytes at a time");
    world.run(INIT);
    let page = UserPage::known(PAGE_2);
    let own = UserPage::known(PAGE_3);
    let keep = Syscall::PageMap {
        process: child.into(),
        page,
        to: Target::Caller,
        to_page: own,
        permissions: abi::Permissions::WRITE,
    };
    world.call(keep).unwrap();
    world
        .call(Syscall::PageUnmap { process: child.into(), page, marks: abi::Permissions::empty() })
        .unwrap();
    world.run(child);
    world.jos(0, [PAGE, 8192, 0, 0, 0]);
    world.begin_of(INIT, Syscall::Receive { from: None, transfer: None });
    let reply =
        FaultReply::Map { source: own, destination: page, permissions: abi::Permissions::WRITE };
    world.call(Syscall::FaultReply { process: child, reply }).unwrap();
    while world.restarts(child) {
        world.run(child);
        world.jos(0, [PAGE, 8192, 0, 0, 0]);
    }
    assert_eq!(world.kernel.cpu.hardware.console.len(), 8192, "no output appears twice");
}

#[test]
fn a_new_life_does_not_inherit_half_a_cputs() {
    let mut world = World::new();
    let child = world.running_child();
    for page in [PAGE, PAGE_2, DATA] {
        world.allocate_in(child.into(), page);
        let frame = world.leaf(child, page).frame();
        (0..1024).for_each(|index| {
            world.kernel.cpu.hardware.set_word(frame, index, u32::from_le_bytes(*b"xxxx"))
        });
    }
    world.run(child);
    world.jos_once(0, [PAGE, 8192, 0, 0, 0]);
    assert!(world.restarts(child));
    world.run(INIT);
    world.call(Syscall::RegistersWrite { process: child.into(), address: DATA }).unwrap();
    world.run(child);
    let before = world.kernel.cpu.hardware.console.len();
    world.jos(0, [DATA, 4096, 0, 0, 0]);
    assert_eq!(
        world.kernel.cpu.hardware.console.len() - before,
        4096,
        "another call than the one that was cut short"
    );
}

#[test]
fn cgetc_never_waits() {
    let mut world = World::new();
    assert_eq!(world.jos(1, [0; 5]), 0);
    world.key(b'x');
    assert_eq!(world.jos(1, [0; 5]), u32::from(b'x'));
}

#[test]
fn getenvid_is_the_own_id_and_yield_leaves_eax() {
    let mut world = World::new();
    assert_eq!(world.jos(2, [0; 5]), 0x1000);
    assert_eq!(world.jos(11, [0; 5]), 11);
}

#[test]
fn env_destroy_ends_a_child_or_oneself_and_nobody_else() {
    let mut world = World::new();
    let child = forked(&mut world);
    let other = forked(&mut world);
    world.run(child);
    for env in [0x1000, other.bits(), 0x1FFF, 0xFFFF_FFFF] {
        assert_eq!(world.jos(3, [env, 0, 0, 0, 0]), BAD_ENV, "{env:#x}");
    }
    world.jos(3, [0; 5]);
    world.run(INIT);
    assert_eq!(world.jos(3, [other.bits(), 0, 0, 0, 0]), 0);
    world.finish_teardowns();
    assert!(!world.exists(child) && !world.exists(other), "neither leaves anything to wait for");
    assert_eq!(world.info(child).status, Status::Free as u32);
}

#[test]
fn page_alloc_checks_as_jos_does() {
    let mut world = World::new();
    for va in [PAGE + 1, USER_TOP, 0xEF40_0000, 0xF000_0000, 0xFFFF_FFFF] {
        assert_eq!(page_alloc(&mut world, 0, va, P | U | W), INVAL, "{va:#x}");
    }
    for perm in [0, P, U, W, P | W, P | U | 8, P | U | 0x20, P | U | 0x100, 0xFFFF_FFFF] {
        assert_eq!(page_alloc(&mut world, 0, PAGE, perm), INVAL, "{perm:#x}");
    }
    for env in [0x1001, 0xFFFF_FFFF] {
        assert_eq!(page_alloc(&mut world, env, PAGE, P | U), BAD_ENV, "{env:#x}");
    }
    assert_eq!(page_alloc(&mut world, 0x1000, PAGE, P | U | 0xE00), 0);
    assert_eq!(world.leaf(INIT, PAGE).bits() & 0xFFF, 0xE05);
    world.leave_free(0);
    assert_eq!(page_alloc(&mut world, 0, PAGE_3, P | U), NO_MEM);
}

#[test]
fn page_map_checks_as_jos_does() {
    let mut world = World::new();
    page_alloc(&mut world, 0, PAGE, P | U);
    let child = exofork(&mut world).bits();
    assert_eq!(page_map(&mut world, (0, PAGE), (0x1FFF, PAGE), P | U), BAD_ENV);
    assert_eq!(page_map(&mut world, (0x1FFF, PAGE), (0, PAGE), P | U), BAD_ENV);
    for va in [PAGE + 4, USER_TOP, 0xFFFF_F000] {
        assert_eq!(page_map(&mut world, (0, va), (child, PAGE), P | U), INVAL, "{va:#x}");
        assert_eq!(page_map(&mut world, (0, PAGE), (child, va), P | U), INVAL, "{va:#x}");
    }
    assert_eq!(page_map(&mut world, (0, PAGE_2), (child, PAGE), P | U), INVAL, "nothing there");
    assert_eq!(page_map(&mut world, (0, PAGE), (child, PAGE), P | U | W), INVAL, "W is not gained");
    assert_eq!(page_map(&mut world, (0, PAGE), (child, PAGE), P), INVAL);
    assert_eq!(page_map(&mut world, (0, PAGE), (child, PAGE), P | U), 0);
    world.leave_free(0);
    assert_eq!(page_map(&mut world, (0, PAGE), (child, 0), P | U), NO_MEM);
}

#[test]
fn page_map_onto_itself_clears_a_and_d_and_the_next_store_sets_them_again() {
    let mut world = World::new();
    let bits = |world: &World| world.leaf(INIT, PAGE).bits() & 0xFFF;
    page_alloc(&mut world, 0, PAGE, P | U | W);
    assert_eq!(bits(&world), 0x007);
    world.read(PAGE).unwrap();
    assert_eq!(bits(&world), 0x027);
    world.write(PAGE, 1).unwrap();
    assert_eq!(bits(&world), 0x067);
    assert_eq!(page_map(&mut world, (0, PAGE), (0, PAGE), P | U | W), 0);
    assert_eq!(bits(&world), 0x007);
    world.write(PAGE, 1).unwrap();
    assert_eq!(bits(&world), 0x067);
}

#[test]
fn page_unmap_is_no_error_where_nothing_is() {
    let mut world = World::new();
    page_alloc(&mut world, 0, PAGE, P | U);
    for _ in 0..2 {
        assert_eq!(world.jos(6, [0, PAGE, 0, 0, 0]), 0);
        assert!(world.kernel.cpu.hardware.user_read(PAGE).is_err());
    }
    assert_eq!(world.jos(6, [0, PAGE + 1, 0, 0, 0]), INVAL);
    assert_eq!(world.jos(6, [0, USER_TOP, 0, 0, 0]), INVAL);
    assert_eq!(world.jos(6, [0x1FFF, PAGE, 0, 0, 0]), BAD_ENV);
}

#[test]
fn exofork_copies_registers_and_nothing_else() {
    let mut world = World::new();
    world.jos(10, [0, 0x0080_0080, 0, 0, 0]);
    *world.registers() = abi::Registers { ebp: 0xEB, esp: 0xE5, ..*world.registers() };
    let child = exofork(&mut world);
    let process = world.process(child);
    assert_eq!((process.registers.eax, process.registers.esp), (0, 0xE5));
    assert_eq!((process.paging.handler, process.memory.mapped, process.stopped), (0, 1, true));
    assert_eq!(world.info(child).status, Status::NotRunnable as u32);
    assert_eq!(world.info(child).parent, INIT.bits());
}

#[test]
fn exofork_runs_out_of_frames_and_of_slots() {
    let mut world = World::new();
    world.leave_free(0);
    assert_eq!(world.jos(7, [0; 5]), NO_MEM);
    let mut world = World::with_memory(16);
    for _ in 1..1024 {
        world.kernel_call(Syscall::ProcessCreate { copy: false });
    }
    assert_eq!(world.jos(7, [0; 5]), NO_FREE_ENV);
}

#[test]
fn env_set_status_takes_2_and_4() {
    let mut world = World::new();
    let child = exofork(&mut world).bits();
    for status in [0, 1, 3, 5, 0xFFFF_FFFF] {
        assert_eq!(world.jos(8, [child, status, 0, 0, 0]), INVAL, "{status}");
    }
    assert_eq!(world.jos(8, [0x1FFF, RUNNABLE, 0, 0, 0]), BAD_ENV);
    assert_eq!(world.jos(8, [child, RUNNABLE, 0, 0, 0]), 0);
    assert_eq!(world.jos(8, [child, NOT_RUNNABLE, 0, 0, 0]), 0);
    world.tick();
    assert_eq!(world.current(), INIT);
}

#[test]
fn a_process_that_stops_itself_goes_on_where_it_was() {
    let mut world = World::new();
    let child = forked(&mut world);
    world.run(child);
    assert_eq!(world.jos(8, [0, NOT_RUNNABLE, 0, 0, 0]), 0);
    assert_eq!(world.current(), INIT);
    world.jos(8, [child.bits(), RUNNABLE, 0, 0, 0]);
    world.run(child);
    assert_eq!(world.process(child).registers.eax, 0);
}

#[test]
fn a_child_blocked_in_ipc_recv_stays_blocked_when_it_is_made_runnable() {
    let mut world = World::new();
    let child = forked(&mut world);
    world.run(child);
    world.jos(13, [USER_TOP, 0, 0, 0, 0]);
    assert_eq!(world.jos(8, [child.bits(), RUNNABLE, 0, 0, 0]), 0);
    assert_eq!(world.process(child).state, State::JosReceiving);
    assert_eq!(world.info(child).receiving, 1);
}

#[test]
fn env_set_trapframe_takes_registers_and_never_selectors() {
    let mut world = World::new();
    let child = exofork(&mut world);
    for word in 0..17 {
        world.write(DATA + 4 * word, 0xFFFF_FF00 | word).unwrap();
    }
    assert_eq!(world.jos(9, [child.bits(), DATA, 0, 0, 0]), 0);
    let r = world.process(child).registers;
    assert_eq!((r.edi, r.eax, r.eip, r.esp), (0xFFFF_FF00, 0xFFFF_FF07, 0xFFFF_FF0C, 0xFFFF_FF0F));
    assert_eq!((r.cs, r.ss), (USER_CODE, USER_DATA));
    assert_eq!(r.eflags & 0x0003_7200, 0x200);
    assert_eq!(world.jos(9, [0x1FFF, DATA, 0, 0, 0]), BAD_ENV);
}

#[test]
fn env_set_trapframe_of_what_cannot_be_read_ends_the_caller() {
    for address in [PAGE, PAGE_3 + 0x1000 - 64, USER_TOP - 4, 0xFFFF_FFFC] {
        let mut world = World::new();
        let child = forked(&mut world);
        world.allocate_in(child.into(), PAGE_3);
        world.run(child);
        world.jos(9, [0, address, 0, 0, 0]);
        assert!(!world.living().contains(&child), "{address:#x}");
        assert!(
            world.kernel.cpu.hardware.console_text().contains("user_mem_check assertion failure")
        );
    }
}

#[test]
fn ipc_carries_a_value_and_the_senders_id() {
    let mut world = World::new();
    let child = forked(&mut world);
    assert_eq!(world.jos(12, [child.bits(), 7, USER_TOP, 0, 0]), NOT_RECV);
    world.run(child);
    world.jos(13, [USER_TOP, 0, 0, 0, 0]);
    assert_eq!(world.jos(12, [child.bits(), 7, USER_TOP, 0, 0]), 0);
    let told = world.info(child);
    assert_eq!((told.receiving, told.value, told.from, told.permissions), (0, 7, INIT.bits(), 0));
    assert_eq!(world.process(child).registers.eax, 0);
    assert_eq!(
        world.jos(12, [child.bits(), 7, USER_TOP, 0, 0]),
        NOT_RECV,
        "one message for one receive"
    );
    assert_eq!(world.jos(12, [0x1FFF, 7, USER_TOP, 0, 0]), BAD_ENV);
}

#[test]
fn ipc_carries_a_page_only_if_both_sides_want_it() {
    for (wanted, sent, received) in
        [(PAGE_2, PAGE, P | U | W), (USER_TOP, PAGE, 0), (PAGE_2, USER_TOP, 0)]
    {
        let mut world = World::new();
        let child = forked(&mut world);
        page_alloc(&mut world, 0, PAGE, P | U | W);
        world.run(child);
        world.jos(13, [wanted, 0, 0, 0, 0]);
        assert_eq!(world.jos(12, [child.bits(), 7, sent, P | U | W, 0]), 0);
        assert_eq!(world.info(child).permissions, received);
        assert_eq!(world.leaf(child, PAGE_2).is_present(), received != 0);
    }
}

#[test]
fn ipc_checks_its_page_as_jos_does_and_the_receiver_goes_on_waiting() {
    let mut world = World::new();
    let child = forked(&mut world);
    page_alloc(&mut world, 0, PAGE, P | U);
    world.run(child);
    world.jos(13, [PAGE, 0, 0, 0, 0]);
    for (va, perm) in
        [(PAGE + 1, P | U), (PAGE, P), (PAGE, P | U | 8), (PAGE_2, P | U), (PAGE, P | U | W)]
    {
        assert_eq!(world.jos(12, [child.bits(), 7, va, perm, 0]), INVAL, "{va:#x} {perm:#x}");
    }
    world.leave_free(0);
    assert_eq!(world.jos(12, [child.bits(), 7, PAGE, P | U, 0]), NO_MEM);
    assert_eq!(world.process(child).state, State::JosReceiving);
}

#[test]
fn ipc_recv_refuses_an_unaligned_page() {
    let mut world = World::new();
    assert_eq!(world.jos(13, [PAGE + 1, 0, 0, 0, 0]), INVAL);
    assert_eq!(world.info(INIT).receiving, 0);
}

#[test]
fn native_errors_reach_jos_callers_as_jos_numbers() {
    let mut world = World::new();
    let child = forked(&mut world);
    world.call(Syscall::SetQuota { process: child.into(), frames: 1, processes: 1 }).unwrap();
    assert_eq!(page_alloc(&mut world, child.bits(), PAGE, P | U), NO_MEM);
    world.run(child);
    assert_eq!(world.jos(7, [0; 5]), NO_MEM);
    assert_eq!(Error::QuotaExceeded.to_jos(), NO_MEM);
}

/// What may come between two steps of a call that restarts.
type Interlude = (&'static str, fn(&mut World));
const INTERLUDES: [Interlude; 7] = [
    ("nothing but the next call", |_| {}),
    ("a native call", |world| {
        world.call(Syscall::Identity).unwrap();
    }),
    ("a malformed native call", |world| {
        world.call_raw(RawCall { head: 35, page: 1, ..RawCall::default() }).unwrap_err();
    }),
    ("an unknown native call", |world| {
        world.call_raw(RawCall { head: 200, ..RawCall::default() }).unwrap_err();
    }),
    ("another JOS call", |world| {
        world.jos(2, [0; 5]);
    }),
    ("an unknown JOS call", |world| {
        world.jos(31, [0; 5]);
    }),
    ("a fault that the handler gets", |world| {
        let eip = world.registers().eip;
        let _ = world.read(PAGE_3);
        assert_eq!(world.registers().eip, HANDLER);
        world.registers().eip = eip;
    }),
];
const HANDLER: u32 = 0x0080_0080;

/// A process with a handler and 8 KiB of text at [`PAGE`], of which it has printed half: a cputs is
/// unfinished.
fn with_a_half_printed_text() -> World {
    let mut world = World::new();
    for page in [EXCEPTION_STACK, PAGE, PAGE_2] {
        assert_eq!(page_alloc(&mut world, 0, page, P | U | W), 0);
    }
    for address in (PAGE..PAGE + 0x2000).step_by(4) {
        world.write(address, u32::from_le_bytes(*b"text")).unwrap();
    }
    world.call(Syscall::SetHandler { process: Target::Caller, address: HANDLER }).unwrap();
    while world.kernel.cpu.hardware.console.len() < 0x1000 {
        world.jos_once(0, [PAGE, 0x2000, 0, 0, 0]);
    }
    assert!(world.restarts(INIT) && world.kernel.cpu.hardware.console.len() == 0x1000);
    world
}

#[test]
fn a_cputs_that_is_not_repeated_at_once_begins_anew() {
    for (what, interlude) in &INTERLUDES[1..] {
        let mut world = with_a_half_printed_text();
        interlude(&mut world);
        assert_eq!(world.jos(0, [PAGE, 0x2000, 0, 0, 0]), 0);
        assert_eq!(world.kernel.cpu.hardware.console.len(), 0x3000, "{what}");
    }
    for (address, length) in [(PAGE, 0x1FFF), (PAGE + 1, 0x1FFF), (PAGE, 4), (PAGE_2, 0x1000)] {
        let mut world = with_a_half_printed_text();
        assert_eq!(world.jos(0, [address, length, 0, 0, 0]), 0);
        assert_eq!(
            world.kernel.cpu.hardware.console.len() as u32,
            0x1000 + length,
            "another cputs"
        );
    }
}

#[test]
fn a_cputs_goes_on_after_its_pager_has_brought_a_page() {
    let mut world = World::new();
    let child = forked(&mut world);
    world.call(Syscall::SetPager { process: child.into(), pager: Some(INIT) }).unwrap();
    for address in (DATA..DATA + 0x1000).step_by(4) {
        world.write(address, u32::from_le_bytes(*b"text")).unwrap();
    }
    assert_eq!(page_map(&mut world, (0, DATA), (child.bits(), PAGE), P | U), 0);
    assert_eq!(page_map(&mut world, (0, DATA), (child.bits(), PAGE_2), P | U), 0);
    world.run(child);
    // Checked, and printed 256 bytes at a time.
    for _ in 0..17 {
        world.jos_once(0, [PAGE, 0x2000, 0, 0, 0]);
    }
    assert_eq!(world.jos_of(INIT, 6, [child.bits(), PAGE_2, 0, 0, 0]), 0, "page 2 goes away");
    world.begin(Syscall::Receive { from: None, transfer: None });
    world.run(child);
    world.jos_once(0, [PAGE, 0x2000, 0, 0, 0]);
    let (source, destination) = (UserPage::known(DATA), UserPage::known(PAGE_2));
    let permissions = abi::Permissions::empty();
    let reply = FaultReply::Map { source, destination, permissions };
    world.call_of(INIT, Syscall::FaultReply { process: child, reply }).unwrap();
    world.run(child);
    assert_eq!(world.jos(0, [PAGE, 0x2000, 0, 0, 0]), 0);
    assert_eq!(world.kernel.cpu.hardware.console.len(), 0x2000);
}

#[test]
fn env_destroy_after_a_cputs_that_was_not_repeated_looks_at_its_argument() {
    for (what, interlude) in INTERLUDES {
        let mut world = with_a_half_printed_text();
        interlude(&mut world);
        for nobody in [0x13FF, 0x1FFF, 0x1001, 0x2000] {
            assert_eq!(world.jos(3, [nobody, 0, 0, 0, 0]), BAD_ENV, "{nobody:#x} after {what}");
        }
    }
    let mut world = with_a_half_printed_text();
    let child = exofork(&mut world);
    world.call(Syscall::SetHandler { process: Target::Caller, address: 0 }).unwrap();
    world.jos_once(0, [PAGE, 0x2000, 0, 0, 0]);
    world.jos_once(0, [PAGE, 0x2000, 0, 0, 0]);
    assert_eq!(world.jos(3, [child.bits(), 0, 0, 0, 0]), 0);
    assert!(!world.exists(child), "its slot is free when the call returns");
}

#[test]
fn what_comes_after_an_env_destroy_that_was_not_repeated_is_done_in_full() {
    let mut world = with_a_half_printed_text();
    let [first, second, third] = [(); 3].map(|()| exofork(&mut world));
    for child in [first, second, third] {
        for page in [PAGE, PAGE_3] {
            page_alloc(&mut world, child.bits(), page, P | U | W);
        }
    }
    world.jos_once(3, [first.bits(), 0, 0, 0, 0]);
    assert!(world.restarts(INIT), "a table is left");
    assert_eq!(world.jos(0, [PAGE, 0x2000, 0, 0, 0]), 0);
    assert_eq!(world.kernel.cpu.hardware.console.len(), 0x3000);
    world.jos_once(3, [second.bits(), 0, 0, 0, 0]);
    assert!(world.restarts(INIT), "a table is left");
    assert_eq!(world.jos(3, [third.bits(), 0, 0, 0, 0]), 0);
    assert!(!world.exists(third), "the third child, in the middle of a call about the second");
}

#[test]
fn a_child_whose_registers_are_set_in_the_middle_of_a_cputs_prints_all_of_the_next() {
    let mut world = World::new();
    let child = forked(&mut world);
    world.write(DATA, u32::from_le_bytes(*b"text")).unwrap();
    for page in [PAGE, PAGE_2] {
        assert_eq!(page_alloc(&mut world, child.bits(), page, P | U | W), 0);
    }
    world.run(child);
    for address in (PAGE..PAGE + 0x2000).step_by(4) {
        world.write(address, u32::from_le_bytes(*b"text")).unwrap();
    }
    world.jos_once(0, [PAGE, 0x2000, 0, 0, 0]);
    world.jos_once(0, [PAGE, 0x2000, 0, 0, 0]);
    assert_eq!(world.jos_of(INIT, 9, [child.bits(), DATA, 0, 0, 0]), 0);
    world.run(child);
    assert_eq!(world.jos(0, [PAGE, 0x2000, 0, 0, 0]), 0);
    assert_eq!(world.kernel.cpu.hardware.console.len(), 256 + 0x2000);
}

#[test]
fn env_destroy_frees_the_slot_of_a_child_however_it_was_made() {
    let mut world = World::new();
    let native = world.running_child();
    let jos = forked(&mut world);
    for child in [native, jos] {
        assert_eq!(world.jos(3, [child.bits(), 0, 0, 0, 0]), 0);
        assert_eq!(world.info(child).status, Status::Free as u32, "{child}");
    }
    assert_eq!(world.call(Syscall::Wait { child: None }), Err(Error::NoChild));
}

#[test]
fn exofork_at_a_bound_on_processes_lacks_an_env_and_at_one_on_frames_memory() {
    for (frames, processes, error) in [(0, 1, NO_FREE_ENV), (1, 0, NO_MEM), (1, 1, NO_MEM)] {
        let mut world = World::new();
        let child = world.running_child();
        world.call(Syscall::SetQuota { process: child.into(), frames, processes }).unwrap();
        assert_eq!(world.jos_of(child, 7, [0; 5]), error, "{frames} frames, {processes} processes");
    }
}

#[test]
fn env_set_trapframe_refuses_a_child_whose_native_call_has_an_answer_to_come() {
    let mut world = World::new();
    let child = forked(&mut world);
    world.begin_of(child, Syscall::Receive { from: None, transfer: None });
    world.run(INIT);
    let before = world.process(child).registers;
    assert_eq!(world.jos(9, [child.bits(), DATA, 0, 0, 0]), INVAL);
    assert_eq!(world.process(child).registers.eax, before.eax);
    // A child that waits in JOS's own receive is set, as in JOS.
    let child = forked(&mut world);
    world.run(child);
    world.jos(13, [USER_TOP, 0, 0, 0, 0]);
    world.run(INIT);
    assert_eq!(world.jos(9, [child.bits(), DATA, 0, 0, 0]), 0);
}

#[test]
fn a_receiver_that_ends_receives_no_more_says_its_record() {
    let mut world = World::new();
    let child = forked(&mut world);
    world.run(child);
    world.jos(13, [USER_TOP, 0, 0, 0, 0]);
    world.run(INIT);
    assert_eq!(world.info(child).receiving, 1);
    assert_eq!(world.jos(3, [child.bits(), 0, 0, 0, 0]), 0);
    assert_eq!(world.info(child).receiving, 0);
}
