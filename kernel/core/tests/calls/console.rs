//! Calls 65 to 70: time and the console.

use abi::call::RawCall;
use abi::layout::USER_TOP;
use abi::message::{Kind, Message};
use abi::{Error, ProcessId, Syscall, UserPage};
use kernel_core::After;
use kernel_core::state::process::State;

use crate::world::{DATA, PAGE, World};

const INIT: ProcessId = ProcessId::first(0);
const RECEIVE: Syscall = Syscall::Receive { from: None, transfer: None };
const CTRL_C: u8 = 3;

fn read_console(length: u32) -> Syscall {
    Syscall::ConsoleRead { address: DATA, length }
}

fn set_owner(owner: Option<ProcessId>) -> Syscall {
    Syscall::SetConsoleOwner { owner: owner.map(Into::into) }
}

fn kind(world: &World, id: ProcessId) -> Option<Kind> {
    let answer = world.answer(id);
    Message::from_wire(answer.eax, answer.process, answer.words).ok().map(|message| message.kind)
}

#[test]
fn the_clock_has_64_bits() {
    let mut world = World::new();
    world.kernel.cpu.hardware.clock = 0x1_2345_6789;
    assert_eq!(world.call(Syscall::Clock), Ok([0x2345_6789, 1, 0, 0]));
}

#[test]
fn sleepers_wake_in_the_order_of_their_times_and_not_before() {
    let mut world = World::new();
    let children: Vec<ProcessId> = (0..3).map(|_| world.running_child()).collect();
    for (child, milliseconds) in children.iter().zip([50, 20, 30]) {
        world.begin_of(*child, Syscall::Sleep { milliseconds });
    }
    let start = world.kernel.cpu.hardware.clock;
    world.begin_of(INIT, Syscall::Sleep { milliseconds: 100 });
    let mut order = Vec::new();
    while order.len() < 3 {
        world.tick();
        if world.after == After::Run {
            order.push(world.current());
            world.begin(RECEIVE);
        }
    }
    assert_eq!(order, [children[1], children[2], children[0]]);
    assert!(world.kernel.cpu.hardware.clock - start >= 40_000);
}

#[test]
fn the_longest_sleep_does_not_wrap() {
    let mut world = World::new();
    world.begin(Syscall::Sleep { milliseconds: u32::MAX });
    world.kernel.cpu.hardware.clock = 4_294_967_294_000;
    world.tick();
    assert_eq!(world.after, After::Run, "49 days are over");
}

#[test]
fn sleep_0_and_yield_let_the_others_run_first() {
    for syscall in [Syscall::Yield, Syscall::Sleep { milliseconds: 0 }] {
        let mut world = World::new();
        let child = world.running_child();
        world.begin(syscall);
        assert_eq!(world.current(), child);
        world.begin(syscall);
        assert_eq!((world.current(), world.answer(INIT).eax), (INIT, 0));
    }
}

#[test]
fn console_write_writes_all_of_its_buffer() {
    let mut world = World::new();
    world.write(DATA, u32::from_le_bytes(*b"abcd")).unwrap();
    assert_eq!(world.call(Syscall::ConsoleWrite { address: DATA + 1, length: 2 }).unwrap()[0], 2);
    assert_eq!(world.kernel.cpu.hardware.console_text(), "bc");
    assert_eq!(world.call(Syscall::ConsoleWrite { address: DATA, length: 0 }).unwrap()[0], 0);
}

#[test]
fn console_buffers_are_checked() {
    let mut world = World::new();
    for number in [68, 69] {
        for (address, length, error) in [
            (DATA, 4097, Error::InvalidArgument),
            (DATA, 0xFFFF_FFFF, Error::InvalidArgument),
            (USER_TOP, 1, Error::Fault),
            (USER_TOP - 1, 2, Error::Fault),
            (0xFFFF_FFFF, 1, Error::Fault),
            (0xFFFF_F800, 0x1000, Error::Fault),
            (0xEF7B_D000, 4, Error::Fault),
        ] {
            let raw =
                RawCall { head: number, words: [address, length, 0, 0], ..RawCall::default() };
            assert_eq!(world.call_raw(raw), Err(error), "{number}: {address:#x} + {length:#x}");
        }
    }
}

#[test]
fn console_read_waits_for_a_key_and_returns_what_there_is() {
    let mut world = World::new();
    world.begin(read_console(10));
    assert_eq!(world.after, After::Idle);
    world.key(b'x');
    assert!(world.restarts(INIT));
    world.key(b'y');
    assert_eq!(world.call(read_console(10)).unwrap()[0], 2);
    assert_eq!(world.read(DATA).unwrap() & 0xFFFF, u32::from(b'x') | u32::from(b'y') << 8);
    assert_eq!(world.call(read_console(0)).unwrap()[0], 0, "nothing is asked for");
}

#[test]
fn bytes_that_are_not_read_are_kept_up_to_4096_and_then_left_where_they_are() {
    let mut world = World::new();
    for index in 0..4096_u32 {
        assert!(world.kernel.takes_input());
        world.key(b'a' + (index % 26) as u8);
    }
    assert!(!world.kernel.takes_input());
    for _ in 0..15 {
        assert_eq!(world.call(read_console(4095)).unwrap()[0], 256);
        assert!(world.kernel.takes_input());
    }
    assert_eq!(world.call(read_console(255)).unwrap()[0], 255);
    assert_eq!(world.call(read_console(4095)).unwrap()[0], 1);
    assert_eq!(world.read(DATA).unwrap() & 0xFF, u32::from(b'a') + 4095 % 26);
}

/// A console with an owner and a full buffer.
fn full_console() -> World {
    let mut world = World::new();
    world.call(Syscall::SetConsoleOwner { owner: Some(INIT.into()) }).unwrap();
    for _ in 0..4096 {
        assert!(world.kernel.takes_input());
        world.key(b'x');
    }
    assert!(!world.kernel.takes_input());
    world
}

#[test]
fn while_somebody_reads_the_sender_waits_and_nothing_is_lost() {
    let mut world = full_console();
    let mut sent = 4096;
    let mut read = 0;
    for _ in 0..20 {
        // A second less a tick, then a read of one byte: the sender may send one.
        for _ in 0..99 {
            world.tick();
            assert!(!world.kernel.takes_input());
        }
        read += world.call(read_console(1)).unwrap()[0];
        world.key(b'x');
        sent += 1;
        assert!(!world.kernel.takes_input());
    }
    for _ in 0..16 {
        read += world.call(read_console(4096)).unwrap()[0];
    }
    assert_eq!(read, sent);
    assert_eq!(world.kernel.cpu.hardware.console_text(), "");
}

#[test]
fn what_nobody_reads_for_a_second_is_dropped_with_one_line_so_that_ctrl_c_gets_through() {
    let mut world = full_console();
    for _ in 0..100 {
        world.tick();
        assert!(!world.kernel.takes_input());
    }
    world.tick();
    for _ in 0..5000 {
        assert!(world.kernel.takes_input());
        world.key(b'y');
    }
    world.key(CTRL_C);
    let text = world.kernel.cpu.hardware.console_text().to_string();
    assert_eq!((text.matches('\x07').count(), text.trim().lines().count()), (1, 2), "{text:?}");
    world.begin(RECEIVE);
    assert_eq!(kind(&world, INIT), Some(Kind::Interrupt));
    for _ in 0..16 {
        assert_eq!(world.call(read_console(4096)).unwrap()[0], 256);
    }
    world.key(b'z');
    world.call(read_console(1)).unwrap();
    assert_eq!(world.read(DATA).unwrap() & 0xFF, u32::from(b'z'), "a read ends it");
}

#[test]
fn without_an_owner_the_sender_waits_for_ever() {
    let mut world = World::new();
    for _ in 0..4096 {
        world.key(b'x');
    }
    for _ in 0..500 {
        world.tick();
        assert!(!world.kernel.takes_input());
    }
}

#[test]
fn readers_are_served_in_turn() {
    let mut world = World::new();
    let child = world.running_child();
    world.allocate_in(child.into(), DATA);
    world.begin(read_console(1));
    world.begin_of(child, read_console(1));
    world.key(b'x');
    assert_eq!(world.current(), INIT);
    world.key(b'y');
    world.run(child);
    assert!(world.restarts(child));
}

/// Two children that wait for one byte each.
fn two_readers(world: &mut World) -> [ProcessId; 2] {
    [0, 1].map(|_| {
        world.run(INIT);
        let child = world.running_child();
        world.allocate_in(child.into(), DATA);
        world.begin_of(child, read_console(1));
        child
    })
}

/// Lets every process that wants the CPU have it until `id` has read one byte.
fn reads_a_byte(world: &mut World, id: ProcessId) -> bool {
    for _ in 0..5 {
        world.tick();
        if world.kernel.cpu.current().is_some() && world.current() == id {
            return world.call(read_console(1)).map(|words| words[0]) == Ok(1);
        }
    }
    false
}

#[test]
fn a_byte_goes_to_a_reader_that_is_not_stopped() {
    let mut world = World::new();
    let [first, second] = two_readers(&mut world);
    world.call_of(INIT, Syscall::ProcessStop { process: first.into() }).unwrap();
    world.key(b'x');
    assert!(reads_a_byte(&mut world, second));
    world.call_of(INIT, Syscall::ProcessStart { process: first.into() }).unwrap();
    world.run(first);
    assert!(world.restarts(first), "a reader that was stopped reads again");
    world.begin(read_console(1));
    assert_eq!(world.process(first).state, State::Reading);
}

#[test]
fn a_byte_whose_reader_was_woken_and_then_lost_to_a_stop_or_an_end_goes_to_the_next() {
    let stop = |process: ProcessId| Syscall::ProcessStop { process: process.into() };
    let destroy = |process: ProcessId| Syscall::Destroy { process: process.into(), subtree: false };
    for lose in [&stop as &dyn Fn(ProcessId) -> Syscall, &destroy] {
        let mut world = World::new();
        let [first, second] = two_readers(&mut world);
        world.run(INIT);
        world.key(b'x');
        assert_eq!(world.process(first).state, State::Ready);
        world.call_of(INIT, lose(first)).unwrap();
        assert!(reads_a_byte(&mut world, second));
    }
}

#[test]
fn a_byte_whose_woken_reader_has_no_buffer_any_more_goes_to_the_next() {
    let mut world = World::new();
    let [first, second] = two_readers(&mut world);
    world.run(INIT);
    world.call(Syscall::SetPager { process: first.into(), pager: Some(INIT) }).unwrap();
    let page = UserPage::known(DATA);
    let marks = abi::Permissions::empty();
    world.call(Syscall::PageUnmap { process: first.into(), page, marks }).unwrap();
    world.key(b'x');
    world.begin_of(first, read_console(1));
    assert!(matches!(world.process(first).state, State::Sending { .. }), "it waits for its pager");
    assert!(reads_a_byte(&mut world, second));
}

#[test]
fn ctrl_c_is_a_byte_while_the_console_has_no_owner() {
    let mut world = World::new();
    world.key(CTRL_C);
    assert_eq!(world.call(read_console(1)).unwrap()[0], 1);
    assert_eq!(world.read(DATA).unwrap() & 0xFF, 3);
}

#[test]
fn ctrl_c_is_a_message_to_the_owner_now_or_later() {
    for waits in [true, false] {
        let mut world = World::new();
        world.call(set_owner(Some(INIT))).unwrap();
        if waits {
            world.begin(RECEIVE);
            world.key(CTRL_C);
        } else {
            world.key(CTRL_C);
            world.begin(RECEIVE);
        }
        assert_eq!(world.current(), INIT);
        assert_eq!(kind(&world, INIT), Some(Kind::Interrupt));
        assert_eq!(world.answer(INIT).process, INIT.bits());
    }
}

#[test]
fn only_the_owner_gives_the_console_away() {
    let mut world = World::new();
    let (child, other) = (world.running_child(), world.running_child());
    world.call(set_owner(Some(child))).unwrap();
    assert_eq!(world.call(set_owner(Some(INIT))), Err(Error::NoSuchProcess));
    assert_eq!(world.call(set_owner(None)), Err(Error::NoSuchProcess));
    world.run(child);
    assert_eq!(
        world.call(set_owner(Some(other))),
        Err(Error::NoSuchProcess),
        "no child of its own"
    );
    world.call(set_owner(None)).unwrap();
    assert!(world.call_of(other, set_owner(Some(other))).is_ok());
}

#[test]
fn the_owner_that_ends_leaves_the_console_to_nobody() {
    let mut world = World::new();
    let child = world.running_child();
    world.call(set_owner(Some(child))).unwrap();
    world.begin_of(child, Syscall::Exit { status: 0 });
    world.begin_of(INIT, Syscall::Wait { child: Some(child) });
    world.run(INIT);
    let next = world.running_child();
    assert_eq!(next.index(), child.index(), "the same slot");
    world.begin_of(next, RECEIVE);
    world.key(CTRL_C);
    assert_eq!(world.current(), INIT, "the next process is not told");
    assert!(world.call(set_owner(Some(INIT))).is_ok());
}

#[test]
fn the_absent_buffer_of_a_read_is_asked_for_before_a_byte_is_lost() {
    let mut world = World::new();
    let child = world.running_child();
    world.call(Syscall::SetPager { process: child.into(), pager: Some(INIT) }).unwrap();
    world.key(b'x');
    world.begin_of(child, Syscall::ConsoleRead { address: PAGE, length: 1 });
    world.allocate_in(child.into(), PAGE);
    world.begin(RECEIVE);
    assert_eq!(kind(&world, INIT), Some(Kind::Fault));
    world
        .call(Syscall::FaultReply { process: child, reply: abi::call::FaultReply::Resume })
        .unwrap();
    world.run(child);
    assert_eq!(world.call(Syscall::ConsoleRead { address: PAGE, length: 1 }).unwrap()[0], 1);
    assert_eq!(world.read(PAGE).unwrap() & 0xFF, u32::from(b'x'));
}
