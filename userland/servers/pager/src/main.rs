//! The pager's program: receives the messages, which `pager::server` answers.
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

mod live;

use libsys::paging::fixed_pages::{INBOX, TO_INBOX};
use libsys::service::pager::ready;
use libsys::{
    Error, accept_clients, accept_frame_requests, args, fault_reply_and_receive, identity, machine,
    receive, reply_and_receive, send,
};

use live::Live;
use pager::{Answer, Server};

libsys::main!(main, arguments);
libsys::about!("serves the page faults of programs", "pager   (init starts it)");

fn main() -> Result<(), Error> {
    let parent = identity().parent.ok_or(Error::NoSuchProcess)?;
    accept_clients(true)?;
    accept_frame_requests(true)?;
    let swaps = args().nth(1) == Some("swap");
    let mut server = Server::new(Live::new()?, machine().frames, swaps);
    grow_stack_ahead();
    send(parent, ready(), None)?;
    let mut message = receive(None, Some(TO_INBOX))?;
    loop {
        message = match server.answer(message) {
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
