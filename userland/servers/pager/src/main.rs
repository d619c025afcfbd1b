//! The pager: receives the faults of its clients and answers each of them.
//!
//! It blocks in one receive and never polls. A fault that it cannot serve it refuses, with one
//! line, and goes on: neither a client's mistake nor memory that has run out may end the pager. So
//! it grows its stack before it serves, and takes memory for its tables before it touches them.
//!
//! Each loop answers one message and receives the next in the same call. The client runs as soon as
//! it is answered.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

extern crate alloc;

mod backend;
mod disk;
mod server;

use libsys::abi::message::Message;
use libsys::paging::fixed_pages::{INBOX, TO_INBOX};
use libsys::service::message::Event;
use libsys::service::pager::ready;
use libsys::{
    Error, accept_clients, accept_frame_requests, args, fault_reply_and_receive, identity, receive,
    reply_and_receive, send,
};

use disk::SwapDisk;
use pager::frame_pointer::Question;
use server::{Answer, Refused, Server};

libsys::main!(main, arguments);
libsys::about!("serves the page faults of programs", "pager   (init starts it)");

fn main() -> Result<(), Error> {
    let parent = identity().parent.ok_or(Error::NoSuchProcess)?;
    accept_clients(true)?;
    accept_frame_requests(true)?;
    let swaps = args().nth(1) == Some("swap");
    let mut server = Server::new(if swaps { SwapDisk::find() } else { SwapDisk::NONE })?;
    grow_stack_ahead();
    send(parent, ready(), None)?;
    let mut message = receive(None, Some(TO_INBOX))?;
    loop {
        message = match answer(&mut server, message) {
            Answer::Words(to, words) => reply_and_receive(to, words, Some(TO_INBOX))?,
            Answer::Fault(client, reply) => fault_reply_and_receive(client, reply, Some(INBOX))?,
            Answer::None => receive(None, Some(TO_INBOX))?,
        };
    }
}

/// Touches the stack that the work needs, while there is memory.
#[inline(never)]
fn grow_stack_ahead() {
    let mut ahead = [0_u8; 0x1_0000];
    core::hint::black_box(&mut ahead);
}

fn answer(server: &mut Server, message: Message) -> Answer {
    match Event::new(message) {
        Some(Event::Fault { client, address, access, eip, forwarded }) => {
            let fault = Question { address, eip };
            let refusal = if forwarded { Refused::GoesOn } else { Refused::Ends };
            Answer::Fault(client, server.fault(client, fault, access, refusal))
        }
        Some(Event::Message { sender, words, page }) => {
            Answer::Words(sender, server.request(sender, words, page.is_some()))
        }
        Some(Event::Frames { client, frames }) => {
            Answer::Fault(client, server.free_frames(client, frames))
        }
        Some(Event::Clone { client, child }) => {
            Answer::Words(client, server.clone_client(client, child))
        }
        Some(Event::Interrupt | Event::Exit { .. }) | None => Answer::None,
    }
}
