//! `my_program`: is the pager of its own child, and gives the child each page that it touches.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

extern crate alloc;

use libsys::abi::call::FaultReply;
use libsys::abi::format::elf::STACK_START;
use libsys::abi::layout::USER_STACK_TOP;
use libsys::paging::fork::{Fork, fork};
use libsys::paging::regions::{HEAP_END, HEAP_START};
use libsys::process::{exit, id};
use libsys::service::message::{Event, next_event};
use libsys::{
    Error, Permissions, ProcessId, UserPage, fault_reply, identity, page_allocate, println,
    receive, send, set_pager,
};

libsys::about!("is the pager of its own child");
libsys::main!(main);

/// Pages that the child fills.
const PAGES: usize = 8;

fn main() -> Result<u8, Error> {
    let child = match fork()? {
        Fork::Child => exit(u8::from(work().is_err())),
        Fork::Parent { child } => child,
    };
    set_pager(child, Some(id()))?;
    // The child waits for this message, so it has its pager before it touches a new page.
    send(child, [0; 4], None)?;
    let mut given = 0;
    let status = loop {
        match next_event()? {
            Event::Fault { client, address, .. } if client == child => {
                given += u32::from(serve(child, address)?);
            }
            Event::Exit { child: ended, status, .. } if ended == child => break status,
            // No process should have sent these.
            Event::Message { .. }
            | Event::Fault { .. }
            | Event::Exit { .. }
            | Event::Interrupt
            | Event::Clone { .. }
            | Event::Frames { .. } => {}
        }
    };
    println!("my_program: {given} pages given, the child's status is {status}");
    Ok(u8::from(status != 0 || given < PAGES as u32))
}

/// Serves a fault: the child waits until the reply, then its instruction is executed again. Decide
/// here what a page holds, which page has to go for it, and what the child may not touch.
fn serve(child: ProcessId, address: u32) -> Result<bool, Error> {
    let known = (HEAP_START..HEAP_END).contains(&address)
        || (STACK_START..USER_STACK_TOP).contains(&address);
    let Some(page) = UserPage::containing(address).filter(|_| known) else {
        println!("my_program: {address:#010x} is no address of the child's");
        fault_reply(child, FaultReply::Refuse)?;
        return Ok(false);
    };
    page_allocate(child, page, Permissions::WRITE)?;
    fault_reply(child, FaultReply::Resume)?;
    Ok(true)
}

/// The child: fills pages of its heap, and finds what it has written.
fn work() -> Result<(), Error> {
    receive(identity().parent, None)?;
    let mut pages = alloc::vec![[0_u32; 1024]; PAGES];
    (1..).zip(&mut pages).for_each(|(number, page)| page.fill(number));
    let right = (1..).zip(&pages).all(|(number, page)| page.iter().all(|word| *word == number));
    if right { Ok(()) } else { Err(Error::Fault) }
}
