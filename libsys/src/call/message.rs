//! The calls that send and receive messages.
//!
//! Each answers `NotPermitted`, without a call, if a page travels that a Rust object may lie in:
//! one that the receiver could write, or that a received page would replace
//! ([`crate::paging::own_pages`]).

use abi::call::PageTransfer;
use abi::message::{Kind, Message};
use abi::{Error, ProcessId, Syscall};

use super::entry::done;
use super::gate;
use crate::paging::own_pages::check_transfer;

/// Sends a message and waits until it is received.
///
/// # Errors
/// See [`Syscall::Send`].
pub fn send(to: ProcessId, words: [u32; 4], transfer: Option<PageTransfer>) -> Result<(), Error> {
    check_transfer(transfer)?;
    done(Syscall::Send { to, words, transfer })
}

/// Waits for a message, from one process or from anyone.
///
/// # Errors
/// See [`Syscall::Receive`].
#[inline(always)]
pub fn receive(from: Option<ProcessId>, transfer: Option<PageTransfer>) -> Result<Message, Error> {
    check_transfer(transfer)?;
    message(Syscall::Receive { from, transfer })
}

/// Sends a message and waits for the reply. (The kernel's name is `call`, which is the name of this
/// module.)
///
/// # Errors
/// See [`Syscall::Call`].
#[inline(always)]
pub fn message_call(
    to: ProcessId,
    words: [u32; 4],
    transfer: Option<PageTransfer>,
) -> Result<Message, Error> {
    if transfer.is_some() {
        check_transfer(transfer)?;
        return message(Syscall::Call { to, words, transfer });
    }
    let (value, words) = gate::call(to, words);
    received(value, to.bits(), words)
}

/// Answers a process that is blocked in a call to the caller.
///
/// # Errors
/// See [`Syscall::Reply`].
pub fn reply(to: ProcessId, words: [u32; 4], transfer: Option<PageTransfer>) -> Result<(), Error> {
    check_transfer(transfer)?;
    done(Syscall::Reply { to, words, transfer })
}

/// Answers, then waits for a message from anyone.
///
/// # Errors
/// See [`Syscall::ReplyAndReceive`].
#[inline(always)]
pub fn reply_and_receive(
    to: ProcessId,
    words: [u32; 4],
    transfer: Option<PageTransfer>,
) -> Result<Message, Error> {
    if transfer.is_some() {
        check_transfer(transfer)?;
        return message(Syscall::ReplyAndReceive { to, words, transfer });
    }
    let answer = gate::reply_and_receive(to, words);
    received(answer.value, answer.process, answer.words)
}

#[inline(always)]
fn message(call: Syscall) -> Result<Message, Error> {
    let answer = gate::message(&call.encode());
    received(answer.value, answer.process, answer.words)
}

/// The message, or the error in `eax`. 0 is the header of an ordinary message without a page: the
/// most frequent one, for which everything else is known.
#[inline(always)]
fn received(eax: u32, sender: u32, words: [u32; 4]) -> Result<Message, Error> {
    match ProcessId::new(sender) {
        Ok(sender) if eax == 0 => Ok(Message { sender, kind: Kind::Message, words, page: None }),
        _ => Message::from_wire(eax, sender, words),
    }
}
