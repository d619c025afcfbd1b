//! Pagers: what a pager learns and may do, and what happens to its clients when it fails.

use libsys::abi::call::{FaultReply, PageTransfer};
use libsys::abi::fault::Access;
use libsys::abi::message::{Kind, Message, Reason};
use libsys::abi::registers::UserRegisters;
use libsys::process::{end, exit, id, wait};
use libsys::{
    Error, Permissions, ProcessId, Target, accept_clients, call, clock, fault_forward, fault_reply,
    fault_reply_and_receive, message_call, page_allocate, page_map, process_create, process_start,
    receive, registers_read, reply, send, set_fault_timeout, set_pager, set_quota, sleep, usage,
};

use crate::bare::{self, CODE, LOAD, STORE, at};
use crate::expect::{Outcome, Why, checks, equal, refused};
use crate::family::{
    PAGE_FAULT, Try, child, ends, ends_well, idle_child, in_time, is_killed, until, until_blocked,
};
use crate::memory::{fresh, mappings, parent, stale_id, test_page};
use support::memory::{load, store};

checks! {
    a_pager_learns_the_access_and_serves_it,
    a_fault_changes_no_register,
    a_pager_that_mends_nothing_is_asked_again,
    a_refusal_ends_the_client,
    a_fault_reply_that_fails_leaves_the_client_waiting,
    a_fault_reply_is_charged_to_the_client,
    a_fault_is_answered_and_the_next_received_in_one_call,
    a_client_that_waits_keeps_its_pager,
    only_the_pager_that_was_asked_may_answer,
    a_pager_may_change_its_clients_memory_and_nothing_else,
    clients_end_with_a_pager_that_ends,
    a_pager_that_waits_for_its_client_cannot_serve_it,
    a_slow_pager_loses_its_client,
    a_pager_in_time_keeps_its_client,
    a_pager_has_to_accept,
    pager_circles_and_long_chains_are_refused,
    a_pager_of_a_pager_serves_it,
    clone_asks_the_pager,
    clone_is_refused_where_it_makes_no_sense,
    a_fault_passed_on_to_nobody_is_refused,
}

const NONE: Permissions = Permissions::empty();
const WRITE: Permissions = Permissions::WRITE;
/// The address that the clients touch.
pub const TOUCHED: u32 = 0x5000_0008;

pub fn page_touched() -> libsys::UserPage {
    libsys::UserPage::known(TOUCHED & !0xFFF)
}

/// A bare child under a pager. It begins to touch [`TOUCHED`].
pub fn client_of(pager: ProcessId, code: &[u8]) -> Result<ProcessId, Error> {
    let client = bare::bare(code, UserRegisters { ecx: 0xC0DE, ..at(TOUCHED) })?;
    set_pager(client, Some(pager))?;
    process_start(client)?;
    Ok(client)
}

/// As [`client_of`], under the caller; returned with the fault that it makes.
fn faulting(code: &[u8]) -> Result<(ProcessId, Message), Error> {
    let client = client_of(id(), code)?;
    Ok((client, receive(None, None)?))
}

fn a_pager_learns_the_access_and_serves_it() -> Outcome {
    let (reader, fault) = faulting(LOAD)?;
    equal("sender and kind", (fault.sender, fault.kind), (reader, Kind::Fault))?;
    equal("words", fault.words, [TOUCHED, Access::USER.bits(), CODE, 0])?;
    store(fresh(0)?.address() + 8, 0x5A);
    let map =
        FaultReply::Map { source: test_page(0), destination: page_touched(), permissions: NONE };
    fault_reply(reader, map)?;
    ends(reader, Reason::Exited, 0x5A)?;

    let (writer, fault) = faulting(STORE)?;
    equal("a write", fault.words, [TOUCHED, 6, CODE, 0])?;
    // The page is present now, but read-only.
    fault_reply(writer, map)?;
    let fault = receive(None, None)?;
    equal("a write to a read-only page", fault.words, [TOUCHED, 7, CODE, 0])?;
    fault_reply(
        writer,
        FaultReply::Map { source: test_page(0), destination: page_touched(), permissions: WRITE },
    )?;
    ends_well(writer)?;
    equal("what it wrote", load(test_page(0).address() + 8), 0xC0DE)?;
    equal("mappings", mappings(test_page(0)), Some(1))
}

fn a_fault_changes_no_register() -> Outcome {
    let set = UserRegisters {
        edi: 1,
        esi: 2,
        ebp: 3,
        ebx: TOUCHED,
        edx: 5,
        ecx: 6,
        eax: 7,
        eip: CODE,
        eflags: 0xAD5 & !0x100,
        esp: 8,
    };
    let client = bare::bare(LOAD, set)?;
    set_pager(client, Some(id()))?;
    process_start(client)?;
    receive(None, None)?;
    let expected = UserRegisters { eflags: set.eflags | 0x202, ..set };
    let found = registers_read(client)?;
    // Bit 16 is the resume flag, which the CPU sets in the image that a fault saves (Intel SDM vol.
    // 3B, 18.3.1.1), and an emulator may not; bit 1 is always set.
    let eflags = found.eflags & !0x1_0000 | 2;
    equal("registers", UserRegisters { eflags, ..found }, expected)?;
    fault_reply(client, FaultReply::Refuse)?;
    is_killed(client, PAGE_FAULT)
}

fn a_pager_that_mends_nothing_is_asked_again() -> Outcome {
    let (client, fault) = faulting(LOAD)?;
    for _ in 0..3 {
        fault_reply(client, FaultReply::Resume)?;
        equal("the same fault", receive(None, None)?.words, fault.words)?;
    }
    page_allocate(client, page_touched(), NONE)?;
    fault_reply(client, FaultReply::Resume)?;
    ends_well(client)
}

fn a_refusal_ends_the_client() -> Outcome {
    let (client, _) = faulting(LOAD)?;
    fault_reply(client, FaultReply::Refuse)?;
    is_killed(client, PAGE_FAULT)
}

fn a_fault_reply_that_fails_leaves_the_client_waiting() -> Outcome {
    let (client, _) = faulting(LOAD)?;
    let map = |permissions| FaultReply::Map {
        source: test_page(0),
        destination: page_touched(),
        permissions,
    };
    refused("an absent source", fault_reply(client, map(NONE)), Error::NotMapped)?;
    page_allocate(Target::Caller, test_page(0), NONE)?;
    refused("W from a source without it", fault_reply(client, map(WRITE)), Error::NotPermitted)?;
    // A reply to a fault is no reply to a call.
    refused("reply", reply(client, [0; 4], None), Error::NotWaiting)?;
    fault_reply(client, map(NONE))?;
    refused("twice", fault_reply(client, map(NONE)), Error::NotWaiting)?;
    ends_well(client)
}

fn a_fault_reply_is_charged_to_the_client() -> Outcome {
    let client = bare::bare(LOAD, at(TOUCHED))?;
    set_pager(client, Some(id()))?;
    set_quota(client, usage(client)?.frames, 0)?;
    process_start(client)?;
    receive(None, None)?;
    store(fresh(0)?.address() + 8, 0x11);
    let map =
        FaultReply::Map { source: test_page(0), destination: page_touched(), permissions: NONE };
    refused("a page and its table", fault_reply(client, map), Error::QuotaExceeded)?;
    set_quota(client, usage(client)?.frames + 1, 0)?;
    refused("the page alone", fault_reply(client, map), Error::QuotaExceeded)?;
    set_quota(client, usage(client)?.frames + 2, 0)?;
    fault_reply(client, map)?;
    ends(client, Reason::Exited, 0x11)
}

/// Two clients touch the same address, each in its own space.
fn a_fault_is_answered_and_the_next_received_in_one_call() -> Outcome {
    let source = fresh(0)?;
    let answer =
        FaultReply::Map { source, destination: page_touched(), permissions: Permissions::WRITE };
    let clients = [client_of(id(), STORE)?, client_of(id(), STORE)?];
    let first = receive(None, None)?;
    equal("first", (first.kind, first.sender), (Kind::Fault, clients[0]))?;
    let second = fault_reply_and_receive(first.sender, answer, None)?;
    equal("second", (second.kind, second.sender), (Kind::Fault, clients[1]))?;
    let end = fault_reply_and_receive(second.sender, answer, None)?;
    equal("the end of one", end.kind, Kind::Exit)?;
    let end = receive(None, None)?;
    equal("and of the other", end.kind, Kind::Exit)?;
    equal("mappings when both are gone", mappings(source), Some(1))
}

fn a_client_that_waits_keeps_its_pager() -> Outcome {
    let (client, _) = faulting(LOAD)?;
    refused("to take it away", set_pager(client, None), Error::Busy)?;
    refused("to change it", set_pager(client, Some(id())), Error::Busy)?;
    page_allocate(client, page_touched(), NONE)?;
    fault_reply(client, FaultReply::Resume)?;
    ends_well(client)
}

fn only_the_pager_that_was_asked_may_answer() -> Outcome {
    let (client, _) = faulting(LOAD)?;
    let stranger = child(|| {
        for answer in [FaultReply::Resume, FaultReply::Refuse] {
            refused("of another's client", fault_reply(client, answer), Error::NotWaiting)?;
        }
        Ok(())
    })?;
    ends_well(stranger)?;
    refused("of a stale id", fault_reply(stale_id()?, FaultReply::Resume), Error::NotWaiting)?;
    refused("of one's parent", fault_reply(parent()?, FaultReply::Refuse), Error::NotWaiting)?;
    fault_reply(client, FaultReply::Refuse)?;
    is_killed(client, PAGE_FAULT)
}

/// A child that accepts clients, reports that it does, and then runs `act` with what it receives.
pub fn pager(act: impl FnOnce(Message) -> Outcome) -> Result<ProcessId, Why> {
    let pager = child(|| {
        accept_clients(true)?;
        send(parent()?, [0; 4], None)?;
        act(receive(None, None)?)
    })?;
    receive(Some(pager), None)?;
    Ok(pager)
}

fn a_pager_may_change_its_clients_memory_and_nothing_else() -> Outcome {
    let pager = pager(|fault| {
        let client = fault.sender;
        page_allocate(client, test_page(3), WRITE)?;
        page_map((client, test_page(3)), (Target::Caller, test_page(3)), WRITE)?;
        usage(client)?;
        let nobody = Error::NoSuchProcess;
        refused("registers", registers_read(client), nobody)?;
        refused("stop", libsys::process_stop(client), nobody)?;
        refused("destroy", libsys::destroy(client, false), nobody)?;
        refused("handler", bare::set_handler(client, CODE), nobody)?;
        refused("pager", set_pager(client, None), nobody)?;
        refused("quota", libsys::set_quota(client, 1, 1), nobody)?;
        refused("timeout", set_fault_timeout(client, 1), nobody)?;
        refused("wait", wait(Some(client)), Error::NoChild)?;
        page_allocate(client, page_touched(), NONE)?;
        Ok(fault_reply(client, FaultReply::Resume)?)
    })?;
    let client = client_of(pager, LOAD)?;
    ends_well(client)?;
    ends_well(pager)
}

fn clients_end_with_a_pager_that_ends() -> Outcome {
    // While it serves the fault.
    let holds_it = pager(|_| exit(0))?;
    let client = client_of(holds_it, LOAD)?;
    is_killed(client, PAGE_FAULT)?;
    ends_well(holds_it)?;
    // Before it has received the fault.
    let never_looks = pager(|_| {
        sleep(30);
        Ok(())
    })?;
    send(never_looks, [0; 4], None)?;
    let client = client_of(never_looks, LOAD)?;
    is_killed(client, PAGE_FAULT)?;
    ends_well(never_looks)?;
    // Before the client faults.
    let gone = pager(|_| Ok(()))?;
    let client = bare::bare(LOAD, at(TOUCHED))?;
    set_pager(client, Some(gone))?;
    send(gone, [0; 4], None)?;
    ends_well(gone)?;
    process_start(client)?;
    is_killed(client, PAGE_FAULT)?;
    // Ended by another process.
    let destroyed = pager(|_| {
        receive(None, None)?;
        Ok(())
    })?;
    let client = client_of(destroyed, LOAD)?;
    until_blocked(client)?;
    end(destroyed)?;
    is_killed(client, PAGE_FAULT)
}

fn a_pager_that_waits_for_its_client_cannot_serve_it() -> Outcome {
    let pager = pager(|go| {
        let client = ProcessId::new(go.words[0])?;
        refused("call", message_call(client, [0; 4], None), Error::PeerEnded)
    })?;
    let client = bare::bare(LOAD, at(TOUCHED))?;
    set_pager(client, Some(pager))?;
    send(pager, [client.bits(), 0, 0, 0], None)?;
    until_blocked(pager)?;
    process_start(client)?;
    is_killed(client, PAGE_FAULT)?;
    ends_well(pager)
}

/// The caller is the pager, and sleeps: once before it has received the fault, once after it.
fn a_slow_pager_loses_its_client() -> Outcome {
    for receives in [false, true] {
        in_time(|| {
            let client = bare::bare(LOAD, at(TOUCHED))?;
            set_pager(client, Some(id()))?;
            set_fault_timeout(client, 20)?;
            let started = clock();
            process_start(client)?;
            if receives {
                let kind = receive(None, None)?.kind;
                if kind == Kind::Exit && clock() - started >= 20_000 {
                    // The timeout was over before this process came to receive.
                    return Ok(Try::Spoilt);
                }
                equal("a fault", kind, Kind::Fault)?;
            }
            sleep(100);
            refused("too late", fault_reply(client, FaultReply::Resume), Error::NotWaiting)?;
            is_killed(client, PAGE_FAULT)?;
            Ok(Try::Good)
        })?;
    }
    Ok(())
}

fn a_pager_in_time_keeps_its_client() -> Outcome {
    in_time(serve_in_time)
}

/// Serves five faults, each in a third of the timeout, so that all together take longer than the
/// timeout. If the clock says that this process itself was late, the kernel was right to end the
/// client.
fn serve_in_time() -> Result<Try, Why> {
    const LIMIT: u32 = 300;
    let client = bare::bare(LOAD, at(TOUCHED))?;
    set_pager(client, Some(id()))?;
    set_fault_timeout(client, LIMIT)?;
    // Read before the next fault, so that the time since then is not shorter than the time for
    // which the fault waits.
    let mut before_fault = clock();
    let late = |before: u64| clock() - before >= u64::from(LIMIT) * 1000;
    process_start(client)?;
    for _ in 0..5 {
        let kind = receive(None, None)?.kind;
        if kind == Kind::Exit && late(before_fault) {
            return Ok(Try::Spoilt);
        }
        equal("a fault", kind, Kind::Fault)?;
        sleep(LIMIT / 3);
        let before_reply = clock();
        let replied = fault_reply(client, FaultReply::Resume);
        if replied == Err(Error::NotWaiting) && late(before_fault) {
            wait(Some(client))?;
            return Ok(Try::Spoilt);
        }
        replied?;
        before_fault = before_reply;
    }
    let kind = receive(None, None)?.kind;
    if kind == Kind::Exit && late(before_fault) {
        return Ok(Try::Spoilt);
    }
    equal("the last fault", kind, Kind::Fault)?;
    set_fault_timeout(client, 0)?;
    page_allocate(client, page_touched(), NONE)?;
    let replied = fault_reply(client, FaultReply::Resume);
    if replied == Err(Error::NotWaiting) && late(before_fault) {
        wait(Some(client))?;
        return Ok(Try::Spoilt);
    }
    replied?;
    ends_well(client)?;
    Ok(Try::Good)
}

fn a_pager_has_to_accept() -> Outcome {
    let (client, other) = (process_create()?, idle_child()?);
    refused("one who was not asked", set_pager(client, Some(other)), Error::Refused)?;
    refused("one's parent", set_pager(client, Some(parent()?)), Error::Refused)?;
    set_pager(client, Some(id()))?;
    set_pager(client, None)?;
    refused("a pager for oneself", set_pager(id(), None), Error::NoSuchProcess)?;
    end(client)?;
    end(other)?;
    let fickle = child(|| {
        accept_clients(true)?;
        accept_clients(false)?;
        send(parent()?, [0; 4], None)?;
        receive(None, None)?;
        Ok(())
    })?;
    receive(Some(fickle), None)?;
    let client = process_create()?;
    refused("one who accepts no more", set_pager(client, Some(fickle)), Error::Refused)?;
    end(client)?;
    end(fickle)?;
    Ok(())
}

/// A child that accepts clients and is under `pager`.
fn link(under: Option<ProcessId>) -> Result<ProcessId, Why> {
    let link = child(|| {
        accept_clients(true)?;
        send(parent()?, [0; 4], None)?;
        receive(None, None)?;
        Ok(())
    })?;
    receive(Some(link), None)?;
    set_pager(link, under)?;
    Ok(link)
}

fn pager_circles_and_long_chains_are_refused() -> Outcome {
    let first = link(None)?;
    refused("its own pager", set_pager(first, Some(first)), Error::Deadlock)?;
    let second = link(Some(first))?;
    refused("each other's", set_pager(first, Some(second)), Error::Deadlock)?;
    // Eight pagers above a client are the most.
    let mut last = second;
    for _ in 3..=8 {
        last = link(Some(last))?;
    }
    let client = process_create()?;
    set_pager(client, Some(last))?;
    let ninth = link(Some(last))?;
    refused("a ninth", set_pager(client, Some(ninth)), Error::Deadlock)?;
    refused("a circle through all", set_pager(first, Some(ninth)), Error::Deadlock)?;
    end(client)?;
    while let Some(child) = crate::memory::children().next() {
        // In any order: all of them are idle.
        let _ = end(child);
    }
    Ok(())
}

/// The client's fault makes its pager fault, which this process serves.
fn a_pager_of_a_pager_serves_it() -> Outcome {
    let middle = pager(|fault| {
        let client = fault.sender;
        // Absent here as well: the access is this process's own fault, which its own pager serves.
        equal("what came from above", load(TOUCHED), 0x66)?;
        let map = FaultReply::Map {
            source: page_touched(),
            destination: page_touched(),
            permissions: NONE,
        };
        Ok(fault_reply(client, map)?)
    })?;
    set_pager(middle, Some(id()))?;
    let client = client_of(middle, LOAD)?;
    let fault = receive(None, None)?;
    equal("the pager's fault", (fault.sender, fault.words[0]), (middle, TOUCHED))?;
    store(fresh(0)?.address() + 8, 0x66);
    let map =
        FaultReply::Map { source: test_page(0), destination: page_touched(), permissions: NONE };
    fault_reply(middle, map)?;
    ends(client, Reason::Exited, 0x66)?;
    ends_well(middle)
}

fn clone_asks_the_pager() -> Outcome {
    let forker = child(|| {
        receive(None, None)?;
        for expected in [Ok(()), Err(Error::Refused), Err(Error::Refused)] {
            let child = process_create()?;
            let result = call::clone(child);
            end(child)?;
            equal("result", result, expected)?;
        }
        Ok(())
    })?;
    set_pager(forker, Some(id()))?;
    send(forker, [0; 4], None)?;
    for answer in [0, 1, 0xFFFF_FFFF] {
        let clone = receive(None, None)?;
        equal("kind and sender", (clone.kind, clone.sender), (Kind::Clone, forker))?;
        let child = ProcessId::new(clone.words[0])?;
        // The child is the pager's client from the start.
        equal("what the child has", usage(child)?.frames, 1)?;
        refused("no fault", fault_reply(forker, FaultReply::Resume), Error::NotWaiting)?;
        reply(forker, [answer, 0, 0, 0], None)?;
    }
    ends_well(forker)
}

fn clone_is_refused_where_it_makes_no_sense() -> Outcome {
    let child = process_create()?;
    set_pager(child, None)?;
    if libsys::identity().pager.is_some() {
        refused("another pager", call::clone(child), Error::Refused)?;
    }
    end(child)?;
    refused("not a child", call::clone(parent()?), Error::NoSuchProcess)?;
    refused("oneself", call::clone(id()), Error::NoSuchProcess)?;
    // The pager waits for the caller: neither of them could ever run again.
    let pager = pager(|go| {
        let client = ProcessId::new(go.words[0])?;
        let page = PageTransfer { page: test_page(0), send: None, accept: true };
        let reply = message_call(client, [0; 4], Some(page))?;
        equal("reply", reply.words[0], 1)
    })?;
    let forker = crate::family::child(|| {
        receive(Some(parent()?), None)?;
        let child = process_create()?;
        refused("a pager that waits", call::clone(child), Error::Deadlock)?;
        receive(None, None)?;
        reply(pager, [1; 4], None)?;
        // The pager ends now.
        until("the pager is gone", || call::clone(child) == Err(Error::PeerEnded))?;
        end(child)?;
        Ok(())
    })?;
    set_pager(forker, Some(pager))?;
    until_blocked(forker)?;
    send(pager, [forker.bits(), 0, 0, 0], None)?;
    until_blocked(pager)?;
    send(forker, [0; 4], None)?;
    ends_well(pager)?;
    ends_well(forker)
}

fn a_fault_passed_on_to_nobody_is_refused() -> Outcome {
    let client = child(|| {
        receive(Some(parent()?), None)?;
        let result = fault_forward(TOUCHED, Access::USER, 0);
        refused("without a pager", result, Error::Refused)
    })?;
    set_pager(client, None)?;
    send(client, [0; 4], None)?;
    ends_well(client)?;
    // With a handler: the refusal is the result of its call, and does not end it.
    let forwarder = child(|| {
        receive(Some(parent()?), None)?;
        refused("by the pager", fault_forward(TOUCHED, Access::USER, 77), Error::Refused)?;
        Ok(fault_forward(TOUCHED + 4, Access::WRITE, 78)?)
    })?;
    set_pager(forwarder, Some(id()))?;
    send(forwarder, [0; 4], None)?;
    equal("the first", receive(None, None)?.words, [TOUCHED, 4, 77, 0])?;
    fault_reply(forwarder, FaultReply::Refuse)?;
    equal("the second", receive(None, None)?.words, [TOUCHED + 4, 2, 78, 0])?;
    fault_reply(forwarder, FaultReply::Resume)?;
    ends_well(forwarder)
}
