//! Each error of each native call: where the documentation names it, and a way to get it.
//!
//! [`ROWS`] is the table. A row is a call, an error, and a program that makes the call meet the
//! error. The documentation is read as text (`world/documented.rs`), so an error that is named
//! without a row, or a row whose error is not named, fails. What every call shares
//! (`InvalidArgument`, `NoSuchProcess`) has rows only where the documentation of the call names it
//! again.

use std::collections::BTreeSet;

use abi::call::{FaultReply, PageTransfer};
use abi::driver::{Line, PortRange};
use abi::layout::USER_TOP;
use abi::process::Target;
use abi::transaction::{Kind, Seen, Wish};
use abi::{Error, Frame, PageRange, Permissions, ProcessId, Syscall, UserPage, ViewSlot};

use crate::world::documented::CALLS;
use crate::world::{DATA, DMA_POOL, PAGE, PAGE_2, PAGE_3, READ, WRITE, World};

const INIT: ProcessId = ProcessId::first(0);
const ME: Target = Target::Caller;
const COW: Permissions = Permissions::COPY_ON_WRITE;
/// Device memory beyond all RAM.
const DEVICE: Frame = Frame::from_number(0xF_E000);
const RECEIVE: Syscall = Syscall::Receive { from: None, transfer: None };
const ACCEPT: Option<PageTransfer> =
    Some(PageTransfer { page: UserPage::known(PAGE_3), send: None, accept: true });

/// The call that was made, and its error.
type Answered = (Syscall, Error);

/// A call of the documentation, one of its errors, and a program that gets it in a world that has
/// just begun. Of its memory, init has used no page under the tables of `PAGE` and of `PAGE_3`;
/// `PAGE_2` is the page after `PAGE`.
struct Row(&'static str, Error, fn(&mut World) -> Answered);

fn range(page: u32, pages: u32) -> PageRange {
    PageRange::new(UserPage::known(page), pages).unwrap()
}

/// Makes a call of the process on the CPU, which answers at once.
fn answer(world: &mut World, call: Syscall) -> Answered {
    (call, world.call(call).expect_err("an error"))
}

/// Makes a call of the process on the CPU, which blocks; `then` is what ends it.
fn answer_later(world: &mut World, call: Syscall, then: fn(&mut World)) -> Answered {
    let caller = world.current();
    world.begin(call);
    then(world);
    (call, world.result(caller).expect_err("an error"))
}

fn allocate(page: u32) -> Syscall {
    Syscall::PageAllocate { process: ME, page: UserPage::known(page), permissions: WRITE }
}

fn map(page: u32, to_page: u32, permissions: Permissions) -> Syscall {
    let (page, to_page) = (UserPage::known(page), UserPage::known(to_page));
    Syscall::PageMap { process: ME, page, to: ME, to_page, permissions }
}

fn unmap(page: u32, marks: Permissions) -> Syscall {
    Syscall::PageUnmap { process: ME, page: UserPage::known(page), marks }
}

fn copy(page: u32) -> Syscall {
    Syscall::PageCopy { process: ME, page: UserPage::known(page), permissions: READ }
}

fn share(page: u32, to_page: u32) -> Syscall {
    let (range, to_page) = (range(page, 1), UserPage::known(to_page));
    Syscall::RangeShare { process: ME, range, to: ME, to_page, drop: READ, add: READ, both: false }
}

fn move_page(page: u32, to_page: u32) -> Syscall {
    let (page, to_page) = (UserPage::known(page), UserPage::known(to_page));
    Syscall::PageMove { process: ME, page, to: ME, to_page, marks: READ }
}

fn protect(page: u32, add: Permissions) -> Syscall {
    Syscall::PageProtect { process: ME, page: UserPage::known(page), drop: READ, add }
}

fn range_protect(page: u32, add: Permissions) -> Syscall {
    Syscall::RangeProtect { process: ME, range: range(page, 1), drop: READ, add }
}

fn range_allocate(page: u32) -> Syscall {
    Syscall::RangeAllocate { process: ME, range: range(page, 2), permissions: WRITE }
}

/// A transaction of one page, whose list lies at `at`.
fn transact(world: &mut World, at: u32, wish: Wish, seen: Seen) -> Answered {
    world.write(at, seen.page).unwrap();
    world.write(at + 4, seen.entry).unwrap();
    answer(world, Syscall::Transact { process: ME, list: at, pages: 1, wish })
}

const MARK: Wish =
    Wish { kind: Kind::Unmap, drop: READ, add: Permissions::COPY_ON_WRITE, distance: 0 };
const MAP: Wish = Wish { kind: Kind::Map, drop: READ, add: READ, distance: 1 };

const fn absent(page: u32) -> Seen {
    Seen { page, entry: 0 }
}

const CREATE: Syscall = Syscall::ProcessCreate { copy: false };

fn ports(first: u32) -> Syscall {
    Syscall::PortsAllow { ports: PortRange::new(first, 1).unwrap() }
}

fn device_map(page: u32) -> Syscall {
    Syscall::DeviceMap { frame: DEVICE, range: range(page, 1) }
}

fn dma(page: u32) -> Syscall {
    Syscall::DmaAllocate { range: range(page, 1) }
}

fn interrupt_attach(line: u32) -> Syscall {
    Syscall::InterruptAttach { line: Line::new(line).unwrap() }
}

fn view(process: impl Into<Target>) -> Syscall {
    Syscall::ViewAttach { process: process.into(), view: ViewSlot::new(0xE0).unwrap() }
}

fn wait_for(child: ProcessId) -> Syscall {
    Syscall::Wait { child: Some(child) }
}

fn destroy(process: ProcessId) -> Syscall {
    Syscall::Destroy { process: process.into(), subtree: false }
}

fn set_quota(process: ProcessId) -> Syscall {
    Syscall::SetQuota { process: process.into(), frames: 600, processes: 0 }
}

fn set_pager(client: ProcessId, pager: Option<ProcessId>) -> Syscall {
    Syscall::SetPager { process: client.into(), pager }
}

fn allow_driver(process: ProcessId) -> Syscall {
    Syscall::DriverAllow { process: process.into(), allow: true }
}

/// Has init map `PAGE` and then leaves no frame.
fn starve(world: &mut World) {
    world.allocate(PAGE);
    world.leave_free(0);
}

/// A child that has `PAGE` and may map no more. It is a driver, and runs.
fn bounded(world: &mut World) {
    let child = world.running_child();
    world.call(allow_driver(child)).unwrap();
    world.allocate_in(child.into(), PAGE);
    let [frames, ..] = world.call(Syscall::Usage { process: child.into() }).unwrap();
    world.call(Syscall::SetQuota { process: child.into(), frames, processes: 0 }).unwrap();
    world.run(child);
}

/// Init has a driver's page at `PAGE`.
fn with_drivers_page(world: &mut World) {
    world.call(dma(PAGE)).unwrap();
}

/// A child that is no driver runs.
fn ordinary(world: &mut World) -> ProcessId {
    let child = world.running_child();
    world.run(child);
    child
}

/// A running child has init's `PAGE` without W: a sealed page whose frame has two mappings.
fn sealed(world: &mut World) {
    world.allocate(PAGE);
    let child = world.running_child();
    world.map(ME, PAGE, child.into(), PAGE, READ).unwrap();
    world.run(child);
}

/// A client of init's has faulted at `PAGE_3`, and init has received the fault.
fn faulted(world: &mut World) -> ProcessId {
    let client = world.running_child();
    world.call(set_pager(client, Some(INIT))).unwrap();
    world.run(client);
    assert!(world.read(PAGE_3).is_err());
    world.run(INIT);
    world.begin(RECEIVE);
    client
}

/// What a pager maps for a client: its own `PAGE` at `PAGE_3`.
fn map_reply(permissions: Permissions) -> FaultReply {
    let (source, destination) = (UserPage::known(PAGE), UserPage::known(PAGE_3));
    FaultReply::Map { source, destination, permissions }
}

fn fault_reply(process: ProcessId) -> Syscall {
    Syscall::FaultReply { process, reply: map_reply(READ) }
}

fn fault_reply_and_receive(process: ProcessId) -> Syscall {
    Syscall::FaultReplyAndReceive { process, reply: map_reply(READ), accept: None }
}

fn events_read(child: ProcessId, address: u32) -> Syscall {
    Syscall::EventsRead { process: child.into(), address, count: 1 }
}

/// Offers `PAGE` without W.
fn transfer(permissions: Permissions) -> Option<PageTransfer> {
    Some(PageTransfer { page: UserPage::known(PAGE), send: Some(permissions), accept: false })
}

fn send(to: ProcessId, transfer: Option<PageTransfer>) -> Syscall {
    Syscall::Send { to, words: [0; 4], transfer }
}

fn call(to: ProcessId, transfer: Option<PageTransfer>) -> Syscall {
    Syscall::Call { to, words: [0; 4], transfer }
}

fn reply(to: ProcessId, transfer: Option<PageTransfer>) -> Syscall {
    Syscall::Reply { to, words: [0; 4], transfer }
}

fn reply_and_receive(to: ProcessId, transfer: Option<PageTransfer>) -> Syscall {
    Syscall::ReplyAndReceive { to, words: [0; 4], transfer }
}

/// A child that waits for a message and accepts a page at `PAGE_3`, where it has no table. Init
/// runs, and has `PAGE`.
fn receiver(world: &mut World) -> ProcessId {
    world.allocate(PAGE);
    let child = world.running_child();
    world.begin_of(child, Syscall::Receive { from: None, transfer: ACCEPT });
    world.run(INIT);
    child
}

/// A child that waits for init's answer and accepts a page at `PAGE_3`, where it has no table. Init
/// has `PAGE`.
fn caller(world: &mut World) -> ProcessId {
    world.allocate(PAGE);
    let child = world.running_child();
    world.begin_of(child, Syscall::Call { to: INIT, words: [0; 4], transfer: ACCEPT });
    world.run(INIT);
    world.begin(RECEIVE);
    child
}

/// Bounds a child to what it has.
fn bound(world: &mut World, child: ProcessId) {
    let [frames, ..] = world.call(Syscall::Usage { process: child.into() }).unwrap();
    world.call(Syscall::SetQuota { process: child.into(), frames, processes: 0 }).unwrap();
}

/// A child runs that has a pager, a sibling, and a child of its own that is to be cloned.
fn forking(world: &mut World) -> (ProcessId, ProcessId) {
    let pager = world.running_child();
    world.call_of(pager, Syscall::AcceptClients { accept: true }).unwrap();
    world.run(INIT);
    let client = world.running_child();
    world.call(set_pager(client, Some(pager))).unwrap();
    world.run(client);
    (pager, world.child())
}

/// Ends the first process that init has made.
fn end_first(world: &mut World) {
    world.call_of(INIT, destroy(first_child(world))).unwrap();
}

fn first_child(world: &World) -> ProcessId {
    world.living()[1]
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    Row("PageAllocate", Error::OutOfFrames, |w| { starve(w); answer(w, allocate(PAGE_2)) }),
    Row("PageAllocate", Error::QuotaExceeded, |w| { bounded(w); answer(w, allocate(PAGE_2)) }),
    Row("PageMap", Error::NotMapped, |w| answer(w, map(PAGE, PAGE_2, READ))),
    Row("PageMap", Error::NotPermitted, |w| { sealed(w); answer(w, map(PAGE, PAGE_2, WRITE)) }),
    Row("PageMap", Error::OutOfFrames, |w| { starve(w); answer(w, map(PAGE, PAGE_3, READ)) }),
    Row("PageMap", Error::QuotaExceeded, |w| { bounded(w); answer(w, map(PAGE, PAGE_2, READ)) }),
    Row("PageUnmap", Error::OutOfFrames, |w| { starve(w); answer(w, unmap(PAGE_3, COW)) }),
    Row("PageUnmap", Error::QuotaExceeded, |w| { bounded(w); answer(w, unmap(PAGE_3, COW)) }),
    Row("PageCopy", Error::NotMapped, |w| answer(w, copy(PAGE))),
    Row("PageCopy", Error::OutOfFrames, |w| {
        w.allocate(PAGE);
        w.call(map(PAGE, PAGE_2, READ)).unwrap();
        w.leave_free(0);
        answer(w, copy(PAGE))
    }),
    Row("PageCopy", Error::NotPermitted, |w| { with_drivers_page(w); answer(w, copy(PAGE)) }),
    Row("FrameReferences", Error::NotMapped, |w| {
        answer(w, Syscall::FrameReferences { frame: 0x100 })
    }),
    Row("RangeShare", Error::OutOfFrames, |w| { starve(w); answer(w, share(PAGE, PAGE_3)) }),
    Row("RangeShare", Error::QuotaExceeded, |w| { bounded(w); answer(w, share(PAGE, PAGE_2)) }),
    Row("RangeShare", Error::NotPermitted, |w| {
        with_drivers_page(w);
        answer(w, share(PAGE, PAGE_2))
    }),
    Row("RangeShare", Error::InvalidArgument, |w| {
        let (range, to_page) = (range(PAGE, 2), UserPage::known(PAGE + 0x1000));
        let (drop, add, both) = (READ, READ, false);
        answer(w, Syscall::RangeShare { process: ME, range, to: ME, to_page, drop, add, both })
    }),
    Row("RangeProtect", Error::NotPermitted, |w| {
        sealed(w);
        answer(w, range_protect(PAGE, WRITE))
    }),
    Row("RangeAllocate", Error::OutOfFrames, |w| { starve(w); answer(w, range_allocate(PAGE)) }),
    Row("RangeAllocate", Error::QuotaExceeded, |w| {
        bounded(w);
        answer(w, range_allocate(PAGE_2))
    }),
    Row("Transact", Error::Busy, |w| { w.allocate(PAGE); transact(w, DATA, MARK, absent(PAGE)) }),
    Row("Transact", Error::NotMapped, |w| transact(w, DATA, MAP, absent(PAGE))),
    Row("Transact", Error::NotPermitted, |w| {
        with_drivers_page(w);
        let entry = w.leaf(INIT, PAGE).bits();
        transact(w, DATA, MAP, Seen { page: PAGE, entry })
    }),
    Row("Transact", Error::OutOfFrames, |w| { starve(w); transact(w, DATA, MARK, absent(PAGE_3)) }),
    Row("Transact", Error::QuotaExceeded, |w| {
        bounded(w);
        transact(w, PAGE, MARK, absent(PAGE_3))
    }),
    Row("Transact", Error::Fault, |w| {
        answer(w, Syscall::Transact { process: ME, list: USER_TOP, pages: 1, wish: MARK })
    }),
    Row("ProcessCreate", Error::OutOfProcesses, |w| {
        *w = World::with_memory(16);
        (1..1024).for_each(|_| w.kernel_call(CREATE));
        answer(w, CREATE)
    }),
    Row("ProcessCreate", Error::OutOfFrames, |w| { starve(w); answer(w, CREATE) }),
    Row("ProcessCreate", Error::QuotaExceeded, |w| { bounded(w); answer(w, CREATE) }),
    Row("RegistersRead", Error::Fault, |w| {
        let process = w.child().into();
        answer(w, Syscall::RegistersRead { process, address: USER_TOP - 36 })
    }),
    Row("RegistersWrite", Error::Fault, |w| {
        let process = w.child().into();
        answer(w, Syscall::RegistersWrite { process, address: USER_TOP - 36 })
    }),
    Row("RegistersWrite", Error::Busy, |w| {
        let process = receiver(w).into();
        answer(w, Syscall::RegistersWrite { process, address: PAGE })
    }),
    Row("Wait", Error::NoChild, |w| answer(w, Syscall::Wait { child: None })),
    Row("Wait", Error::Deadlock, |w| {
        let child = w.running_child();
        w.begin_of(child, send(INIT, None));
        w.run(INIT);
        answer(w, wait_for(child))
    }),
    Row("SetQuota", Error::Busy, |w| {
        let child = ordinary(w);
        w.child();
        w.run(INIT);
        answer(w, set_quota(child))
    }),
    Row("SetQuota", Error::Refused, |w| {
        for _ in 0..16 {
            let child = w.running_child();
            w.call(set_quota(child)).unwrap();
            w.run(child);
        }
        let child = w.child();
        answer(w, set_quota(child))
    }),
    Row("SetPager", Error::Refused, |w| {
        let (client, pager) = (w.child(), w.child());
        answer(w, set_pager(client, Some(pager)))
    }),
    Row("SetPager", Error::Deadlock, |w| {
        let client = w.running_child();
        w.call_of(client, Syscall::AcceptClients { accept: true }).unwrap();
        w.run(INIT);
        answer(w, set_pager(client, Some(client)))
    }),
    Row("SetPager", Error::Busy, |w| { let client = faulted(w); answer(w, set_pager(client, None)) }),
    Row("FaultForward", Error::Refused, |w| {
        answer(w, Syscall::FaultForward { address: PAGE, access: 4, eip: 0 })
    }),
    Row("FaultReply", Error::NotWaiting, |w| { let child = w.child(); answer(w, fault_reply(child)) }),
    Row("FaultReply", Error::NotMapped, |w| { let child = faulted(w); answer(w, fault_reply(child)) }),
    Row("FaultReply", Error::NotPermitted, |w| {
        with_drivers_page(w);
        let child = faulted(w);
        answer(w, fault_reply(child))
    }),
    Row("FaultReply", Error::OutOfFrames, |w| {
        let child = faulted(w);
        starve(w);
        answer(w, fault_reply(child))
    }),
    Row("FaultReply", Error::QuotaExceeded, |w| {
        w.allocate(PAGE);
        let child = faulted(w);
        bound(w, child);
        answer(w, fault_reply(child))
    }),
    Row("Clone", Error::Refused, |w| {
        let (_, child) = forking(w);
        w.call(set_pager(child, None)).unwrap();
        answer(w, Syscall::Clone { child })
    }),
    Row("Clone", Error::PeerEnded, |w| {
        let (pager, child) = forking(w);
        let client = w.current();
        w.call_of(INIT, destroy(pager)).unwrap();
        w.run(client);
        answer(w, Syscall::Clone { child })
    }),
    Row("Clone", Error::Deadlock, |w| {
        let (pager, child) = forking(w);
        let client = w.current();
        w.begin_of(pager, call(client, None));
        w.run(client);
        answer(w, Syscall::Clone { child })
    }),
    Row("Send", Error::Deadlock, |w| answer(w, send(INIT, None))),
    Row("Send", Error::PeerEnded, |w| {
        let to = w.running_child();
        let sender = w.running_child();
        w.run(sender);
        answer_later(w, send(to, None), end_first)
    }),
    Row("Send", Error::NotMapped, |w| {
        let to = w.child();
        answer(w, send(to, transfer(READ)))
    }),
    Row("Send", Error::NotPermitted, |w| {
        with_drivers_page(w);
        let to = w.child();
        answer(w, send(to, transfer(READ)))
    }),
    Row("Send", Error::OutOfFrames, |w| {
        let to = receiver(w);
        w.leave_free(0);
        answer(w, send(to, transfer(READ)))
    }),
    Row("Send", Error::QuotaExceeded, |w| {
        let to = receiver(w);
        bound(w, to);
        answer(w, send(to, transfer(READ)))
    }),
    Row("Receive", Error::Deadlock, |w| {
        answer(w, Syscall::Receive { from: Some(INIT), transfer: None })
    }),
    Row("Receive", Error::PeerEnded, |w| {
        let from = w.running_child();
        let receiver = w.running_child();
        w.run(receiver);
        answer_later(w, Syscall::Receive { from: Some(from), transfer: None }, end_first)
    }),
    Row("Call", Error::Deadlock, |w| answer(w, call(INIT, None))),
    Row("Call", Error::PeerEnded, |w| {
        let to = w.running_child();
        let caller = w.running_child();
        w.run(caller);
        answer_later(w, call(to, None), end_first)
    }),
    Row("Call", Error::NotMapped, |w| {
        let to = w.child();
        answer(w, call(to, transfer(READ)))
    }),
    Row("Call", Error::NotPermitted, |w| {
        let to = receiver(w);
        w.call(unmap(PAGE, READ)).unwrap();
        with_drivers_page(w);
        answer(w, call(to, transfer(READ)))
    }),
    Row("Call", Error::OutOfFrames, |w| {
        let to = receiver(w);
        w.leave_free(0);
        answer(w, call(to, transfer(READ)))
    }),
    Row("Call", Error::QuotaExceeded, |w| {
        let to = receiver(w);
        bound(w, to);
        answer(w, call(to, transfer(READ)))
    }),
    Row("Reply", Error::NotWaiting, |w| { let to = w.child(); answer(w, reply(to, None)) }),
    Row("Reply", Error::NotMapped, |w| {
        let to = caller(w);
        w.call(unmap(PAGE, READ)).unwrap();
        answer(w, reply(to, transfer(READ)))
    }),
    Row("Reply", Error::NotPermitted, |w| {
        let to = caller(w);
        w.call(map(PAGE, PAGE, READ)).unwrap();
        answer(w, reply(to, transfer(WRITE)))
    }),
    Row("Reply", Error::OutOfFrames, |w| {
        let to = caller(w);
        w.leave_free(0);
        answer(w, reply(to, transfer(READ)))
    }),
    Row("Reply", Error::QuotaExceeded, |w| {
        let to = caller(w);
        bound(w, to);
        answer(w, reply(to, transfer(READ)))
    }),
    Row("ReplyAndReceive", Error::NotMapped, |w| {
        let to = caller(w);
        w.call(unmap(PAGE, READ)).unwrap();
        answer(w, reply_and_receive(to, transfer(READ)))
    }),
    Row("ReplyAndReceive", Error::NotPermitted, |w| {
        let to = caller(w);
        w.call(map(PAGE, PAGE, READ)).unwrap();
        answer(w, reply_and_receive(to, transfer(WRITE)))
    }),
    Row("ReplyAndReceive", Error::OutOfFrames, |w| {
        let to = caller(w);
        w.leave_free(0);
        answer(w, reply_and_receive(to, transfer(READ)))
    }),
    Row("ReplyAndReceive", Error::QuotaExceeded, |w| {
        let to = caller(w);
        bound(w, to);
        answer(w, reply_and_receive(to, transfer(READ)))
    }),
    Row("ConsoleWrite", Error::Fault, |w| {
        answer(w, Syscall::ConsoleWrite { address: USER_TOP - 1, length: 2 })
    }),
    Row("ConsoleRead", Error::Fault, |w| {
        answer(w, Syscall::ConsoleRead { address: USER_TOP - 1, length: 2 })
    }),
    Row("SetConsoleOwner", Error::NoSuchProcess, |w| {
        w.call(Syscall::SetConsoleOwner { owner: Some(ME) }).unwrap();
        ordinary(w);
        answer(w, Syscall::SetConsoleOwner { owner: Some(ME) })
    }),
    Row("PageProtect", Error::NotMapped, |w| answer(w, protect(PAGE, READ))),
    Row("PageProtect", Error::NotPermitted, |w| { sealed(w); answer(w, protect(PAGE, WRITE)) }),
    Row("ViewAttach", Error::NoSuchProcess, |w| answer(w, view(ME))),
    Row("ViewAttach", Error::Refused, |w| {
        let child = ordinary(w);
        let grandchild = w.child();
        w.call(view(grandchild)).unwrap();
        w.run(INIT);
        answer(w, view(child))
    }),
    Row("ViewAttach", Error::Busy, |w| {
        let child = w.child();
        w.call(view(child)).unwrap();
        answer(w, view(child))
    }),
    Row("ViewDetach", Error::NotMapped, |w| {
        answer(w, Syscall::ViewDetach { view: ViewSlot::new(0xE0).unwrap() })
    }),
    Row("DriverAllow", Error::NotPermitted, |w| {
        ordinary(w);
        let child = w.child();
        answer(w, allow_driver(child))
    }),
    Row("PortsAllow", Error::Busy, |w| answer(w, ports(0x40))),
    Row("PortsAllow", Error::QuotaExceeded, |w| {
        for first in [0xC00, 0xC10, 0xC20, 0xC30] {
            w.call(ports(first)).unwrap();
        }
        answer(w, ports(0xC40))
    }),
    Row("PortsAllow", Error::NotPermitted, |w| { ordinary(w); answer(w, ports(0xC00)) }),
    Row("DeviceMap", Error::NotPermitted, |w| { ordinary(w); answer(w, device_map(PAGE)) }),
    Row("DeviceMap", Error::OutOfFrames, |w| { starve(w); answer(w, device_map(PAGE_3)) }),
    Row("DeviceMap", Error::QuotaExceeded, |w| { bounded(w); answer(w, device_map(PAGE_2)) }),
    Row("DmaAllocate", Error::Busy, |w| { w.allocate(PAGE); answer(w, dma(PAGE)) }),
    Row("DmaAllocate", Error::OutOfFrames, |w| {
        answer(w, Syscall::DmaAllocate { range: range(PAGE, DMA_POOL + 1) })
    }),
    Row("DmaAllocate", Error::QuotaExceeded, |w| { bounded(w); answer(w, dma(PAGE_2)) }),
    Row("DmaAllocate", Error::NotPermitted, |w| { ordinary(w); answer(w, dma(PAGE)) }),
    Row("DmaRelease", Error::NotMapped, |w| {
        w.allocate(PAGE);
        answer(w, Syscall::DmaRelease { range: range(PAGE, 1) })
    }),
    Row("DmaRelease", Error::NotPermitted, |w| {
        ordinary(w);
        answer(w, Syscall::DmaRelease { range: range(PAGE, 1) })
    }),
    Row("DmaReclaim", Error::NoSuchProcess, |w| {
        let driver = w.child();
        answer(w, Syscall::DmaReclaim { driver })
    }),
    Row("DmaReclaim", Error::Busy, |w| {
        let driver = w.running_child();
        w.call(allow_driver(driver)).unwrap();
        w.call_of(driver, dma(PAGE)).unwrap();
        w.call_of(INIT, destroy(driver)).unwrap();
        answer(w, Syscall::DmaReclaim { driver })
    }),
    Row("DmaReclaim", Error::NotPermitted, |w| {
        let driver = ordinary(w);
        answer(w, Syscall::DmaReclaim { driver })
    }),
    Row("InterruptAttach", Error::Busy, |w| answer(w, interrupt_attach(0))),
    Row("InterruptAttach", Error::NotPermitted, |w| { ordinary(w); answer(w, interrupt_attach(11)) }),
    Row("InterruptAcknowledge", Error::NotPermitted, |w| {
        answer(w, Syscall::InterruptAcknowledge { line: Line::new(11).unwrap() })
    }),
    Row("PageMove", Error::NotMapped, |w| answer(w, move_page(PAGE, PAGE_2))),
    Row("PageMove", Error::Busy, |w| { w.allocate(PAGE); answer(w, move_page(PAGE, PAGE)) }),
    Row("PageMove", Error::NotPermitted, |w| {
        with_drivers_page(w);
        answer(w, move_page(PAGE, PAGE_2))
    }),
    Row("PageMove", Error::OutOfFrames, |w| { starve(w); answer(w, move_page(PAGE, PAGE_3)) }),
    Row("PageMove", Error::QuotaExceeded, |w| { bounded(w); answer(w, move_page(PAGE, PAGE_2)) }),
    Row("EventsRead", Error::NotPermitted, |w| {
        let child = w.child();
        answer(w, events_read(child, PAGE))
    }),
    Row("EventsRead", Error::Fault, |w| {
        w.kernel.trace.on = true;
        let child = w.child();
        answer(w, events_read(child, USER_TOP))
    }),
    Row("FaultReplyAndReceive", Error::NotMapped, |w| {
        let child = faulted(w);
        answer(w, fault_reply_and_receive(child))
    }),
    Row("FaultReplyAndReceive", Error::NotPermitted, |w| {
        with_drivers_page(w);
        let child = faulted(w);
        answer(w, fault_reply_and_receive(child))
    }),
    Row("FaultReplyAndReceive", Error::OutOfFrames, |w| {
        let child = faulted(w);
        starve(w);
        answer(w, fault_reply_and_receive(child))
    }),
    Row("FaultReplyAndReceive", Error::QuotaExceeded, |w| {
        w.allocate(PAGE);
        let child = faulted(w);
        bound(w, child);
        answer(w, fault_reply_and_receive(child))
    }),
];

#[test]
fn each_row_gets_its_error_from_its_call() {
    for Row(name, error, provoke) in ROWS {
        let (call, answered) = provoke(&mut World::new());
        let made = format!("{call:?}");
        let made = made.split([' ', '{']).next().unwrap();
        assert_eq!((made, answered), (*name, *error));
    }
}

#[test]
fn every_error_that_the_documentation_names_has_a_row_and_no_other_has() {
    let named: BTreeSet<String> = CALLS
        .values()
        .flat_map(|call| call.errors.iter().map(|error| format!("{} {error:?}", call.name)))
        .collect();
    let rows: BTreeSet<String> =
        ROWS.iter().map(|Row(name, error, _)| format!("{name} {error:?}")).collect();
    let without_row: Vec<_> = named.difference(&rows).collect();
    let not_named: Vec<_> = rows.difference(&named).collect();
    assert!(without_row.is_empty(), "named, but without a row: {without_row:?}");
    assert!(not_named.is_empty(), "not named by the documentation: {not_named:?}");
    assert_eq!(rows.len(), ROWS.len(), "a row stands twice");
}

#[test]
fn the_documentation_of_every_call_was_found() {
    let numbers: Vec<u32> = CALLS.keys().copied().collect();
    let all: Vec<u32> = (Syscall::FIRST..=Syscall::LAST).collect();
    assert_eq!(numbers, all);
    assert!(CALLS.values().filter(|call| !call.errors.is_empty()).count() > 30);
}
