//! What the JOS calls cost, entered as a JOS program enters them.
#![allow(unsafe_code)]

use core::arch::asm;

use libsys::abi::layout::USER_TOP;
use libsys::{Error, ProcessId, identity, yield_now};

use crate::peer::Peer;
use crate::stopwatch::{Failure, Outcome, row};
use crate::test_pages::test_page;

const GETENVID: u32 = 2;
const PAGE_ALLOC: u32 = 4;
const PAGE_MAP: u32 = 5;
const PAGE_UNMAP: u32 = 6;
const YIELD: u32 = 11;
const TRY_SEND: u32 = 12;
const RECEIVE: u32 = 13;

/// P and U.
const READ: u32 = 5;
/// P, W and U.
const READ_WRITE: u32 = 7;
/// The address that says that no page is sent or accepted.
const NO_PAGE: u32 = USER_TOP;

/// `jos_null`, `jos_page_alloc`, `jos_page_map`, `jos_page_unmap`, `jos_protect_1`,
/// `jos_yield_pair`, `jos_message_round_trip`.
pub fn run() -> Outcome {
    row("jos_null", 1000, |watch| {
        watch.time(|| call(GETENVID, [0; 5]));
        Ok(())
    })?;
    pages()?;
    yield_pair()?;
    message()
}

fn pages() -> Outcome {
    let (page, other) = (test_page(0).address(), test_page(1).address());
    let allocate = |at| call(PAGE_ALLOC, [0, at, READ_WRITE, 0, 0]);
    let map = |to, permissions| call(PAGE_MAP, [0, page, 0, to, permissions]);
    let unmap = || call(PAGE_UNMAP, [0, other, 0, 0, 0]);
    done(allocate(page))?;
    row("jos_page_alloc", 1000, |watch| {
        done(watch.time(|| allocate(other)))?;
        done(unmap())
    })?;
    row("jos_page_map", 1000, |watch| {
        done(watch.time(|| map(other, READ_WRITE)))?;
        done(unmap())
    })?;
    row("jos_page_unmap", 1000, |watch| {
        done(map(other, READ_WRITE))?;
        done(watch.time(unmap))
    })?;
    // JOS has no call for it: a program maps the page onto itself with other permissions. A page
    // that has lost W cannot get it back in this way, so each time there is a fresh one.
    row("jos_protect_1", 1000, |watch| {
        done(allocate(page))?;
        done(watch.time(|| map(page, READ)))
    })?;
    Ok(())
}

fn yield_pair() -> Outcome {
    // The result of this call says nothing.
    let give_way = || _ = call(YIELD, [0; 5]);
    let _other = Peer::new(|| {
        give_way();
        Ok(())
    })?;
    row("jos_yield_pair", 1000, |watch| {
        watch.time(give_way);
        Ok(())
    })?;
    Ok(())
}

fn message() -> Outcome {
    let client = identity().id;
    let server = Peer::new(|| {
        receive()?;
        send(client)
    })?;
    row("jos_message_round_trip", 1000, |watch| {
        watch.time(|| {
            send(server.id())?;
            receive()
        })?;
        Ok(())
    })?;
    Ok(())
}

/// Sends as the JOS library does: until the receiver waits, other processes run.
fn send(to: ProcessId) -> Result<(), Error> {
    while let result = call(TRY_SEND, [to.bits(), 1, NO_PAGE, 0, 0])
        && result != 0
    {
        if result != NOT_RECEIVING {
            return Err(Error::InvalidArgument);
        }
        yield_now();
    }
    Ok(())
}

/// The result of a JOS send whose receiver does not wait.
const NOT_RECEIVING: u32 = 7_u32.wrapping_neg();

fn receive() -> Result<(), Error> {
    if call(RECEIVE, [NO_PAGE, 0, 0, 0, 0]) == 0 { Ok(()) } else { Err(Error::InvalidArgument) }
}

fn done(result: u32) -> Outcome {
    if result == 0 { Ok(()) } else { Err(Failure::Wrong("a JOS call failed")) }
}

/// A JOS call with its arguments in edx, ecx, ebx, edi and esi.
#[inline(always)]
fn call(number: u32, [edx, ecx, ebx, edi, esi]: [u32; 5]) -> u32 {
    let result;
    // SAFETY: the calls of this file change only mappings of test pages, where no Rust object lies.
    // LLVM keeps esi for itself, so it is put back; all other registers keep their values.
    unsafe {
        asm!(
            "push esi", "mov esi, {esi}", "int 0x30", "pop esi",
            esi = in(reg) esi, inout("eax") number => result, in("edx") edx, in("ecx") ecx, in("edi") edi, in("ebx") ebx,
        );
    }
    result
}
