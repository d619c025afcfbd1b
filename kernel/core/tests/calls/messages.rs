//! Calls 60 to 64: messages.

use abi::call::{PageTransfer, RawCall};
use abi::driver::Line;
use abi::layout::USER_TOP;
use abi::message::{Kind, Message, Reason};
use abi::process::Target;
use abi::{Entry, Error, Permissions, ProcessId, Registers, Syscall, UserPage};
use kernel_core::state::process::State;

use crate::world::{PAGE, PAGE_2, READ, WRITE, World};

const ME: Target = Target::Caller;
const INIT: ProcessId = ProcessId::first(0);
const WORDS: [u32; 4] = [0xA, 0xB, 0xC, 0xD];

fn send(to: ProcessId) -> Syscall {
    Syscall::Send { to, words: WORDS, transfer: None }
}

fn call(to: ProcessId) -> Syscall {
    Syscall::Call { to, words: WORDS, transfer: None }
}

fn reply(to: ProcessId, transfer: Option<PageTransfer>) -> Syscall {
    Syscall::Reply { to, words: [1, 2, 3, 4], transfer }
}

fn receive(from: Option<ProcessId>) -> Syscall {
    Syscall::Receive { from, transfer: None }
}

fn sending(page: u32, permissions: Permissions) -> Option<PageTransfer> {
    Some(PageTransfer { page: UserPage::known(page), send: Some(permissions), accept: false })
}

fn accepting(page: u32) -> Option<PageTransfer> {
    Some(PageTransfer { page: UserPage::known(page), send: None, accept: true })
}

fn message(world: &World, id: ProcessId) -> Message {
    let answer = world.answer(id);
    Message::from_wire(answer.eax, answer.process, answer.words).unwrap()
}

fn from(sender: ProcessId, words: [u32; 4]) -> Message {
    Message { sender, kind: Kind::Message, words, page: None }
}

/// The first process and a running child, which comes to run when the first blocks.
fn pair() -> (World, ProcessId) {
    let mut world = World::new();
    let child = world.running_child();
    (world, child)
}

#[test]
fn a_message_reaches_whoever_waits_for_anyone() {
    let (mut world, child) = pair();
    world.begin(receive(None));
    assert!(world.call_of(child, send(INIT)).is_ok());
    assert_eq!(world.current(), child, "the sender goes on");
    assert_eq!(message(&world, INIT), from(child, WORDS));
}

#[test]
fn a_message_waits_until_it_is_received() {
    let (mut world, child) = pair();
    world.begin(send(child));
    world.begin_of(child, receive(None));
    assert_eq!(message(&world, child), from(INIT, WORDS));
    world.run(INIT);
    assert!(world.result(INIT).is_ok());
}

#[test]
fn a_message_reaches_whoever_waits_for_its_sender() {
    let (mut world, child) = pair();
    world.begin(receive(Some(child)));
    assert!(world.call_of(child, send(INIT)).is_ok());
    assert_eq!(message(&world, INIT), from(child, WORDS));
}

#[test]
fn a_call_reaches_whoever_waits_for_its_caller() {
    let (mut world, child) = pair();
    world.begin(receive(Some(child)));
    world.begin_of(child, call(INIT));
    assert_eq!(world.current(), INIT, "the receiver runs at once");
    assert_eq!(message(&world, INIT), from(child, WORDS));
}

#[test]
fn whoever_waits_for_one_process_hears_no_other() {
    let (mut world, first) = pair();
    let second = world.running_child();
    world.begin(receive(Some(second)));
    world.begin_of(first, send(INIT));
    assert!(matches!(world.process(first).state, State::Sending { .. }));
    world.begin_of(second, send(INIT));
    assert_eq!(message(&world, INIT), from(second, WORDS));
    world.run(INIT);
    world.begin(receive(Some(first)));
    assert_eq!(message(&world, INIT), from(first, WORDS));
}

#[test]
fn messages_are_received_in_the_order_in_which_they_were_sent() {
    let mut world = World::new();
    let children: Vec<ProcessId> = (0..4).map(|_| world.running_child()).collect();
    for child in &children {
        world.begin_of(*child, send(INIT));
    }
    world.run(INIT);
    for child in &children {
        world.begin(receive(None));
        assert_eq!(message(&world, INIT), from(*child, WORDS));
    }
}

#[test]
fn a_call_waits_for_its_reply_and_hands_the_cpu_over_and_back() {
    let (mut world, child) = pair();
    world.begin_of(child, receive(None));
    world.begin_of(INIT, call(child));
    assert_eq!(world.current(), child);
    world.begin(Syscall::ReplyAndReceive { to: INIT, words: [1, 2, 3, 4], transfer: None });
    assert_eq!(world.current(), INIT);
    assert_eq!(message(&world, INIT), from(child, [1, 2, 3, 4]));
    assert_eq!(world.process(child).state, State::Receiving);
}

#[test]
fn a_reply_goes_only_to_a_process_in_a_call_to_the_replier_and_once() {
    let (mut world, child) = pair();
    let other = world.running_child();
    world.begin(call(child));
    assert_eq!(world.call_of(child, reply(INIT, None)), Err(Error::NotWaiting), "not received yet");
    world.begin(receive(None));
    assert_eq!(world.call_of(other, reply(INIT, None)), Err(Error::NotWaiting), "not its call");
    assert!(world.call_of(child, reply(INIT, None)).is_ok());
    assert_eq!(world.call_of(child, reply(INIT, None)), Err(Error::NotWaiting), "answered already");
    assert_eq!(world.call_of(child, reply(ProcessId::first(77), None)), Err(Error::NotWaiting));
}

#[test]
fn reply_and_receive_receives_even_if_the_reader_of_the_reply_is_gone() {
    let (mut world, child) = pair();
    world.begin_of(child, send(INIT));
    world.run(INIT);
    world.begin(Syscall::ReplyAndReceive {
        to: ProcessId::first(77),
        words: WORDS,
        transfer: None,
    });
    assert_eq!(message(&world, INIT), from(child, WORDS));
}

#[test]
fn sending_to_nobody_and_receiving_from_nobody_is_no_such_process() {
    let mut world = World::new();
    let ghost = ProcessId::first(77);
    for syscall in [send(ghost), call(ghost), receive(Some(ghost))] {
        assert_eq!(world.call(syscall), Err(Error::NoSuchProcess));
    }
    for process in [0, 0x8000_0000] {
        let raw = RawCall { head: 60, process, ..RawCall::default() };
        assert_eq!(world.call_raw(raw), Err(Error::NoSuchProcess), "{process:#x}");
    }
}

#[test]
fn waiting_circles_of_every_length_are_refused() {
    for length in 1..5 {
        let mut world = World::new();
        let mut ring = vec![INIT];
        ring.extend((1..length).map(|_| world.running_child()));
        for index in 1..length {
            world.begin_of(ring[index], call(ring[(index + 1) % length]));
        }
        for last in
            [send(ring[1 % length]), call(ring[1 % length]), receive(Some(ring[1 % length]))]
        {
            // A message that is waiting can be received from a process that waits.
            if length == 2 && matches!(last, Syscall::Receive { .. }) {
                continue;
            }
            assert_eq!(world.call_of(INIT, last), Err(Error::Deadlock), "{length}: {last:?}");
        }
    }
}

#[test]
fn whoever_waits_for_a_process_that_ends_is_told() {
    let cases: [fn(ProcessId) -> Syscall; 3] = [send, call, |server| receive(Some(server))];
    for (syscall, received) in
        [(cases[0], false), (cases[1], false), (cases[1], true), (cases[2], false)]
    {
        let (mut world, server) = pair();
        let client = world.running_child();
        world.begin_of(client, syscall(server));
        if received {
            world.begin_of(server, receive(None));
        }
        world.begin_of(server, Syscall::Exit { status: 0 });
        world.run(client);
        assert_eq!(world.result(client), Err(Error::PeerEnded));
    }
}

#[test]
fn a_page_travels_with_the_permissions_that_were_sent() {
    for (permissions, bits) in [(WRITE, 0x007), (READ, 0x105), (Permissions::SHARED, 0x505)] {
        let (mut world, child) = pair();
        world.allocate(PAGE);
        world.write(PAGE, 7).unwrap();
        world.begin_of(child, Syscall::Receive { from: None, transfer: accepting(PAGE_2) });
        world.begin_of(
            INIT,
            Syscall::Send { to: child, words: WORDS, transfer: sending(PAGE, permissions) },
        );
        assert_eq!(message(&world, child).page, Some(permissions));
        assert_eq!(world.leaf(child, PAGE_2).bits() & 0xFFF, bits);
        world.run(child);
        assert_eq!(world.read(PAGE_2), Ok(7));
    }
}

#[test]
fn a_page_that_nobody_accepts_stays_where_it_is() {
    let (mut world, child) = pair();
    world.allocate(PAGE);
    world.begin_of(child, receive(None));
    world.begin_of(INIT, Syscall::Send { to: child, words: WORDS, transfer: sending(PAGE, WRITE) });
    assert_eq!(message(&world, child).page, None);
    assert_eq!(world.count(INIT, PAGE), 1);
}

#[test]
fn a_reply_brings_a_page_to_where_the_call_said() {
    let (mut world, child) = pair();
    let transfer = Some(PageTransfer { page: UserPage::known(PAGE), send: None, accept: true });
    world.begin_of(child, receive(None));
    world.begin_of(INIT, Syscall::Call { to: child, words: WORDS, transfer });
    world.allocate(PAGE_2);
    world.call(reply(INIT, sending(PAGE_2, WRITE))).unwrap();
    assert_eq!(world.leaf(INIT, PAGE).frame(), world.leaf(child, PAGE_2).frame());
}

#[test]
fn a_page_that_cannot_be_sent_is_refused_before_anyone_waits() {
    let (mut world, child) = pair();
    world
        .call(Syscall::PageAllocate { process: ME, page: UserPage::known(PAGE), permissions: READ })
        .unwrap();
    for (page, permissions, error) in
        [(PAGE_2, READ, Error::NotMapped), (PAGE, WRITE, Error::NotPermitted)]
    {
        let transfer = sending(page, permissions);
        assert_eq!(world.call(Syscall::Send { to: child, words: WORDS, transfer }), Err(error));
        assert_eq!(world.call(Syscall::Call { to: child, words: WORDS, transfer }), Err(error));
    }
}

#[test]
fn a_page_that_was_unmapped_while_its_message_waited_fails_the_sender_only() {
    let (mut world, child) = pair();
    world.allocate_in(child.into(), PAGE);
    world.begin_of(child, Syscall::Send { to: INIT, words: WORDS, transfer: sending(PAGE, READ) });
    let unmap =
        Syscall::PageUnmap { process: child.into(), page: UserPage::known(PAGE), marks: READ };
    world.call_of(INIT, unmap).unwrap();
    world.begin(Syscall::Receive { from: None, transfer: accepting(PAGE) });
    assert_eq!(world.process(INIT).state, State::Receiving);
    world.run(child);
    assert_eq!(world.result(child), Err(Error::NotMapped));
}

#[test]
fn a_receiver_that_cannot_take_the_page_goes_on_waiting() {
    let (mut world, child) = pair();
    world.allocate(PAGE);
    world.call(Syscall::SetQuota { process: child.into(), frames: 1, processes: 0 }).unwrap();
    world.begin_of(child, Syscall::Receive { from: None, transfer: accepting(PAGE) });
    let syscall = Syscall::Send { to: child, words: WORDS, transfer: sending(PAGE, READ) };
    assert_eq!(world.call_of(INIT, syscall), Err(Error::QuotaExceeded));
    assert_eq!(world.process(child).state, State::Receiving);
    assert!(world.call(send(child)).is_ok());
    assert_eq!(world.leaf(child, PAGE), Entry::ABSENT);
}

#[test]
fn a_reply_whose_page_cannot_be_sent_leaves_the_caller_waiting() {
    let (mut world, child) = pair();
    world.begin_of(child, receive(None));
    world.begin_of(INIT, Syscall::Call { to: child, words: WORDS, transfer: accepting(PAGE) });
    assert_eq!(world.call(reply(INIT, sending(PAGE_2, READ))), Err(Error::NotMapped));
    assert!(world.call(reply(INIT, None)).is_ok());
}

#[test]
fn message_calls_refuse_stray_bits_and_pages() {
    let (mut world, child) = pair();
    for number in 60..=64 {
        for bits in [2, 0x200, 0x102, 8, 0x800] {
            let raw = RawCall {
                head: number | bits << 8,
                process: child.bits(),
                page: PAGE,
                ..RawCall::default()
            };
            assert_eq!(world.call_raw(raw), Err(Error::InvalidArgument), "{number}: {bits:#x}");
        }
        for page in [1, USER_TOP, 0xFFFF_F000] {
            let raw = RawCall {
                head: number | 4 << 8,
                process: child.bits(),
                page,
                ..RawCall::default()
            };
            assert_eq!(world.call_raw(raw), Err(Error::InvalidArgument), "{number}: {page:#x}");
        }
    }
}

#[test]
fn the_end_of_a_child_is_a_message_to_whoever_receives_from_anyone_or_from_it() {
    for whom in [None, Some(())] {
        let (mut world, child) = pair();
        world.begin(receive(whom.map(|()| child)));
        world.begin_of(child, Syscall::Exit { status: 5 });
        world.run(INIT);
        let words = [5, Reason::Exited as u32, 0, 0];
        assert_eq!(
            message(&world, INIT),
            Message { sender: child, kind: Kind::Exit, words, page: None }
        );
        assert!(!world.exists(child), "receiving it waits for the child");
    }
}

#[test]
fn whoever_receives_the_end_of_a_child_is_not_told_of_another_child_that_ends_before() {
    let (mut world, other) = pair();
    let child = world.child();
    for process in [other, child] {
        world.allocate_in(process.into(), PAGE);
        world.call(Syscall::Destroy { process: process.into(), subtree: false }).unwrap();
    }
    world.begin(receive(Some(child)));
    assert_eq!((message(&world, INIT).kind, message(&world, INIT).sender), (Kind::Exit, child));
    world.begin(receive(None));
    assert_eq!((message(&world, INIT).kind, message(&world, INIT).sender), (Kind::Exit, other));
}

/// What is there at a time: an interrupt and the end of a child, or that and a sender.
#[test]
fn a_server_that_replies_does_not_wait_while_two_things_are_there_to_receive() {
    const LINE: u32 = 5;
    for interrupt in [false, true] {
        let (mut world, client) = pair();
        world.call(Syscall::InterruptAttach { line: Line::new(LINE).unwrap() }).unwrap();
        let ended = world.running_child();
        let sender = world.running_child();
        world.begin_of(INIT, receive(None));
        world.begin_of(client, call(INIT));
        world.begin_of(ended, Syscall::Exit { status: 5 });
        world.finish_teardowns();
        if interrupt {
            world.raise(LINE);
        } else {
            world.begin_of(sender, send(INIT));
        }
        let answer = Syscall::ReplyAndReceive { to: client, words: [0; 4], transfer: None };
        world.begin_of(INIT, answer);
        assert_ne!(world.process(INIT).state, State::Receiving, "interrupt: {interrupt}");
        assert_ne!(message(&world, INIT).kind, Kind::Message);
    }
}

#[test]
fn the_end_of_a_child_is_kept_until_it_is_received() {
    let (mut world, child) = pair();
    world.begin_of(child, Syscall::Exit { status: 5 });
    world.run(INIT);
    world.finish_teardowns();
    world.begin(receive(None));
    assert_eq!((message(&world, INIT).kind, message(&world, INIT).sender), (Kind::Exit, child));
    world.begin(receive(Some(child)));
    assert_eq!(world.result(INIT), Err(Error::NoSuchProcess));
}

/// By `sysenter` the process is in edi and there are three words.
fn sysenter(world: &mut World, registers: Registers) {
    *world.registers() = Registers { eip: 0x0080_0042, ..registers };
    world.trap(Registers::SYSENTER);
}

#[test]
fn three_words_travel_by_sysenter_and_no_fourth() {
    let (mut world, child) = pair();
    world.begin(receive(None));
    let start = Registers::start(0, 0);
    let registers = Registers {
        eax: 60,
        edi: INIT.bits(),
        ebx: 1,
        esi: 2,
        ebp: 3,
        edx: 0xED,
        ecx: 0xEC,
        ..start
    };
    sysenter(&mut world, registers);
    assert_eq!(message(&world, INIT), from(child, [1, 2, 3, 0]));
    assert_eq!(world.process(child).registers.eax, 0);
}

#[test]
fn a_message_received_by_sysenter_leaves_edx_and_ecx_alone() {
    let (mut world, child) = pair();
    let registers = Registers { eax: 61, edx: 0xED, ecx: 0xEC, ..Registers::start(0, 0) };
    sysenter(&mut world, registers);
    world.begin_of(child, send(INIT));
    let r = world.process(INIT).registers;
    assert_eq!([r.eax, r.edi, r.ebx, r.esi, r.ebp], [0, child.bits(), 0xA, 0xB, 0xC]);
    assert_eq!((r.edx, r.ecx), (0xED, 0xEC));
}

#[test]
fn calls_that_need_more_registers_than_sysenter_leaves_are_refused() {
    let (mut world, child) = pair();
    for head in [38, 83, 60 | 4 << 8, 62 | 1 << 8, 64 | 4 << 8] {
        // Found by the reference model: the last two are no process, and that came first.
        for process in [child.bits(), 0x8000_0000, u32::MAX] {
            let registers =
                Registers { eax: head, edi: process, ebp: PAGE, ..Registers::start(0, 0) };
            sysenter(&mut world, registers);
            assert_eq!(world.result(INIT), Err(Error::InvalidArgument), "{head:#x} {process:#x}");
        }
    }
    sysenter(&mut world, Registers { eax: 33 | 2 << 8, ebp: PAGE, ..Registers::start(0, 0) });
    assert_eq!(world.write(PAGE, 1), Ok(()), "one page fits");
}

#[test]
fn a_message_with_a_page_is_refused_by_sysenter_where_a_process_waits_for_it_as_well() {
    let (mut world, child) = pair();
    let try_both = |world: &mut World, number: u32, state| {
        for page in [1, 4] {
            let (eax, edi) = (number | page << 8, child.bits());
            world.run(INIT);
            sysenter(world, Registers { eax, edi, ..Registers::start(0, 0) });
            assert_eq!(world.result(INIT), Err(Error::InvalidArgument), "{eax:#x}");
            assert_eq!(world.process(child).state, state);
        }
    };
    world.begin_of(child, receive(None));
    try_both(&mut world, 62, State::Receiving);
    world.begin_of(INIT, send(child));
    world.begin_of(child, call(INIT));
    world.begin_of(INIT, receive(None));
    let waits = world.process(child).state;
    try_both(&mut world, 64, waits);
}

#[test]
fn jos_calls_do_not_come_by_sysenter() {
    let (mut world, _) = pair();
    for number in [2, 3, 31] {
        sysenter(&mut world, Registers { eax: number, ..Registers::start(0, 0) });
        assert_eq!(world.result(INIT), Err(Error::InvalidArgument), "{number}");
    }
}

#[test]
fn a_reply_whose_page_cannot_be_sent_fails_before_anything_is_received() {
    let (mut world, child) = pair();
    let other = world.running_child();
    world.begin(call(child));
    world.begin_of(child, receive(None));
    world.begin_of(other, send(child));
    let reply_and_receive =
        Syscall::ReplyAndReceive { to: INIT, words: WORDS, transfer: sending(PAGE, READ) };
    assert_eq!(world.call_of(child, reply_and_receive), Err(Error::NotMapped));
    assert!(matches!(world.process(INIT).state, State::Answer { .. }), "the caller still waits");
    assert!(matches!(world.process(other).state, State::Sending { .. }), "nothing was received");
}

fn answer_and_wait(to: ProcessId) -> Syscall {
    Syscall::ReplyAndReceive { to, words: [1, 2, 3, 4], transfer: None }
}

/// The first process serves, and its child has called it.
fn served() -> (World, ProcessId) {
    let (mut world, client) = pair();
    world.begin(receive(None));
    world.begin_of(client, call(INIT));
    assert_eq!(world.current(), INIT, "the call hands the CPU over");
    (world, client)
}

#[test]
fn a_server_with_nothing_to_do_hands_the_cpu_back() {
    let (mut world, client) = served();
    world.begin(answer_and_wait(client));
    assert_eq!(world.current(), client);
    assert_eq!(world.result(client), Ok([1, 2, 3, 4]));
    assert_eq!(world.process(INIT).state, State::Receiving);
}

#[test]
fn a_server_that_replies_receives_what_has_waited_for_it() {
    let (mut world, client) = served();
    let other = world.running_child();
    world.begin_of(other, call(INIT));
    world.run(INIT);
    world.begin(answer_and_wait(client));
    assert_eq!(world.current(), INIT, "there is more to do");
    assert_eq!(message(&world, INIT), from(other, WORDS));
    world.run(client);
    assert_eq!(world.result(client), Ok([1, 2, 3, 4]));
}

#[test]
fn a_server_that_replies_hears_of_a_child_that_has_ended() {
    let (mut world, client) = served();
    let child = world.running_child();
    world.begin_of(child, Syscall::Exit { status: 7 });
    world.finish_teardowns();
    world.run(INIT);
    world.begin(answer_and_wait(client));
    assert_eq!(world.current(), INIT);
    assert_eq!(message(&world, INIT).kind, Kind::Exit);
}

#[test]
fn a_server_that_replies_hears_of_ctrl_c() {
    let (mut world, client) = served();
    world.call(Syscall::SetConsoleOwner { owner: Some(INIT.into()) }).unwrap();
    world.key(3);
    world.begin(answer_and_wait(client));
    assert_eq!(world.current(), INIT);
    assert_eq!(message(&world, INIT).kind, Kind::Interrupt);
}

#[test]
fn a_reply_to_a_stopped_caller_waits_until_it_is_started() {
    let (mut world, client) = served();
    world.call(Syscall::ProcessStop { process: client.into() }).unwrap();
    let other = world.running_child();
    world.begin(answer_and_wait(client));
    assert_eq!(world.current(), other, "the client does not run");
    assert_eq!(world.result(client), Ok([1, 2, 3, 4]));
    assert!(world.process(client).stopped);
}

#[test]
fn a_call_to_a_stopped_server_gives_it_no_cpu() {
    let (mut world, server) = pair();
    world.begin_of(server, receive(None));
    world.run(INIT);
    world.call(Syscall::ProcessStop { process: server.into() }).unwrap();
    let other = world.running_child();
    world.begin(call(server));
    assert_eq!(world.current(), other);
    assert_eq!(message(&world, server), from(INIT, WORDS));
}

#[test]
fn a_reply_by_somebody_else_reaches_nobody() {
    let (mut world, client) = served();
    let other = world.running_child();
    world.begin_of(other, answer_and_wait(client));
    assert!(matches!(world.process(client).state, State::Answer { .. }), "it waits on");
    assert_eq!(world.process(other).state, State::Receiving);
}

#[test]
fn a_reply_to_a_former_life_of_a_slot_reaches_nobody() {
    let (mut world, client) = served();
    let stale = ProcessId::new(client.bits() + 0x1000).unwrap();
    world.begin(answer_and_wait(stale));
    assert!(matches!(world.process(client).state, State::Answer { .. }), "it waits on");
    assert_eq!(world.process(INIT).state, State::Receiving);
}

#[test]
fn a_call_to_a_former_life_of_a_slot_reaches_nobody() {
    let (mut world, server) = pair();
    world.begin_of(server, receive(None));
    world.run(INIT);
    let stale = ProcessId::new(server.bits() + 0x1000).unwrap();
    assert_eq!(world.call(call(stale)), Err(Error::NoSuchProcess));
}

fn call_with(to: ProcessId, transfer: Option<PageTransfer>) -> Syscall {
    Syscall::Call { to, words: WORDS, transfer }
}

#[test]
fn a_page_that_its_caller_does_not_have_reaches_no_waiting_server() {
    for accepted in [accepting(PAGE), None] {
        let (mut world, client) = pair();
        world.allocate_in(client.into(), PAGE);
        world.map(client.into(), PAGE, client.into(), PAGE_2, READ).unwrap();
        world.begin(Syscall::Receive { from: None, transfer: accepted });
        let table = [
            (sending(0x3000_0000, READ), Error::NotMapped),
            (sending(PAGE_2 + 0x1000, READ), Error::NotMapped),
            (sending(PAGE_2, WRITE), Error::NotPermitted),
        ];
        for (transfer, error) in table {
            assert_eq!(world.call_of(client, call_with(INIT, transfer)), Err(error));
            assert_eq!(world.process(INIT).state, State::Receiving, "it waits on");
        }
    }
}

#[test]
fn a_server_gets_the_page_of_each_call_where_it_last_said() {
    let (mut world, client) = pair();
    world.allocate_in(client.into(), PAGE);
    world.begin(Syscall::Receive { from: None, transfer: accepting(PAGE) });
    world.begin_of(client, call_with(INIT, sending(PAGE, READ)));
    assert_eq!(message(&world, INIT).page, Some(READ));
    let again = Syscall::ReplyAndReceive { to: client, words: WORDS, transfer: accepting(PAGE_2) };
    world.begin_of(INIT, again);
    world.begin_of(client, call_with(INIT, sending(PAGE, WRITE)));
    assert_eq!(message(&world, INIT).page, Some(WRITE));
    let frame = world.leaf(client, PAGE).frame();
    assert_eq!(world.leaf(INIT, PAGE).bits() & 0xFFF, 0x105, "sealed");
    assert_eq!(world.leaf(INIT, PAGE_2).bits() & 0xFFF, 0x007);
    assert_eq!(world.leaf(INIT, PAGE_2).frame(), frame);
    assert_eq!(world.count(INIT, PAGE), 3);
}

#[test]
fn a_page_offer_that_sends_nothing_takes_no_permission_bits() {
    const SEND: u32 = 1;
    const ACCEPT: u32 = 4;
    let mut world = World::new();
    for number in [60, 61, 62, 63, 64] {
        for permissions in [0x002, 0x200, 0x400, 0x800, 0xE02] {
            for transfer in [0, ACCEPT] {
                let head = number | (transfer | permissions) << 8;
                let raw = RawCall { head, process: 0x1000, page: PAGE, words: [0; 4] };
                assert_eq!(world.call_raw(raw), Err(Error::InvalidArgument), "{head:#x}");
            }
            for transfer in [SEND, SEND | ACCEPT] {
                let head = number | (transfer | permissions) << 8;
                let raw = RawCall { head, process: 0x1000, page: PAGE, words: [0; 4] };
                assert!(Syscall::decode(&raw).is_ok(), "{head:#x}");
            }
        }
    }
}

#[test]
fn a_wait_for_any_child_and_its_only_childs_message_are_a_circle_from_either_side() {
    let wait = Syscall::Wait { child: None };
    for call in [send(INIT), call(INIT), receive(Some(INIT))] {
        let (mut world, child) = pair();
        world.begin(wait);
        assert_eq!(world.call_of(child, call), Err(Error::Deadlock), "{call:?}");
        let (mut world, child) = pair();
        world.begin_of(child, call);
        assert_eq!(world.call_of(INIT, wait), Err(Error::Deadlock), "{call:?}");
    }
}

#[test]
fn a_wait_for_any_of_two_children_is_no_circle() {
    let (mut world, first) = pair();
    let second = world.running_child();
    world.begin_of(first, send(INIT));
    world.run(INIT);
    world.begin(Syscall::Wait { child: None });
    world.begin_of(second, send(INIT));
    assert!(matches!(world.process(second).state, State::Sending { .. }), "nobody looks so far");
    for sender in 0..2 {
        let (mut world, first) = pair();
        let children = [first, world.running_child()];
        world.begin_of(children[sender], send(INIT));
        world.run(INIT);
        world.begin(Syscall::Wait { child: None });
        assert!(matches!(world.process(INIT).state, State::Waiting { .. }), "{sender}");
    }
    let (mut world, first) = pair();
    let second = world.running_child();
    world.begin_of(first, send(INIT));
    world.run(INIT);
    world.begin(Syscall::Wait { child: None });
    world.begin_of(second, Syscall::Exit { status: 7 });
    world.run(INIT);
    assert_eq!(world.result(INIT).unwrap()[..2], [second.bits(), 7]);
}

#[test]
fn calls_with_a_fourth_result_are_refused_by_sysenter() {
    let (mut world, _) = pair();
    world.allocate(PAGE);
    for (number, ebx, ebp) in [(39, 1, PAGE), (51, 0, 0), (52, 0, 0)] {
        let registers = Registers { eax: number, ebx, ebp, ..Registers::start(0, 0) };
        sysenter(&mut world, registers);
        assert_eq!(world.result(INIT), Err(Error::InvalidArgument), "{number}");
        world.run(INIT);
    }
    assert_eq!(world.leaf(INIT, PAGE).bits() & 0x60, 0, "never touched");
    world.write(PAGE, 1).unwrap();
    let registers = Registers { eax: 39, ebx: 1, ebp: PAGE, ..Registers::start(0, 0) };
    sysenter(&mut world, registers);
    assert_eq!(world.leaf(INIT, PAGE).bits() & 0x60, 0x60, "A and D stay");
}
