//! The failure matrix: what happens to all processes involved when a pager, or a client of one,
//! fails at the worst moment.
//!
//! Each cell runs twice, and the second run must leave as many frames free as the first. Cells in
//! which pages are paged out are in the program `squeezed`, because they need the pager that swaps.

use libsys::abi::call::FaultReply;
use libsys::abi::message::Kind;
use libsys::process::{end, exit, id};
use libsys::{
    Error, fault_reply, machine, message_call, page_allocate, process_start, receive, reply, send,
    set_fault_timeout, set_pager, sleep,
};

use crate::bare::{self, LOAD, at};
use crate::expect::{Outcome, checks, equal, refused};
use crate::family::{PAGE_FAULT, ends_well, is_killed, until_blocked};
use crate::memory::{parent, test_page};
use crate::pagers::{TOUCHED, client_of, page_touched, pager};
use support::memory::load;

checks! {
    failure_the_pager_exits,
    failure_the_pager_hangs,
    failure_the_pager_replies_with_garbage,
    failure_the_pager_faults_on_itself,
    failure_the_client_is_killed_while_its_fault_is_served,
    failure_the_outer_of_two_nested_pagers_dies,
    failure_the_inner_of_two_nested_pagers_dies,
}

const NOTHING: libsys::Permissions = libsys::Permissions::empty();

/// Runs a cell three times, and counts around the third: what the first two leave for later use,
/// the third finds. The first leaves page tables. The second runs in other process slots, for whose
/// records the system's pager may need one more page.
fn exact(cell: fn() -> Outcome) -> Outcome {
    cell()?;
    cell()?;
    let free = machine().free;
    cell()?;
    equal("free frames", machine().free, free)
}

fn failure_the_pager_exits() -> Outcome {
    exact(|| {
        let pager = pager(|_| exit(0))?;
        is_killed(client_of(pager, LOAD)?, PAGE_FAULT)?;
        ends_well(pager)
    })
}

/// The client's parent has set a timeout.
fn failure_the_pager_hangs() -> Outcome {
    exact(|| {
        let pager = pager(|_| {
            loop {
                sleep(1000);
            }
        })?;
        let client = bare::bare(LOAD, at(TOUCHED))?;
        set_pager(client, Some(pager))?;
        set_fault_timeout(client, 50)?;
        process_start(client)?;
        is_killed(client, PAGE_FAULT)?;
        Ok(end(pager).map(drop)?)
    })
}

/// Each wrong answer is an error for the pager, and the client still waits. An answer that changes
/// nothing brings the same fault again. At last the pager refuses.
fn failure_the_pager_replies_with_garbage() -> Outcome {
    exact(|| {
        let pager = pager(|fault| {
            let client = fault.sender;
            let map = |source| FaultReply::Map {
                source,
                destination: page_touched(),
                permissions: NOTHING,
            };
            refused("no page", fault_reply(client, map(test_page(900))), Error::NotMapped)?;
            refused("no message", reply(client, [7; 4], None), Error::NotWaiting)?;
            refused("someone else", fault_reply(id(), FaultReply::Resume), Error::NotWaiting)?;
            refused("not by a call", message_call(client, [7; 4], None), Error::Deadlock)?;
            fault_reply(client, FaultReply::Resume)?;
            let again = receive(None, None)?;
            equal("again", (again.kind, again.sender), (Kind::Fault, client))?;
            Ok(fault_reply(client, FaultReply::Refuse)?)
        })?;
        is_killed(client_of(pager, LOAD)?, PAGE_FAULT)?;
        ends_well(pager)
    })
}

fn failure_the_pager_faults_on_itself() -> Outcome {
    exact(|| {
        let pager = pager(|_| {
            load(8);
            Ok(())
        })?;
        is_killed(client_of(pager, LOAD)?, PAGE_FAULT)?;
        is_killed(pager, PAGE_FAULT)
    })
}

/// The pager's answer comes too late, and it serves the next client all the same.
fn failure_the_client_is_killed_while_its_fault_is_served() -> Outcome {
    exact(|| {
        let pager = pager(|fault| {
            send(parent()?, [0; 4], None)?;
            receive(Some(parent()?), None)?;
            refused("too late", fault_reply(fault.sender, FaultReply::Resume), Error::NotWaiting)?;
            let next = receive(None, None)?;
            page_allocate(next.sender, page_touched(), NOTHING)?;
            Ok(fault_reply(next.sender, FaultReply::Resume)?)
        })?;
        let client = client_of(pager, LOAD)?;
        receive(Some(pager), None)?;
        end(client)?;
        send(pager, [0; 4], None)?;
        ends_well(client_of(pager, LOAD)?)?;
        ends_well(pager)
    })
}

/// The middle pager needs the outer one to serve the client.
fn failure_the_outer_of_two_nested_pagers_dies() -> Outcome {
    exact(|| {
        let outer = pager(|_| exit(0))?;
        let middle = pager(|_| {
            load(TOUCHED);
            Ok(())
        })?;
        set_pager(middle, Some(outer))?;
        is_killed(client_of(middle, LOAD)?, PAGE_FAULT)?;
        is_killed(middle, PAGE_FAULT)?;
        ends_well(outer)
    })
}

/// The outer pager has received the middle pager's fault, and then has no client to answer.
fn failure_the_inner_of_two_nested_pagers_dies() -> Outcome {
    exact(|| {
        let outer = pager(|fault| {
            send(parent()?, [0; 4], None)?;
            receive(Some(parent()?), None)?;
            refused("nobody", fault_reply(fault.sender, FaultReply::Resume), Error::NotWaiting)
        })?;
        let middle = pager(|_| {
            load(TOUCHED);
            Ok(())
        })?;
        set_pager(middle, Some(outer))?;
        let client = client_of(middle, LOAD)?;
        receive(Some(outer), None)?;
        until_blocked(middle)?;
        end(middle)?;
        is_killed(client, PAGE_FAULT)?;
        send(outer, [0; 4], None)?;
        ends_well(outer)
    })
}
