//! What the ring of events holds after calls, faults and switches, and what a parent may read of
//! it.

use abi::debug::State;
use abi::jos::VECTOR;
use abi::layout::USER_TOP;
use abi::trace::{BY_SYSENTER, ELSEWHERE, EVENTS, Event, Kind, OPEN};
use abi::{Error, ProcessId, Registers, Syscall};

use crate::world::{DATA, PAGE, World};

fn traced() -> World {
    let mut world = World::new();
    world.kernel.trace.on = true;
    world
}

fn events(world: &World) -> Vec<Event> {
    world.kernel.trace.events().collect()
}

/// The events of one process, read by its parent, which is on the CPU.
fn read(world: &mut World, child: ProcessId, count: u32) -> Result<Vec<Event>, Error> {
    let process = child.into();
    let [found, ..] = world.call(Syscall::EventsRead { process, address: DATA, count })?;
    let mut word = |at: u32| world.read(DATA + at).unwrap();
    Ok((0..found).map(|n| Event::from_words([0, 4, 8, 12].map(|at| word(16 * n + at)))).collect())
}

#[test]
fn nothing_is_recorded_before_the_trace_is_turned_on() {
    let mut world = World::new();
    world.call(Syscall::Clock).unwrap();
    assert_eq!((events(&world).len(), world.kernel.trace.recorded), (0, 0));
}

#[test]
fn a_call_is_recorded_with_its_argument_and_its_result() {
    let mut world = traced();
    let process = world.current().bits();
    world.allocate(PAGE);
    let child = ProcessId::first(1023);
    assert!(world.call(Syscall::ProcessStart { process: child.into() }).is_err());
    let kind = Kind::Call as u8;
    let call = Event { process, kind, state: State::Ready as u8, ..Event::NONE };
    let (of_page, of_process) = (
        Event { number: 33, argument: PAGE, ..call },
        Event {
            number: 43,
            argument: child.bits(),
            result: Error::NoSuchProcess.to_wire(),
            ..call
        },
    );
    let calls: Vec<_> = events(&world).into_iter().filter(|event| event.kind == kind).collect();
    assert_eq!(calls, [of_page, of_process]);
}

#[test]
fn a_recorded_call_has_the_outcome_of_one_that_is_not() {
    for trap in [VECTOR, Registers::SYSENTER] {
        for number in 0..=u32::from(u8::MAX) {
            // No process has this id, and no user page this address: calls that take one refuse.
            let edi = u32::MAX;
            let start = Registers { eip: 0x0080_0042, ..Registers::start(0, 0) };
            let registers = Registers { eax: number, edx: edi, ebx: edi, ebp: edi, edi, ..start };
            let outcome = |mut world: World| {
                let index = world.kernel.cpu.current().unwrap();
                *world.registers() = registers;
                world.trap(trap);
                let process = &world.kernel.processes()[index];
                (format!("{:?}", process.state), process.registers)
            };
            assert_eq!(outcome(traced()), outcome(World::new()), "{number} by {trap:#x}");
        }
    }
}

#[test]
fn a_call_by_sysenter_has_its_arguments_in_other_registers() {
    let mut world = traced();
    let registers = world.registers();
    (registers.eax, registers.edi, registers.edx, registers.ebp) = (33, 0, 0x80_0000, PAGE);
    world.trap(Registers::SYSENTER);
    let event = events(&world)[0];
    assert_eq!((event.number, event.flags, event.argument), (33, BY_SYSENTER, PAGE));
}

#[test]
fn a_fault_that_nobody_mends_ends_its_process_in_the_ring_too() {
    let mut world = traced();
    let child = world.running_child();
    world.run(child);
    assert!(world.read(0x1234_5678).is_err());
    let event = events(&world).into_iter().find(|event| event.kind == Kind::Fault as u8).unwrap();
    assert_eq!((event.process, event.argument), (child.bits(), 0x1234_5678));
    assert_eq!((event.number, event.state), (4, State::Ended as u8), "its tables are few");
}

#[test]
fn a_message_is_recorded_with_its_peer_and_the_switch_with_its_answer() {
    let mut world = traced();
    let parent = world.current();
    let child = world.running_child();
    world.begin_of(child, Syscall::Receive { from: None, transfer: None });
    world.run(parent);
    world.begin(Syscall::Call { to: child, words: [7; 4], transfer: None });
    let recorded = events(&world);
    let [call, switch] = recorded.last_chunk().unwrap();
    assert_eq!((call.kind, call.number, call.argument), (Kind::Message as u8, 62, child.bits()));
    assert_eq!((call.process, call.state), (parent.bits(), State::Answer as u8));
    assert_eq!((switch.kind, switch.process), (Kind::Switch as u8, child.bits()));
    assert_eq!(switch.argument, parent.bits());
    assert_eq!(switch.result, world.registers().eax, "what the receiver was told");
}

#[test]
fn a_call_that_is_made_again_has_no_result_yet() {
    let mut world = traced();
    let handler = 0x80_0080;
    world.allocate(abi::layout::EXCEPTION_STACK);
    world
        .call(Syscall::SetHandler { process: abi::process::Target::Caller, address: handler })
        .unwrap();
    let child = world.child();
    world.begin(Syscall::RegistersRead { process: child.into(), address: 0x3000_0000 });
    let event = events(&world).pop().unwrap();
    assert_eq!((event.number, event.state, event.result), (45, ELSEWHERE, 0));
}

/// A world with a trace and a handler, whose address is returned.
fn traced_with_handler() -> (World, u32) {
    let mut world = traced();
    let address = 0x80_0080;
    world.allocate(abi::layout::EXCEPTION_STACK);
    let process = abi::process::Target::Caller;
    world.call(Syscall::SetHandler { process, address }).unwrap();
    (world, address)
}

#[test]
fn a_fault_has_the_address_of_its_handler_as_result_and_an_exception_its_error_code() {
    let (mut world, handler) = traced_with_handler();
    assert!(world.read(0x1234_5678).is_err());
    let event = events(&world).pop().unwrap();
    assert_eq!((event.kind, event.state), (Kind::Fault as u8, State::Ready as u8));
    assert_eq!((event.argument, event.result), (0x1234_5678, handler));
    let child = world.running_child();
    world.run(child);
    world.registers().error = 0x1238;
    world.trap(13);
    let kind = Kind::Exception as u8;
    let event = events(&world).into_iter().rfind(|event| event.kind == kind).unwrap();
    assert_eq!((event.number, event.result), (13, 0x1238));
}

#[test]
fn events_are_read_into_a_buffer_that_is_there_to_its_last_byte() {
    let (mut world, handler) = traced_with_handler();
    let child = world.running_child();
    let address = DATA + 0x1000 - 20;
    world.begin(Syscall::EventsRead { process: child.into(), address, count: 2 });
    assert_eq!(world.registers().eip, handler, "the page behind is absent");
}

#[test]
fn an_interrupt_names_its_line_and_whom_it_has_interrupted() {
    let mut world = traced();
    let process = world.current().bits();
    (world.registers().eip, world.registers().eax) = (0x80_1234, 7);
    world.kernel.trace_trap(Some(4));
    world.kernel.trace_result();
    world.kernel.trace_idle_interrupt(5);
    let interrupt = Event { kind: Kind::Interrupt as u8, ..Event::NONE };
    let of_process =
        Event { process, number: 4, state: State::Ready as u8, argument: 0x80_1234, ..interrupt };
    assert_eq!(events(&world), [of_process, Event { number: 5, ..interrupt }]);
}

#[test]
fn a_trap_from_virtual_8086_mode_says_nothing_that_the_registers_say() {
    let mut world = traced();
    let child = world.running_child();
    world.run(child);
    let registers = world.registers();
    (registers.trap, registers.eip) = (abi::jos::VECTOR, 0xDEAD_BEEF);
    world.kernel.trace_virtual_8086(13);
    world.virtual_8086();
    world.kernel.trace_result();
    let event = events(&world).pop().unwrap();
    assert_eq!((event.process, event.kind), (child.bits(), Kind::Exception as u8));
    assert_eq!((event.number, event.argument), (13, 0));
    assert!(event.state >= State::Dying as u8);
}

#[test]
fn an_event_is_open_until_the_kernel_has_done_what_was_asked() {
    let mut world = traced();
    world.registers().trap = abi::jos::VECTOR;
    world.kernel.trace_trap(None);
    assert_eq!(events(&world).pop().unwrap().state, OPEN);
    world.kernel.trace_result();
    assert_eq!(events(&world).pop().unwrap().state, State::Ready as u8);
}

#[test]
fn the_ring_keeps_the_last_256_events() {
    let mut world = traced();
    for calls in [EVENTS - 1, EVENTS, EVENTS + 1] {
        while world.kernel.trace.recorded < calls {
            world.call(Syscall::Clock).unwrap();
        }
        assert_eq!(events(&world).len(), calls.min(EVENTS) as usize);
    }
    world.call(Syscall::Machine).unwrap();
    assert_eq!(events(&world).pop().unwrap().number, 52);
}

#[test]
fn a_parent_reads_the_events_of_that_child_and_of_no_other() {
    let mut world = traced();
    let parent = world.current();
    world.allocate(DATA);
    let (child, other) = (world.running_child(), world.running_child());
    for id in [child, other, child] {
        world.call_of(id, Syscall::Clock).unwrap();
    }
    world.run(parent);
    let own: Vec<_> =
        events(&world).into_iter().filter(|event| event.process == child.bits()).collect();
    assert!(own.iter().filter(|event| event.number == 65).count() == 2);
    assert_eq!(read(&mut world, child, EVENTS), Ok(own.clone()));
    assert_eq!(read(&mut world, child, 1).unwrap(), own[own.len() - 1..]);
    assert_eq!(read(&mut world, child, 0), Ok(vec![]));
}

#[test]
fn a_buffer_of_events_is_checked_before_anything_is_written() {
    let mut world = traced();
    let child = world.child();
    for (address, count, error) in [
        (DATA + 2, 1, Error::InvalidArgument),
        (DATA, EVENTS + 1, Error::InvalidArgument),
        (USER_TOP, 1, Error::Fault),
        (USER_TOP - 12, 1, Error::Fault),
        (0xFFFF_FFF0, EVENTS, Error::Fault),
    ] {
        let call = Syscall::EventsRead { process: child.into(), address, count };
        assert_eq!(world.call(call), Err(error), "{address:#x} {count}");
    }
}

#[test]
fn without_a_trace_there_are_no_events_to_read() {
    let mut world = World::new();
    let child = world.child();
    assert_eq!(read(&mut world, child, 1), Err(Error::NotPermitted));
}
