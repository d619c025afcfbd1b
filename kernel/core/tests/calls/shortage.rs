//! Calls that find no frame: whose pager is asked, what the second try does, and who gets the
//! error.

use abi::call::{FaultReply, PageTransfer};
use abi::jos::REQUIRED;
use abi::message::{Kind, Message};
use abi::process::Target;
use abi::transaction::{self, Wish};
use abi::{Error, PageRange, Permissions, ProcessId, Registers, Syscall, UserPage};
use kernel_core::state::process::{PendingRequest, State};

use crate::world::{DATA, PAGE, PAGE_2, PAGE_3, READ, WRITE, World};

const ME: Target = Target::Caller;
const PAGER: ProcessId = ProcessId::first(0);
/// Pages that the pager has and can give up.
const HOARD: u32 = 0x2000_0000;
const RECEIVE: Syscall = Syscall::Receive { from: None, transfer: None };
/// A page under a table that no process has.
const FAR: u32 = 0x3000_0000;

/// Leaves a mark where there is no table. The list of zeros at [`PAGE`] is of page 0.
const MARK: Wish =
    Wish { kind: transaction::Kind::Unmap, drop: READ, add: Permissions::SHARED, distance: 0 };

/// The first process is a pager that frees frames, with `hoard` pages to give up, and has so many
/// running clients. Each has a page at [`PAGE`] and waits to be told what to do. The pager waits
/// for messages; no frame is free.
fn short(hoard: u32, clients: usize) -> (World, Vec<ProcessId>) {
    let mut world = World::new();
    world.call(Syscall::AcceptFrameRequests { accept: true }).unwrap();
    (0..hoard).for_each(|index| world.allocate(HOARD + index * 0x1000));
    let clients = (0..clients).map(|_| client(&mut world)).collect();
    world.leave_free(0);
    world.begin(RECEIVE);
    (world, clients)
}

fn client(world: &mut World) -> ProcessId {
    let client = world.running_child();
    world.call(Syscall::SetPager { process: client.into(), pager: Some(PAGER) }).unwrap();
    world.allocate_in(client.into(), PAGE);
    client
}

/// The message that the pager has got.
fn told(world: &mut World) -> Message {
    world.run(PAGER);
    let answer = world.answer(PAGER);
    Message::from_wire(answer.eax, answer.process, answer.words).unwrap()
}

/// The pager gives up `frames` pages from number `first` of its hoard on.
fn give_up(world: &mut World, first: u32, frames: u32) {
    for index in first..first + frames {
        let page = UserPage::known(HOARD + index * 0x1000);
        let call = Syscall::PageUnmap { process: ME, page, marks: READ };
        world.call_of(PAGER, call).unwrap();
    }
}

fn answer(world: &mut World, client: ProcessId, reply: FaultReply) {
    world.begin_of(PAGER, Syscall::FaultReply { process: client, reply });
    assert_eq!(world.answer(PAGER).eax, 0);
}

fn waits(world: &World, client: ProcessId) -> bool {
    matches!(
        world.process(client).state,
        State::Sending { pending_request: PendingRequest::Frames, .. }
            | State::Answer { pending_request: PendingRequest::Frames, .. }
    )
}

fn page_allocate(address: u32) -> Syscall {
    Syscall::PageAllocate { process: ME, page: UserPage::known(address), permissions: WRITE }
}

fn range_allocate(pages: u32) -> Syscall {
    let range = PageRange::new(UserPage::known(FAR), pages).unwrap();
    Syscall::RangeAllocate { process: ME, range, permissions: WRITE }
}

fn to(page: u32) -> (Target, UserPage) {
    (ME, UserPage::known(page))
}

/// Every call that needs a frame, and the most that it needs.
fn calls() -> [(Syscall, u32); 9] {
    let page = UserPage::known(PAGE);
    let (to, to_page) = to(FAR);
    let range = PageRange::new(page, 2).unwrap();
    let (none, add) = (Permissions::empty(), Permissions::empty());
    let absent = UserPage::known(FAR);
    [
        (page_allocate(FAR), 2),
        (Syscall::PageMap { process: ME, page, to, to_page, permissions: WRITE }, 1),
        (Syscall::PageUnmap { process: ME, page: absent, marks: Permissions::SHARED }, 1),
        (Syscall::PageMove { process: ME, page, to, to_page, marks: none }, 1),
        (Syscall::RangeShare { process: ME, range, to, to_page, drop: none, add, both: false }, 2),
        (range_allocate(1), 3),
        (range_allocate(64), 13),
        (Syscall::Transact { process: ME, list: PAGE, pages: 1, wish: MARK }, 2),
        (Syscall::ProcessCreate { copy: true }, 1),
    ]
}

#[test]
fn a_call_that_finds_no_frame_asks_its_callers_pager_and_is_made_again() {
    for (call, needs) in calls() {
        let (mut world, clients) = short(13, 1);
        let client = clients[0];
        world.begin_of(client, call);
        let message = told(&mut world);
        assert_eq!((message.kind, message.sender), (Kind::Frames, client), "{call:?}");
        assert_eq!(message.words, [needs, 0, 0, 0], "{call:?}");
        give_up(&mut world, 0, needs);
        answer(&mut world, client, FaultReply::Resume);
        assert_eq!(world.current(), client, "whose frames they are runs next");
        assert!(world.result(client).is_ok(), "{call:?}");
        assert!(!world.restarts(client));
    }
}

#[test]
fn a_copy_asks_for_the_frame_that_it_copies_to() {
    let (mut world, clients) = short(2, 2);
    let from = (clients[0].into(), UserPage::known(PAGE));
    let (to, to_page) = (clients[1].into(), UserPage::known(PAGE));
    let share = Syscall::PageMap { process: from.0, page: from.1, to, to_page, permissions: READ };
    // The pager ends its receive by a request for frames of its client's.
    world.begin_of(clients[0], page_allocate(FAR));
    told(&mut world);
    world.call_of(PAGER, share).unwrap();
    world.leave_free(0);
    answer(&mut world, clients[0], FaultReply::Refuse);
    world.begin_of(PAGER, RECEIVE);
    let page = UserPage::known(PAGE);
    world.begin_of(clients[1], Syscall::PageCopy { process: ME, page, permissions: READ });
    assert_eq!(told(&mut world).kind, Kind::Frames);
    give_up(&mut world, 0, 1);
    answer(&mut world, clients[1], FaultReply::Resume);
    assert_eq!(world.result(clients[1]).map(|words| words[0]), Ok(1), "it was copied");
}

/// Found by the reference model: the frames of the copies were not asked for.
#[test]
fn a_fork_asks_for_the_frames_of_the_pages_that_it_copies() {
    // Two tables, and three copies if a page may have to be copied.
    for (both, drop, wanted) in [(true, WRITE, 5), (false, WRITE, 2), (true, READ, 2)] {
        let mut world = World::new();
        world.call(Syscall::AcceptFrameRequests { accept: true }).unwrap();
        (0..8).for_each(|index| world.allocate(HOARD + index * 0x1000));
        let client = client(&mut world);
        for index in 0..3 {
            world.allocate_in(client.into(), PAGE + index * 0x1000);
            // The pager may write the page, too.
            let place = HOARD + (8 + index) * 0x1000;
            world.map(client.into(), PAGE + index * 0x1000, ME, place, WRITE).unwrap();
        }
        world.run(client);
        let child = world.child();
        world.leave_free(0);
        world.begin_of(PAGER, RECEIVE);
        let range = PageRange::new(UserPage::known(PAGE), 3).unwrap();
        let (to, to_page) = (child.into(), UserPage::known(PAGE));
        let add = Permissions::COPY_ON_WRITE;
        world.begin_of(
            client,
            Syscall::RangeShare { process: ME, range, to, to_page, drop, add, both },
        );
        assert_eq!(told(&mut world).words[0], wanted, "{both} {drop:?}");
        give_up(&mut world, 0, wanted);
        answer(&mut world, client, FaultReply::Resume);
        assert_eq!(world.result(client).map(|words| words[0]), Ok(3));
    }
}

#[test]
fn a_call_by_sysenter_asks_as_well() {
    let (mut world, clients) = short(2, 1);
    world.run(clients[0]);
    let start = Registers::start(0, 0);
    *world.registers() = Registers { eax: 33 | 2 << 8, ebp: FAR, eip: 0x0080_0042, ..start };
    world.trap(Registers::SYSENTER);
    assert_eq!(told(&mut world).kind, Kind::Frames);
    give_up(&mut world, 0, 2);
    answer(&mut world, clients[0], FaultReply::Resume);
    assert_eq!(world.answer(clients[0]).eax, 0);
    assert!(world.leaf(clients[0], FAR).is_present());
}

/// Number, arguments, and the error.
#[cfg(feature = "jos")]
fn jos_calls() -> [(u32, [u32; 5]); 3] {
    let perm = REQUIRED | 2;
    [(4, [0, FAR, perm, 0, 0]), (5, [0, PAGE, 0, FAR, perm]), (7, [0; 5])]
}

#[test]
#[cfg(feature = "jos")]
fn jos_calls_ask_as_well_and_fail_with_jos_s_number() {
    const NO_MEMORY: u32 = -4_i32 as u32;
    for (number, arguments) in jos_calls() {
        for reply in [FaultReply::Resume, FaultReply::Refuse] {
            let (mut world, clients) = short(2, 1);
            world.run(clients[0]);
            world.jos_once(number, arguments);
            assert_eq!(told(&mut world).kind, Kind::Frames, "call {number}");
            if reply == FaultReply::Resume {
                give_up(&mut world, 0, 2);
            }
            answer(&mut world, clients[0], reply);
            let eax = world.answer(clients[0]).eax;
            if reply == FaultReply::Resume {
                assert!(eax < 0x8000_0000, "call {number}: {eax:#x}");
            } else {
                assert_eq!(eax, NO_MEMORY, "call {number}");
            }
        }
    }
}

#[test]
fn a_second_failure_is_the_error_and_the_pager_is_not_asked_twice() {
    for (call, _) in calls() {
        let (mut world, clients) = short(0, 1);
        world.begin_of(clients[0], call);
        assert_eq!(told(&mut world).kind, Kind::Frames);
        let reply = FaultReply::Resume;
        let reply = Syscall::FaultReplyAndReceive { process: clients[0], reply, accept: None };
        world.begin_of(PAGER, reply);
        assert_eq!(world.result(clients[0]), Err(Error::OutOfFrames), "{call:?}");
        assert!(!waits(&world, clients[0]));
        assert_eq!(world.process(PAGER).state, State::Receiving);
    }
}

#[test]
fn a_range_call_returns_what_it_has_done_and_asks_when_it_is_made_for_the_rest() {
    let mut world = World::new();
    world.call(Syscall::AcceptFrameRequests { accept: true }).unwrap();
    (0..8).for_each(|index| world.allocate(HOARD + index * 0x1000));
    let client = client(&mut world);
    world.leave_free(4);
    world.begin(RECEIVE);
    world.begin_of(client, range_allocate(6));
    assert_eq!(world.result(client).map(|words| words[0]), Ok(3), "a table and three pages");
    let range = PageRange::new(UserPage::known(FAR + 0x3000), 3).unwrap();
    let rest = Syscall::RangeAllocate { process: ME, range, permissions: WRITE };
    world.begin_of(client, rest);
    assert_eq!(told(&mut world).words, [5, 0, 0, 0]);
    // Fewer than it may need: the second try does what it can as well.
    give_up(&mut world, 0, 2);
    answer(&mut world, client, FaultReply::Resume);
    assert_eq!(world.result(client).map(|words| words[0]), Ok(2));
}

#[test]
fn of_two_clients_that_race_for_one_frame_the_one_that_is_answered_gets_it() {
    let (mut world, clients) = short(1, 2);
    for client in &clients {
        world.begin_of(*client, page_allocate(PAGE_2));
    }
    let first = told(&mut world).sender;
    give_up(&mut world, 0, 1);
    // Both wait; the second request is in the queue while the first is answered.
    let reply = |process| Syscall::FaultReplyAndReceive {
        process,
        reply: FaultReply::Resume,
        accept: None,
    };
    world.begin_of(PAGER, reply(first));
    assert_eq!(world.answer(first).eax, 0);
    let second = told(&mut world).sender;
    assert_ne!(first, second);
    world.begin_of(PAGER, reply(second));
    assert_eq!(world.result(second), Err(Error::OutOfFrames));
    assert!(world.leaf(first, PAGE_2).is_present());
    assert_eq!(world.kernel.frames.free(), 0);
}

#[test]
fn who_has_no_pager_that_frees_frames_gets_the_error_at_once() {
    let (mut world, clients) = short(2, 2);
    world.begin_of(clients[0], page_allocate(FAR));
    told(&mut world);
    world.call_of(PAGER, Syscall::AcceptFrameRequests { accept: false }).unwrap();
    world.begin_of(clients[1], page_allocate(FAR));
    assert_eq!(world.result(clients[1]), Err(Error::OutOfFrames));
    world.call_of(PAGER, Syscall::AcceptFrameRequests { accept: true }).unwrap();
    let pager = Syscall::SetPager { process: clients[1].into(), pager: None };
    world.call_of(PAGER, pager).unwrap();
    world.begin_of(clients[1], page_allocate(FAR));
    assert_eq!(world.result(clients[1]), Err(Error::OutOfFrames), "no pager");
    assert_eq!(world.call_of(PAGER, page_allocate(FAR)), Err(Error::OutOfFrames), "the pager");
}

#[test]
fn a_pager_that_waits_for_the_caller_is_not_asked() {
    let (mut world, clients) = short(2, 1);
    world.begin_of(clients[0], page_allocate(FAR));
    told(&mut world);
    answer(&mut world, clients[0], FaultReply::Refuse);
    world.begin_of(PAGER, Syscall::Call { to: clients[0], words: [0; 4], transfer: None });
    world.begin_of(clients[0], page_allocate(FAR));
    assert_eq!(world.result(clients[0]), Err(Error::OutOfFrames));
}

#[test]
fn a_target_s_pager_is_not_asked() {
    let (mut world, clients) = short(2, 1);
    world.begin_of(clients[0], page_allocate(FAR));
    told(&mut world);
    let call = Syscall::PageAllocate {
        process: clients[0].into(),
        page: UserPage::known(PAGE_3),
        permissions: WRITE,
    };
    assert_eq!(world.call_of(PAGER, call), Err(Error::OutOfFrames));
}

#[test]
fn the_end_of_the_pager_and_its_delay_are_errors_and_not_the_caller_s_end() {
    for late in [false, true] {
        let mut world = World::new();
        let pager = world.running_child();
        world.call_of(pager, Syscall::AcceptFrameRequests { accept: true }).unwrap();
        world.call_of(pager, Syscall::AcceptClients { accept: true }).unwrap();
        world.run(world.init());
        let client = world.running_child();
        let process = client.into();
        world.call(Syscall::SetPager { process, pager: Some(pager) }).unwrap();
        world.call(Syscall::SetFaultTimeout { process, milliseconds: 20 }).unwrap();
        world.leave_free(0);
        world.begin_of(client, page_allocate(FAR));
        assert!(waits(&world, client));
        if late {
            (0..4).for_each(|_| world.tick());
        } else {
            let end = Syscall::Destroy { process: pager.into(), subtree: false };
            world.call_of(world.init(), end).unwrap();
        }
        assert!(!waits(&world, client));
        assert_eq!(world.result(client), Err(Error::OutOfFrames), "late: {late}");
    }
}

#[test]
fn a_caller_that_is_stopped_meanwhile_has_its_call_made_and_does_not_run() {
    let (mut world, clients) = short(2, 1);
    world.begin_of(clients[0], page_allocate(FAR));
    told(&mut world);
    world.call_of(PAGER, Syscall::ProcessStop { process: clients[0].into() }).unwrap();
    give_up(&mut world, 0, 2);
    answer(&mut world, clients[0], FaultReply::Resume);
    assert_ne!(world.kernel.cpu.current().map(|_| world.current()), Some(clients[0]));
    assert!(world.leaf(clients[0], FAR).is_present());
    world.call_of(PAGER, Syscall::ProcessStart { process: clients[0].into() }).unwrap();
    world.run(clients[0]);
    assert_eq!(world.answer(clients[0]).eax, 0);
}

/// A server waits for anyone, and for a page under a table that it does not have.
fn with_server() -> (World, ProcessId, ProcessId) {
    let mut world = World::new();
    world.call(Syscall::AcceptFrameRequests { accept: true }).unwrap();
    (0..2).for_each(|index| world.allocate(HOARD + index * 0x1000));
    let server = client(&mut world);
    let sender = world.running_child();
    world.allocate_in(sender.into(), PAGE);
    let transfer = PageTransfer { page: UserPage::known(FAR), send: None, accept: true };
    world.begin_of(server, Syscall::Receive { from: None, transfer: Some(transfer) });
    world.run(world.init());
    world.leave_free(0);
    world.begin(RECEIVE);
    (world, server, sender)
}

#[test]
fn for_the_table_of_a_message_s_page_the_receiver_s_pager_is_asked() {
    let transfer =
        Some(PageTransfer { page: UserPage::known(PAGE), send: Some(WRITE), accept: false });
    for kind in [60, 62] {
        let (mut world, server, sender) = with_server();
        world.run(sender);
        world.begin(if kind == 60 {
            Syscall::Send { to: server, words: [7; 4], transfer }
        } else {
            Syscall::Call { to: server, words: [7; 4], transfer }
        });
        let message = told(&mut world);
        assert_eq!((message.kind, message.sender), (Kind::Frames, sender));
        give_up(&mut world, 0, 1);
        answer(&mut world, sender, FaultReply::Resume);
        world.run(server);
        let answer = world.answer(server);
        let received = Message::from_wire(answer.eax, answer.process, answer.words).unwrap();
        assert_eq!((received.sender, received.words), (sender, [7; 4]));
        assert_eq!(received.page, Some(WRITE));
        assert!(world.leaf(server, FAR).is_present());
    }
}

#[test]
#[cfg(feature = "jos")]
fn for_the_table_of_a_page_by_jos_s_ipc_the_receiver_s_pager_is_asked() {
    let (mut world, server, sender) = with_server();
    world.run(sender);
    world.call(Syscall::Send { to: server, words: [7; 4], transfer: None }).unwrap();
    world.run(server);
    world.jos_once(13, [FAR, 0, 0, 0, 0]);
    world.run(sender);
    world.jos_once(12, [server.bits(), 7, PAGE, REQUIRED | 2, 0]);
    let message = told(&mut world);
    assert_eq!((message.kind, message.sender), (Kind::Frames, sender));
    assert_eq!(message.words[0], 1);
    give_up(&mut world, 0, 1);
    answer(&mut world, sender, FaultReply::Resume);
    assert_eq!(world.answer(sender).eax, 0);
    assert!(world.leaf(server, FAR).is_present());
}

#[test]
fn frames_of_the_pool_for_devices_are_nobody_s_to_free() {
    let (mut world, clients) = short(2, 1);
    world.begin_of(clients[0], page_allocate(FAR));
    told(&mut world);
    let process = clients[0].into();
    world.call_of(PAGER, Syscall::DriverAllow { process, allow: true }).unwrap();
    answer(&mut world, clients[0], FaultReply::Refuse);
    world.begin_of(PAGER, RECEIVE);
    let range = PageRange::new(UserPage::known(DATA + 0x10_0000), 64).unwrap();
    let call = Syscall::DmaAllocate { range };
    world.run(clients[0]);
    assert_eq!(world.call(call), Err(Error::OutOfFrames));
}
