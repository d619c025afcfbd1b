//! `pingpong [ROUNDS]`: sends messages between two processes, and prints how long one round takes.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use libsys::paging::fork::{Fork, fork};
use libsys::process::start::usage;
use libsys::process::{exit, wait};
use libsys::{Error, args, clock, identity, message_call, println, receive, reply_and_receive};

libsys::main!(main, arguments);
libsys::about!(
    "two processes that send each other a number",
    "pingpong [ROUNDS]   (1 or more; default 1000)"
);

fn main() -> Result<u8, Error> {
    let rounds = match (args().nth(1).map_or(Ok(1000_u32), str::parse), args().nth(2)) {
        (Ok(rounds @ 1..), None) => rounds,
        _ => {
            return Ok(usage());
        }
    };
    let server = match fork()? {
        Fork::Child => exit(u8::from(serve(rounds).is_err())),
        Fork::Parent { child } => child,
    };
    let start = clock();
    let mut wrong = 0;
    for round in 0..rounds {
        let answer = message_call(server, [round, 0, 0, 0], None)?;
        wrong += u32::from(answer.words[0] != round + 1);
    }
    let microseconds = clock() - start;
    let ended = wait(Some(server))?;
    let nanoseconds = microseconds * 1000 / u64::from(rounds);
    println!("{rounds} rounds in {microseconds} us: {nanoseconds} ns each, {wrong} wrong answers");
    Ok(u8::from(wrong > 0 || ended.status != 0))
}

/// Answers each number with the next one, `rounds` times.
fn serve(rounds: u32) -> Result<(), Error> {
    let client = identity().parent.ok_or(Error::NoSuchProcess)?;
    let mut message = receive(Some(client), None)?;
    for _ in 1..rounds {
        let [number, ..] = message.words;
        message = reply_and_receive(message.sender, [number + 1, 0, 0, 0], None)?;
    }
    let [number, ..] = message.words;
    libsys::call::reply(message.sender, [number + 1, 0, 0, 0], None)
}
