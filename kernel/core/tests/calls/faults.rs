//! Page faults and calls 53 to 59: handlers, pagers, and what happens without either.

use abi::call::{FaultReply, PageTransfer};
use abi::fault::{Access, FaultRecord};
use abi::layout::{
    EXCEPTION_STACK, EXCEPTION_STACK_TOP, KERNEL_BASE, SELF_MAP, UENVS, USER_STACK_TOP, UVPD, UVPT,
};
use abi::message::{Kind, Message, Reason};
use abi::process::Target;
use abi::{Error, ProcessId, Syscall, UserPage};
use kernel_core::state::process::State;

use crate::world::{CALL_SITE, DATA, PAGE, PAGE_2, PAGE_3, READ, WRITE, World};

const ME: Target = Target::Caller;
/// The first process.
const INIT: ProcessId = ProcessId::first(0);
const HANDLER: u32 = 0x0080_0080;
const RECEIVE: Syscall = Syscall::Receive { from: None, transfer: None };
const USER_WRITE: u32 = Access::USER.union(Access::WRITE).bits();

/// A world whose first process handles its own faults.
fn with_handler() -> World {
    let mut world = World::new();
    world.allocate(EXCEPTION_STACK);
    world.call(Syscall::SetHandler { process: ME, address: HANDLER }).unwrap();
    world
}

/// A running child whose pager is the first process.
fn with_client() -> (World, ProcessId) {
    let mut world = World::new();
    let child = world.running_child();
    set_pager(&mut world, child, Some(INIT)).unwrap();
    (world, child)
}

/// The same, with the child's write to [`PAGE`] received as a fault message.
fn with_fault() -> (World, ProcessId) {
    let (mut world, child) = with_client();
    world.run(child);
    assert!(world.write(PAGE, 1).is_err());
    world.begin_of(world.init(), RECEIVE);
    (world, child)
}

fn set_pager(
    world: &mut World,
    child: ProcessId,
    pager: Option<ProcessId>,
) -> Result<[u32; 4], Error> {
    world.call(Syscall::SetPager { process: child.into(), pager })
}

fn reply(world: &mut World, process: ProcessId, reply: FaultReply) -> Result<[u32; 4], Error> {
    world.call(Syscall::FaultReply { process, reply })
}

fn map(source: u32, destination: u32) -> FaultReply {
    let (source, destination) = (UserPage::known(source), UserPage::known(destination));
    FaultReply::Map { source, destination, permissions: WRITE }
}

/// The message that a process's last receive brought.
fn message(world: &World, id: ProcessId) -> Message {
    let answer = world.answer(id);
    Message::from_wire(answer.eax, answer.process, answer.words).unwrap()
}

/// How a child ended, as its parent, the first process, is told.
fn end_of(world: &mut World, child: ProcessId) -> (u32, u32) {
    world.begin_of(world.init(), Syscall::Wait { child: Some(child) });
    world.run(world.init());
    let [id, status, reason, _] = world.result(world.init()).unwrap();
    assert_eq!(id, child.bits());
    (status, reason)
}

const KILLED_BY_FAULT: (u32, u32) = (128 + 14, Reason::Killed as u32);

#[test]
fn a_fault_runs_the_handler_on_the_exception_stack() {
    let mut world = with_handler();
    *world.registers() =
        abi::Registers { eax: 0xEA, ebx: 0xEB, esp: 0x1234, eflags: 0x246, ..*world.registers() };
    assert!(world.write(PAGE, 1).is_err());
    let registers = world.process(world.init()).registers;
    let record = EXCEPTION_STACK_TOP - size_of::<FaultRecord>() as u32;
    assert_eq!((registers.eip, registers.esp), (HANDLER, record));
    assert_eq!((registers.eax, registers.ebx), (0xEA, 0xEB), "all other registers are unchanged");
    let words: Vec<u32> = (0..13).map(|index| world.read(record + 4 * index).unwrap()).collect();
    assert_eq!(words[..2], [PAGE, USER_WRITE]);
    assert_eq!((words[6], words[9]), (0xEB, 0xEA));
    assert_eq!(words[10..], [CALL_SITE, 0x246, 0x1234]);
}

#[test]
fn a_nested_fault_leaves_one_word_for_the_return_address() {
    let mut world = with_handler();
    assert!(world.write(PAGE, 1).is_err());
    let outer = world.registers().esp;
    assert!(world.read(PAGE_2).is_err());
    let inner = world.registers().esp;
    assert_eq!(outer - inner, 52 + 4);
    assert_eq!(world.read(inner + 48), Ok(outer));
}

#[test]
fn a_record_may_begin_at_the_first_byte_of_the_exception_stack() {
    let mut world = with_handler();
    world.registers().esp = EXCEPTION_STACK + 52 + 4;
    assert!(world.read(PAGE_2).is_err());
    assert_eq!((world.registers().eip, world.registers().esp), (HANDLER, EXCEPTION_STACK));
}

#[test]
fn faults_nest_until_the_exception_stack_is_full_and_then_end_the_process() {
    let mut world = World::new();
    let child = world.running_child();
    world.allocate_in(child.into(), EXCEPTION_STACK);
    world.call(Syscall::SetHandler { process: child.into(), address: HANDLER }).unwrap();
    world.run(child);
    let mut nested = 0;
    while world.living().contains(&child) {
        assert!(world.read(PAGE).is_err());
        nested += 1;
    }
    assert_eq!(nested, 1 + (4096 - 52) / 56 + 1, "every record that fits, and one more");
    assert_eq!(end_of(&mut world, child), KILLED_BY_FAULT);
    assert!(world.kernel.cpu.hardware.console_text().contains("exception stack"));
}

#[test]
fn a_stack_in_the_gap_below_the_exception_stack_has_run_over_unless_the_gap_is_mapped() {
    for mapped in [false, true] {
        let mut world = with_handler();
        if mapped {
            world.allocate(USER_STACK_TOP);
        }
        world.registers().esp = EXCEPTION_STACK - 8;
        world.read(PAGE).unwrap_err();
        assert_eq!(world.living().contains(&INIT), mapped);
        if mapped {
            assert_eq!(world.registers().esp, EXCEPTION_STACK_TOP - 52);
        }
    }
}

#[test]
fn a_handler_without_a_writable_exception_stack_ends_the_process() {
    for stack in [None, Some(READ)] {
        let mut world = World::new();
        let child = world.running_child();
        if let Some(permissions) = stack {
            let page = UserPage::known(EXCEPTION_STACK);
            world.call(Syscall::PageAllocate { process: child.into(), page, permissions }).unwrap();
        }
        world.call(Syscall::SetHandler { process: child.into(), address: HANDLER }).unwrap();
        world.run(child);
        assert!(world.read(PAGE).is_err());
        assert_eq!(end_of(&mut world, child), KILLED_BY_FAULT);
    }
}

#[test]
fn without_handler_and_pager_a_fault_ends_the_process_with_one_line() {
    let mut world = World::new();
    let child = world.running_child();
    world.run(child);
    assert!(world.write(PAGE, 1).is_err());
    assert_eq!(end_of(&mut world, child), KILLED_BY_FAULT);
    let text = world.kernel.cpu.hardware.console_text();
    assert!(text.starts_with("[00001001] user fault va 10000000 ip 00800040"), "{text}");
    assert_eq!(text.lines().count(), 1);
}

#[test]
fn kernel_memory_and_the_window_are_like_any_page_that_is_not_there() {
    for address in [UVPT, UVPD, UENVS, SELF_MAP, KERNEL_BASE, 0xFFFF_FFFC, 0xFF80_0000, 0xFF40_0000]
    {
        let mut world = with_handler();
        assert!(world.write(address, 1).is_err(), "{address:#x}");
        let record = world.registers().esp;
        assert_eq!(world.read(record), Ok(address));
        assert_eq!(world.registers().eip, HANDLER);
    }
}

#[test]
fn a_fault_that_is_over_by_the_time_it_is_looked_at_just_resumes() {
    let mut world = with_handler();
    world
        .call(Syscall::PageAllocate { process: ME, page: UserPage::known(PAGE), permissions: READ })
        .unwrap();
    world.read(PAGE).unwrap();
    let model = &mut world.kernel.cpu.hardware;
    let stale = model.user_write(PAGE, 1).unwrap_err();
    let range = abi::PageRange::new(UserPage::known(PAGE), 1).unwrap();
    world.call(Syscall::RangeProtect { process: ME, range, drop: READ, add: WRITE }).unwrap();
    world.registers().eip = CALL_SITE;
    world.registers().error = stale.access.bits();
    world.kernel.cpu.hardware.fault_address = stale.address;
    world.trap(14);
    assert_eq!(world.registers().eip, CALL_SITE, "no handler was entered");
}

#[test]
fn a_read_fault_of_a_page_that_may_be_read_by_now_just_resumes() {
    let mut world = with_handler();
    let (process, page) = (ME, UserPage::known(PAGE));
    world.call(Syscall::PageAllocate { process, page, permissions: READ }).unwrap();
    (world.registers().eip, world.registers().error) = (CALL_SITE, Access::USER.bits());
    world.kernel.cpu.hardware.fault_address = PAGE;
    world.trap(14);
    assert_eq!(world.registers().eip, CALL_SITE, "no handler was entered");
}

#[test]
fn a_pager_learns_who_faulted_where_and_how() {
    let (world, child) = with_fault();
    let told = message(&world, world.init());
    let words = [PAGE, USER_WRITE, CALL_SITE, 0];
    assert_eq!(told, Message { sender: child, kind: Kind::Fault, words, page: None });
}

#[test]
fn a_pager_maps_its_own_page_and_the_client_goes_on() {
    let (mut world, child) = with_fault();
    assert!(reply(&mut world, child, map(DATA, PAGE)).is_ok());
    world.run(child);
    assert_eq!(world.process(child).registers.eip, CALL_SITE, "the instruction runs again");
    assert_eq!(world.read(PAGE), Ok(0xDA7A_DA7A));
}

#[test]
fn a_pager_maps_by_calls_and_resumes() {
    let (mut world, child) = with_fault();
    world.allocate_in(child.into(), PAGE);
    assert!(reply(&mut world, child, FaultReply::Resume).is_ok());
    world.run(child);
    assert_eq!(world.write(PAGE, 1), Ok(()));
}

#[test]
fn a_client_whose_pager_refuses_ends() {
    let (mut world, child) = with_fault();
    assert!(reply(&mut world, child, FaultReply::Refuse).is_ok());
    assert_eq!(end_of(&mut world, child), KILLED_BY_FAULT);
    assert!(world.kernel.cpu.hardware.console_text().contains("refused"));
}

#[test]
fn a_reply_whose_page_cannot_be_mapped_leaves_the_client_waiting() {
    let (mut world, child) = with_fault();
    assert_eq!(reply(&mut world, child, map(PAGE_2, PAGE)), Err(Error::NotMapped));
    let text = abi::layout::PROGRAM_TEXT;
    assert_eq!(reply(&mut world, child, map(text, PAGE)), Err(Error::NotPermitted));
    world.leave_free(0);
    assert_eq!(reply(&mut world, child, map(DATA, PAGE)), Err(Error::OutOfFrames));
    assert!(matches!(world.process(child).state, State::Answer { .. }));
    assert!(reply(&mut world, child, FaultReply::Refuse).is_ok());
}

#[test]
fn only_the_pager_of_a_waiting_client_can_reply_and_only_once() {
    let (mut world, child) = with_fault();
    let stranger = world.running_child();
    let call = Syscall::FaultReply { process: child, reply: FaultReply::Resume };
    assert_eq!(world.call_of(stranger, call), Err(Error::NotWaiting));
    world.run(world.init());
    world.allocate_in(child.into(), PAGE);
    assert!(world.call(call).is_ok());
    assert_eq!(world.call(call), Err(Error::NotWaiting));
    assert_eq!(
        reply(&mut world, ProcessId::first(999), FaultReply::Resume),
        Err(Error::NotWaiting)
    );
}

/// The first process answers a fault and receives in one call.
fn reply_and_receive(world: &mut World, process: ProcessId, reply: FaultReply) {
    let accept = Some(UserPage::known(PAGE_3));
    world.begin_of(world.init(), Syscall::FaultReplyAndReceive { process, reply, accept });
}

#[test]
fn a_pager_answers_a_fault_and_waits_for_the_next_in_one_call() {
    let (mut world, child) = with_fault();
    let before = world.process(child).registers;
    for (touched, next) in [(PAGE, PAGE_2), (PAGE_2, PAGE_3)] {
        reply_and_receive(&mut world, child, map(DATA, touched));
        assert_eq!((world.current(), world.process(child).registers), (child, before));
        assert_eq!(world.process(world.init()).state, State::Receiving);
        assert_eq!(world.write(touched, 1), Ok(()));
        assert!(world.write(next, 1).is_err());
        assert_eq!(world.current(), world.init(), "the pager has the CPU at once");
        let fault = message(&world, world.init());
        assert_eq!((fault.kind, fault.sender, fault.words[0]), (Kind::Fault, child, next));
    }
    reply_and_receive(&mut world, child, FaultReply::Refuse);
    assert!(!world.living().contains(&child));
}

#[test]
fn an_answer_whose_page_cannot_be_mapped_receives_nothing_and_leaves_the_client_waiting() {
    let (mut world, child) = with_fault();
    for (reply, error) in [
        (map(PAGE_2, PAGE), Error::NotMapped),
        (map(abi::layout::PROGRAM_TEXT, PAGE), Error::NotPermitted),
    ] {
        reply_and_receive(&mut world, child, reply);
        assert_eq!(world.result(world.init()), Err(error));
        assert!(matches!(world.process(child).state, State::Answer { .. }));
    }
}

#[test]
fn an_answer_to_nobody_still_receives() {
    let (mut world, child) = with_fault();
    reply_and_receive(&mut world, child.next(), FaultReply::Resume);
    assert_eq!(world.process(world.init()).state, State::Receiving);
    assert!(matches!(world.process(child).state, State::Answer { .. }));
}

#[test]
fn a_stopped_client_does_not_run_when_its_fault_is_answered() {
    let (mut world, child) = with_fault();
    world.call(Syscall::ProcessStop { process: child.into() }).unwrap();
    reply_and_receive(&mut world, child, map(DATA, PAGE));
    let process = world.process(child);
    assert_eq!(
        (process.state, process.stopped, world.kernel.cpu.current()),
        (State::Ready, true, None)
    );
}

#[test]
fn what_has_come_meanwhile_is_received_before_the_client_runs() {
    let (mut world, child) = with_fault();
    let sender = world.running_child();
    let page = UserPage::known(PAGE_2);
    world.run(sender);
    world.allocate_in(ME, PAGE_2);
    let transfer = Some(PageTransfer { page, send: Some(WRITE), accept: false });
    world.begin(Syscall::Send { to: world.init(), words: [7; 4], transfer });
    reply_and_receive(&mut world, child, map(DATA, PAGE));
    assert_eq!(world.current(), world.init());
    let received = message(&world, world.init());
    assert_eq!((received.sender, received.words, received.page), (sender, [7; 4], Some(WRITE)));
    assert!(world.leaf(world.init(), PAGE_3).is_present(), "its page came, too");
    assert_eq!(world.process(child).state, State::Ready);
}

#[test]
fn a_fault_is_not_answered_by_a_message_nor_a_call_by_a_fault_reply() {
    let (mut world, child) = with_fault();
    let message = Syscall::Reply { to: child, words: [0; 4], transfer: None };
    assert_eq!(world.call(message), Err(Error::NotWaiting));
    let caller = world.running_child();
    world.begin_of(caller, Syscall::Call { to: world.init(), words: [0; 4], transfer: None });
    world.begin_of(world.init(), RECEIVE);
    assert_eq!(reply(&mut world, caller, FaultReply::Resume), Err(Error::NotWaiting));
}

#[test]
fn the_clients_of_a_pager_that_ends_end_too() {
    for received in [true, false] {
        let mut world = World::new();
        let pager = world.running_child();
        world.call_of(pager, Syscall::AcceptClients { accept: true }).unwrap();
        world.run(world.init());
        let child = world.running_child();
        set_pager(&mut world, child, Some(pager)).unwrap();
        world.run(child);
        assert!(world.read(PAGE).is_err());
        if received {
            world.begin_of(pager, RECEIVE);
        }
        world.begin_of(pager, Syscall::Exit { status: 0 });
        assert_eq!(end_of(&mut world, child), KILLED_BY_FAULT);
    }
}

#[test]
fn a_pager_that_does_not_answer_in_time_loses_its_client() {
    for received in [true, false] {
        let (mut world, child) = with_client();
        world.call(Syscall::SetFaultTimeout { process: child.into(), milliseconds: 50 }).unwrap();
        world.run(child);
        assert!(world.read(PAGE).is_err());
        if received {
            world.begin(RECEIVE);
        }
        for _ in 0..4 {
            world.tick();
            assert!(world.living().contains(&child));
        }
        world.tick();
        assert!(!world.living().contains(&child));
        assert!(world.kernel.cpu.hardware.console_text().contains("in time"));
    }
}

#[test]
fn the_clock_runs_for_a_pager_that_has_waited_for_the_fault_too() {
    let (mut world, child) = with_client();
    world.call(Syscall::SetFaultTimeout { process: child.into(), milliseconds: 50 }).unwrap();
    world.begin(RECEIVE);
    world.run(child);
    assert!(world.read(PAGE).is_err());
    for _ in 0..5 {
        assert!(world.living().contains(&child));
        world.tick();
    }
    assert!(!world.living().contains(&child));
}

#[test]
fn a_fault_gives_the_cpu_to_no_pager_that_is_stopped() {
    let mut world = World::new();
    let [pager] = pagers(&mut world, 1).try_into().unwrap();
    let child = world.running_child();
    set_pager(&mut world, child, Some(pager)).unwrap();
    world.begin_of(pager, RECEIVE);
    world.run(INIT);
    world.call(Syscall::ProcessStop { process: pager.into() }).unwrap();
    world.run(child);
    assert!(world.read(PAGE).is_err());
    assert_eq!(world.current(), INIT);
    assert!(world.process(pager).stopped);
}

#[test]
fn an_answer_in_time_stops_the_clock() {
    let (mut world, child) = with_client();
    world.call(Syscall::SetFaultTimeout { process: child.into(), milliseconds: 50 }).unwrap();
    world.run(child);
    assert!(world.read(PAGE).is_err());
    world.begin(RECEIVE);
    world.allocate_in(child.into(), PAGE);
    reply(&mut world, child, FaultReply::Resume).unwrap();
    for _ in 0..20 {
        world.tick();
    }
    assert!(world.living().contains(&child));
}

#[test]
fn a_handler_hands_a_fault_on_and_hears_what_became_of_it() {
    for (answer, result) in
        [(FaultReply::Resume, Ok(())), (FaultReply::Refuse, Err(Error::Refused))]
    {
        let (mut world, child) = with_client();
        let forward = Syscall::FaultForward { address: PAGE, access: 6, eip: 0x1234 };
        world.begin_of(child, forward);
        world.begin_of(world.init(), RECEIVE);
        let told = message(&world, world.init());
        assert_eq!(
            (told.kind, told.sender, told.words),
            (Kind::Forwarded, child, [PAGE, 6, 0x1234, 0]),
            "no kind of the kernel's own: there was no fault"
        );
        reply(&mut world, child, answer).unwrap();
        world.run(child);
        assert_eq!(world.result(child).map(drop), result);
    }
}

/// Found by the reference model: the reply was made, and then the call restarted to take down
/// memory. So it was made again, and could have answered another fault of the client.
#[test]
fn a_reply_that_restarts_for_memory_has_not_replied() {
    let (mut world, client) = with_client();
    let dying = world.child();
    world.allocate_in(dying.into(), PAGE);
    let forward = Syscall::FaultForward { address: PAGE, access: 6, eip: 0 };
    world.begin_of(client, forward);
    world.begin_of(world.init(), RECEIVE);
    world.leave_free(0);
    world.call(Syscall::Destroy { process: dying.into(), subtree: false }).unwrap();
    let accept = Some(UserPage::known(PAGE));
    world.begin(Syscall::FaultReplyAndReceive {
        process: client,
        reply: FaultReply::Refuse,
        accept,
    });
    assert!(world.restarts(INIT));
    assert!(matches!(world.process(client).state, State::Answer { .. }));
    world.repeat(INIT);
    assert_eq!(message(&world, INIT).sender, dying, "its end is the next message");
    assert_eq!(world.result(client), Err(Error::Refused));
}

#[test]
fn there_is_nobody_to_hand_a_fault_on_to() {
    let mut world = World::new();
    let forward = Syscall::FaultForward { address: PAGE, access: 4, eip: 0 };
    assert_eq!(world.call(forward), Err(Error::Refused));
}

#[test]
fn a_pager_that_waits_in_a_call_to_its_client_is_not_asked() {
    let (mut world, child) = with_client();
    world.begin(Syscall::Call { to: child, words: [0; 4], transfer: None });
    world.run(child);
    assert!(world.read(PAGE).is_err());
    assert!(!world.living().contains(&child), "the client falls to the last rule at once");
    assert_eq!(world.result(world.init()), Err(Error::PeerEnded));
}

#[test]
fn a_pager_that_waits_for_a_message_of_its_client_gets_the_fault() {
    let (mut world, child) = with_client();
    world.begin(Syscall::Receive { from: Some(child), transfer: None });
    assert!(world.read(PAGE).is_err());
    assert_eq!(message(&world, world.init()).kind, Kind::Fault);
}

#[test]
fn a_pager_has_to_accept_or_to_be_the_caller() {
    let mut world = World::new();
    let (child, pager) = (world.child(), world.running_child());
    assert_eq!(set_pager(&mut world, child, Some(pager)), Err(Error::Refused));
    world.call_of(pager, Syscall::AcceptClients { accept: true }).unwrap();
    world.run(world.init());
    assert!(set_pager(&mut world, child, Some(pager)).is_ok());
    assert!(set_pager(&mut world, child, Some(INIT)).is_ok());
    assert!(set_pager(&mut world, child, None).is_ok());
    world.call_of(pager, Syscall::AcceptClients { accept: false }).unwrap();
    world.run(world.init());
    assert_eq!(set_pager(&mut world, child, Some(pager)), Err(Error::Refused));
    assert_eq!(set_pager(&mut world, child, Some(ProcessId::first(99))), Err(Error::NoSuchProcess));
}

/// So many children that accept clients.
fn pagers(world: &mut World, count: usize) -> Vec<ProcessId> {
    let pagers: Vec<ProcessId> = (0..count).map(|_| world.running_child()).collect();
    for pager in &pagers {
        world.call_of(*pager, Syscall::AcceptClients { accept: true }).unwrap();
    }
    world.run(world.init());
    pagers
}

#[test]
fn circles_of_pagers_are_refused() {
    let mut world = World::new();
    let [a, b, c] = pagers(&mut world, 3).try_into().unwrap();
    assert_eq!(set_pager(&mut world, a, Some(a)), Err(Error::Deadlock));
    set_pager(&mut world, a, Some(b)).unwrap();
    set_pager(&mut world, b, Some(c)).unwrap();
    assert_eq!(set_pager(&mut world, c, Some(a)), Err(Error::Deadlock));
}

#[test]
fn a_chain_of_more_than_eight_pagers_is_refused() {
    let mut world = World::new();
    let all = pagers(&mut world, 10);
    for index in 0..8 {
        set_pager(&mut world, all[index + 1], Some(all[index])).unwrap();
    }
    assert_eq!(set_pager(&mut world, all[9], Some(all[8])), Err(Error::Deadlock));
}

#[test]
fn a_child_inherits_its_makers_pager() {
    let (mut world, child) = with_client();
    world.run(child);
    let grandchild = world.child();
    assert_eq!(world.process(grandchild).paging.pager, Some(world.init()));
}

#[test]
fn clone_is_a_message_to_the_pager_which_agrees_or_refuses() {
    for (word, result) in [(0, Ok(())), (1, Err(Error::Refused))] {
        let (mut world, child) = with_client();
        world.run(child);
        let grandchild = world.child();
        world.begin(Syscall::Clone { child: grandchild });
        world.begin_of(world.init(), RECEIVE);
        let told = message(&world, world.init());
        assert_eq!(
            (told.kind, told.sender, told.words[0]),
            (Kind::Clone, child, grandchild.bits())
        );
        world.call(Syscall::Reply { to: child, words: [word, 0, 0, 0], transfer: None }).unwrap();
        world.run(child);
        assert_eq!(world.result(child).map(drop), result);
    }
}

#[test]
fn clone_without_a_pager_succeeds_at_once() {
    let mut world = World::new();
    let child = world.child();
    assert!(world.call(Syscall::Clone { child }).is_ok());
    assert_eq!(world.call(Syscall::Clone { child: world.init() }), Err(Error::NoSuchProcess));
}

#[test]
fn clone_of_a_child_with_another_pager_is_refused() {
    let (mut world, child) = with_client();
    world.run(child);
    let grandchild = world.child();
    set_pager(&mut world, grandchild, None).unwrap();
    assert_eq!(world.call(Syscall::Clone { child: grandchild }), Err(Error::Refused));
}

#[test]
fn clone_whose_pager_ends_says_so() {
    let mut world = World::new();
    let pager = pagers(&mut world, 1)[0];
    let child = world.running_child();
    set_pager(&mut world, child, Some(pager)).unwrap();
    world.run(child);
    let grandchild = world.child();
    world.begin(Syscall::Clone { child: grandchild });
    world.begin_of(pager, Syscall::Exit { status: 0 });
    world.run(child);
    assert_eq!(world.result(child), Err(Error::PeerEnded));
    assert_eq!(
        world.call(Syscall::Clone { child: grandchild }),
        Err(Error::PeerEnded),
        "it is gone already"
    );
}

#[test]
fn a_call_that_touches_an_absent_buffer_faults_and_restarts_with_all_its_registers() {
    let mut world = with_handler();
    let child = world.child();
    let call = Syscall::RegistersRead { process: child.into(), address: PAGE };
    world.begin(call);
    let registers = world.process(world.init()).registers;
    assert_eq!(registers.eip, HANDLER);
    assert_eq!(
        (registers.eax, registers.edx, registers.ebx),
        (45, child.bits(), PAGE),
        "unchanged, eax included"
    );
    assert_eq!(world.read(registers.esp), Ok(PAGE));
    assert_eq!(world.read(registers.esp + 40), Ok(CALL_SITE), "the trap instruction itself");
    world.allocate(PAGE);
    assert!(world.call(call).is_ok());
}

#[test]
fn a_call_that_touches_a_clients_absent_buffer_asks_the_pager_and_restarts() {
    let (mut world, child) = with_client();
    let write = Syscall::ConsoleWrite { address: PAGE + 0xFFE, length: 4 };
    world.run(child);
    world.allocate(PAGE);
    world.begin(write);
    world.begin_of(world.init(), RECEIVE);
    assert_eq!(message(&world, world.init()).words, [PAGE_2, Access::USER.bits(), CALL_SITE, 0]);
    assert_eq!(
        world.kernel.cpu.hardware.console_text(),
        "",
        "nothing was written before all could be read"
    );
    world.allocate_in(child.into(), PAGE_2);
    reply(&mut world, child, FaultReply::Resume).unwrap();
    world.run(child);
    assert!(world.restarts(child));
    assert_eq!(world.call(write).unwrap()[0], 4);
}

#[test]
fn a_call_that_stores_through_a_read_only_page_faults_as_a_write() {
    let mut world = with_handler();
    let child = world.child();
    let page = UserPage::known(PAGE);
    world.call(Syscall::PageAllocate { process: ME, page, permissions: READ }).unwrap();
    world.begin(Syscall::RegistersRead { process: child.into(), address: PAGE });
    let record = world.registers().esp;
    assert_eq!(world.read(record + 4), Ok(USER_WRITE | Access::PROTECTION.bits()));
    assert_eq!(world.leaf(world.init(), PAGE).bits() & 0xFFF, 0x005, "no store was made");
}

#[test]
fn the_pager_of_a_child_that_waits_for_it_stays() {
    let (mut world, child) = with_fault();
    assert_eq!(set_pager(&mut world, child, None), Err(Error::Busy));
    assert!(reply(&mut world, child, FaultReply::Refuse).is_ok());
    let (mut world, child) = with_fault();
    world.allocate_in(child.into(), PAGE);
    assert!(reply(&mut world, child, FaultReply::Resume).is_ok());
    assert!(set_pager(&mut world, child, None).is_ok());
}

/// Nine processes, each the child of the one before, whose pagers would make a chain.
#[test]
fn a_chain_of_pagers_is_bounded_from_both_ends() {
    let mut world = World::new();
    let mut chain = vec![world.init()];
    for _ in 0..9 {
        let parent = chain[chain.len() - 1];
        world.run(parent);
        let child = world.running_child();
        world.run(child);
        chain.push(child);
    }
    // From the bottom up: each is asked to serve its own child, which serves the next.
    let results: Vec<_> = chain
        .windows(2)
        .rev()
        .map(|pair| {
            world.run(pair[0]);
            world.call(Syscall::SetPager { process: pair[1].into(), pager: Some(pair[0]) })
        })
        .collect();
    assert!(results[..8].iter().all(Result::is_ok), "{results:?}");
    assert_eq!(results[8], Err(Error::Deadlock), "a ninth pager");
}

/// A client with a handler and an exception stack, whose pager, the first process, has taken `page`
/// away.
fn without(page: u32) -> (World, ProcessId) {
    let (mut world, child) = with_client();
    let process = child.into();
    world.allocate_in(process, EXCEPTION_STACK);
    world.allocate_in(process, PAGE);
    world.call(Syscall::SetHandler { process, address: HANDLER }).unwrap();
    let (page, marks) = (UserPage::known(page), abi::Permissions::PAGER);
    world.call(Syscall::PageUnmap { process, page, marks }).unwrap();
    world.run(child);
    (world, child)
}

/// What the first process is told of, once it receives.
fn told(world: &mut World) -> Message {
    world.begin_of(world.init(), RECEIVE);
    message(world, world.init())
}

#[test]
fn a_page_that_the_pager_has_is_the_pagers_to_bring_before_the_handler_hears_of_it() {
    let (mut world, child) = without(PAGE);
    assert!(world.write(PAGE + 8, 1).is_err());
    let words = [PAGE + 8, USER_WRITE, CALL_SITE, 0];
    assert_eq!(told(&mut world), Message { sender: child, kind: Kind::Fault, words, page: None });
    world.allocate_in(child.into(), PAGE);
    reply(&mut world, child, FaultReply::Resume).unwrap();
    world.run(child);
    assert_eq!(world.write(PAGE + 8, 1), Ok(()));
}

#[test]
fn a_call_that_needs_a_page_that_the_pager_has_asks_the_pager() {
    let (mut world, child) = without(PAGE);
    world.begin(Syscall::ConsoleWrite { address: PAGE, length: 8 });
    assert!(world.restarts(child));
    assert_eq!(told(&mut world).words[0], PAGE);
}

#[test]
fn an_exception_stack_that_the_pager_has_is_brought_before_the_handler_runs_on_it() {
    let (mut world, child) = without(EXCEPTION_STACK);
    // The kernel would write the stack, whatever the access was.
    assert!(world.read(PAGE_2).is_err());
    let words = [EXCEPTION_STACK, USER_WRITE, CALL_SITE, 0];
    assert_eq!(told(&mut world), Message { sender: child, kind: Kind::Fault, words, page: None });
    world.allocate_in(child.into(), EXCEPTION_STACK);
    reply(&mut world, child, FaultReply::Resume).unwrap();
    world.run(child);
    assert!(world.write(PAGE_2, 1).is_err());
    assert_eq!(world.registers().eip, HANDLER, "now the handler learns of the access");
}

#[test]
fn without_a_pager_the_mark_on_an_absent_page_is_the_programs_own() {
    let mut world = with_handler();
    let (page, marks) = (UserPage::known(PAGE), abi::Permissions::PAGER);
    world.call(Syscall::PageUnmap { process: ME, page, marks }).unwrap();
    assert!(world.write(PAGE, 1).is_err());
    assert_eq!(world.registers().eip, HANDLER);
}

#[test]
fn a_chain_of_pagers_is_no_longer_than_its_living_clients_make_it() {
    let mut world = World::new();
    let mut chain = vec![world.init()];
    for _ in 0..8 {
        let child = world.running_child();
        world.run(child);
        chain.push(child);
    }
    let set_pager = |world: &mut World, parent, child: ProcessId| {
        world.call_of(parent, Syscall::SetPager { process: child.into(), pager: Some(parent) })
    };
    // From the bottom up: the second process pages the third, and so on, eight pagers in a chain.
    let pairs: Vec<_> = chain.windows(2).map(|pair| (pair[0], pair[1])).collect();
    for (parent, child) in pairs[1..].iter().rev() {
        set_pager(&mut world, *parent, *child).unwrap();
    }
    let (first, second) = pairs[0];
    let last = world.running_child_of(chain[8]);
    set_pager(&mut world, chain[8], last).unwrap();
    assert_eq!(set_pager(&mut world, first, second).map(drop), Err(Error::Deadlock), "nine");
    world.call_of(chain[8], Syscall::Destroy { process: last.into(), subtree: false }).unwrap();
    assert_eq!(
        set_pager(&mut world, first, second).map(drop),
        Ok(()),
        "eight, now that one is gone"
    );
}
