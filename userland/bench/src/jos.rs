//! What the JOS calls cost, entered as a JOS program enters them.
#![allow(unsafe_code)]

use core::arch::asm;

use libsys::abi::layout::USER_TOP;
use libsys::{
    Error, Permissions, ProcessId, Target, identity, page_allocate, page_unmap, yield_now,
};

use crate::peer::Peer;
use crate::stopwatch::{Failure, Outcome, row};
use crate::test_pages::test_page;

const PAGE_MAP: u32 = 5;
const TRY_SEND: u32 = 12;
const RECEIVE: u32 = 13;

/// P, W and U.
const READ_WRITE: u32 = 7;
/// The address that says that no page is sent or accepted.
const NO_PAGE: u32 = USER_TOP;

/// `jos_page_map`, `jos_message_round_trip`.
pub fn run() -> Outcome {
    let (page, other) = (test_page(0), test_page(1));
    page_allocate(Target::Caller, page, Permissions::WRITE)?;
    row("jos_page_map", 1000, |watch| {
        let (from, to) = (page.address(), other.address());
        done(watch.time(|| call(PAGE_MAP, [0, from, 0, to, READ_WRITE])))?;
        page_unmap(Target::Caller, other, Permissions::empty())?;
        Ok(())
    })?;
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
