//! What a fault costs that another process serves: its pager maps a page that is ready.
//!
//! Three processes: this one, which only waits; a pager, its child; a client, its other child,
//! which measures. The client has no handler of its own and needs no other page while it measures.

use libsys::abi::call::FaultReply;
use libsys::paging::fork::{Fork, fork, unshare};
use libsys::process::{exit, wait};
use libsys::service::message::{Event, next_event};
use libsys::{
    Error, Permissions, ProcessId, Target, UserPage, accept_clients, fault_reply_and_receive,
    identity, page_allocate, page_unmap, receive, send, set_pager,
};

use crate::peer::Peer;
use crate::stopwatch::{Failure, Outcome, row};
use crate::test_pages::test_page;
use crate::touch::{self, store};

/// The test page of the pager that is ready, and the test page that the client touches.
const READY: u32 = 0;
const WANTED: u32 = 1;

/// `fault_pager`.
pub fn run() -> Outcome {
    page_allocate(Target::Caller, test_page(READY), Permissions::WRITE)?;
    // So that the client has the page table.
    page_allocate(Target::Caller, test_page(WANTED), Permissions::WRITE)?;
    let pager = Peer::new(|| {
        accept_clients(true)?;
        // Private again: the fork has dropped W in both processes.
        page_allocate(Target::Caller, test_page(READY), Permissions::WRITE)?;
        serve()
    })?;
    let client = match fork()? {
        Fork::Parent { child } => child,
        Fork::Child => exit(u8::from(measure().is_err())),
    };
    // The client has faulted on all pages that its first pager had to give it.
    receive(Some(client), None)?;
    set_pager(client, Some(pager.id()))?;
    send(client, [0; 4], None)?;
    if wait(Some(client))?.status == 0 { Ok(()) } else { Err(Failure::Wrong("the client failed")) }
}

/// Maps the page that is ready into each client that faults, for ever.
fn serve() -> Result<(), Error> {
    let mut event = next_event()?;
    loop {
        event = match event {
            Event::Fault { client, address, .. } => answer(client, address)?,
            Event::Message { .. }
            | Event::Clone { .. }
            | Event::Frames { .. }
            | Event::Exit { .. }
            | Event::Interrupt => next_event()?,
        };
    }
}

#[inline(always)]
fn answer(client: ProcessId, address: u32) -> Result<Event, Error> {
    let destination = UserPage::containing(address).ok_or(Error::NotMapped)?;
    let source = test_page(READY);
    let reply = FaultReply::Map { source, destination, permissions: Permissions::WRITE };
    Event::new(fault_reply_and_receive(client, reply, None)?).ok_or(Error::InvalidArgument)
}

#[allow(unsafe_code)]
fn no_handler() -> Result<(), Error> {
    // SAFETY: without a handler the pager gets the faults, or the process ends.
    unsafe { libsys::call::set_handler(Target::Caller, None) }
}

fn measure() -> Outcome {
    own_everything()?;
    let parent = identity().parent.ok_or(Error::NoSuchProcess)?;
    send(parent, [0; 4], None)?;
    receive(Some(parent), None)?;
    let page = test_page(WANTED);
    no_handler()?;
    row("fault_pager", 500, |watch| {
        page_unmap(Target::Caller, page, Permissions::empty())?;
        watch.time(|| store(page));
        Ok(())
    })?;
    Ok(())
}

/// Makes every page that the fork has shared private, and touches the text and heap that the client
/// will need: from now on only one page faults.
fn own_everything() -> Result<(), Error> {
    touch::everything();
    unshare()
}
