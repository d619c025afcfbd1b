//! The calls about page faults: where a process handles them, and who its pager is.

use abi::call::{FaultReply, PageTransfer};
use abi::fault::Access;
use abi::message::Message;
use abi::process::Target;
use abi::{Error, ProcessId, Syscall, UserPage};

use super::entry::{done, one_word, two_words};
use super::gate;
use crate::paging::own_pages::check_transfer;

/// Sets the address at which the kernel resumes a process after a page fault; `None` for none. A
/// program handles its own faults by [`crate::paging::fault::set_handler`], which has an entry and
/// a stack for it.
///
/// # Safety
/// If `process` is the caller: `entry` is code that takes a fault as [`abi::fault`] says, or
/// `None`.
///
/// # Errors
/// See [`Syscall::SetHandler`].
#[inline(always)]
pub unsafe fn set_handler(process: impl Into<Target>, entry: Option<u32>) -> Result<(), Error> {
    one_word(Syscall::SetHandler { process: process.into(), address: entry.unwrap_or(0) }).map(drop)
}

/// Sets a child's pager; `None` for none.
///
/// # Errors
/// See [`Syscall::SetPager`].
pub fn set_pager(child: ProcessId, pager: Option<ProcessId>) -> Result<(), Error> {
    one_word(Syscall::SetPager { process: child.into(), pager }).map(drop)
}

/// Says whether the caller accepts clients.
///
/// # Errors
/// None of its own.
pub fn accept_clients(accept: bool) -> Result<(), Error> {
    one_word(Syscall::AcceptClients { accept }).map(drop)
}

/// Says whether the caller frees frames when a call of a client finds none. A pager that does
/// answers [`Event::Frames`](crate::service::message::Event::Frames).
///
/// # Errors
/// None of its own.
pub fn accept_frame_requests(accept: bool) -> Result<(), Error> {
    one_word(Syscall::AcceptFrameRequests { accept }).map(drop)
}

/// Passes a fault on to the caller's pager; returns when the pager has handled it.
///
/// # Errors
/// See [`Syscall::FaultForward`].
pub fn fault_forward(address: u32, access: Access, eip: u32) -> Result<(), Error> {
    done(Syscall::FaultForward { address, access: access.bits(), eip })
}

/// Answers a client's fault. A page that the client may write is one of
/// [`crate::paging::own_pages`]'s.
///
/// # Errors
/// See [`Syscall::FaultReply`].
#[inline(always)]
pub fn fault_reply(client: ProcessId, reply: FaultReply) -> Result<(), Error> {
    check_reply(reply)?;
    two_words(Syscall::FaultReply { process: client, reply }).map(drop)
}

/// Answers a client's fault, then waits for a message from anyone; a page may come at `accept`.
///
/// # Errors
/// See [`Syscall::FaultReplyAndReceive`].
#[inline(always)]
pub fn fault_reply_and_receive(
    client: ProcessId,
    reply: FaultReply,
    accept: Option<UserPage>,
) -> Result<Message, Error> {
    check_reply(reply)?;
    check_transfer(accept.map(|page| PageTransfer { page, send: None, accept: true }))?;
    let call = Syscall::FaultReplyAndReceive { process: client, reply, accept };
    let answer = gate::message(&call.encode());
    Message::from_wire(answer.value, answer.process, answer.words)
}

/// Bounds how long each fault of a child may wait for its pager; 0 is no bound.
///
/// # Errors
/// See [`Syscall::SetFaultTimeout`].
pub fn set_fault_timeout(child: ProcessId, milliseconds: u32) -> Result<(), Error> {
    one_word(Syscall::SetFaultTimeout { process: child.into(), milliseconds }).map(drop)
}

/// Has the caller's pager adopt a child that is about to get a copy of the caller's memory.
///
/// # Errors
/// See [`Syscall::Clone`].
pub fn clone(child: ProcessId) -> Result<(), Error> {
    one_word(Syscall::Clone { child }).map(drop)
}

/// Whether the client may get the page of `reply`.
#[inline(always)] // As for `check_transfer`.
fn check_reply(reply: FaultReply) -> Result<(), Error> {
    match reply {
        FaultReply::Map { source, permissions, .. } => check_transfer(Some(PageTransfer {
            page: source,
            send: Some(permissions),
            accept: false,
        })),
        FaultReply::Resume | FaultReply::Refuse => Ok(()),
    }
}
