//! What it costs to have another process do something: a message and its reply, the same with a
//! page, and a yield.

use libsys::abi::call::PageTransfer;
use libsys::{
    Error, Permissions, Target, message_call, page_allocate, receive, reply_and_receive, yield_now,
};

use crate::peer::Peer;
use crate::stopwatch::{Failure, Outcome, Samples, repeat};
use crate::test_pages::test_page;

/// `message_round_trip`, `message_page_extra`, `yield_pair`.
pub fn run() -> Outcome {
    let plain = round_trip()?;
    plain.print("message_round_trip", 1);
    with_page()?.beyond(&plain).print("message_page_extra", 1);
    yield_pair()?.print("yield_pair", 1);
    Ok(())
}

/// A call and its reply, four words each way.
pub fn round_trip() -> Result<Samples, Failure> {
    let server = Peer::new(|| serve(None))?;
    repeat(1000, |watch| {
        let reply = watch.time(|| message_call(server.id(), [1, 2, 3, 4], None))?;
        if reply.words == [1, 2, 3, 4] { Ok(()) } else { Err(Failure::Wrong("a wrong answer")) }
    })
}

/// The same with a page in the message. Two pages take turns, so that another frame arrives each
/// time.
fn with_page() -> Result<Samples, Failure> {
    for index in 0..3 {
        page_allocate(Target::Caller, test_page(index), Permissions::WRITE)?;
    }
    let accepted = PageTransfer { page: test_page(2), send: None, accept: true };
    let server = Peer::new(|| serve(Some(accepted)))?;
    // The fork has dropped W.
    page_allocate(Target::Caller, test_page(0), Permissions::WRITE)?;
    page_allocate(Target::Caller, test_page(1), Permissions::WRITE)?;
    let mut turn = 0;
    repeat(1000, |watch| {
        turn = 1 - turn;
        let page =
            PageTransfer { page: test_page(turn), send: Some(Permissions::WRITE), accept: false };
        watch.time(|| message_call(server.id(), [1, 2, 3, 4], Some(page)))?;
        Ok(())
    })
}

fn serve(transfer: Option<PageTransfer>) -> Result<(), Error> {
    let mut message = receive(None, transfer)?;
    loop {
        message = reply_and_receive(message.sender, message.words, transfer)?;
    }
}

/// A yield to another process that yields at once, and back.
pub fn yield_pair() -> Result<Samples, Failure> {
    let _other = Peer::new(|| {
        yield_now();
        Ok(())
    })?;
    repeat(1000, |watch| {
        watch.time(yield_now);
        Ok(())
    })
}
