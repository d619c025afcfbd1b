//! `trace`: starts a program and prints its calls and faults from the kernel's ring of events.
//!
//! The ring holds the last 256 events of all processes, and a parent may copy those of a living
//! child. So the program runs for short times, and its events are copied while it is stopped:
//!
//! 1. The tracer fills the ring with events of its own: what is in it afterwards is new. A *mark*,
//!    a child of the tracer, makes one call.
//! 2. The tracer waits until the next interrupt of the timer is a *slice* away, and lets the
//!    program run: the interrupt takes the CPU from the program, and the tracer stops it.
//! 3. If the mark's event is in the ring, none of the program's was overwritten. Else some are
//!    missing, which a line says. The slice gets longer when there are few events in it.
//!
//! A program that ends has no events any more. Therefore `libsys` asks the parent before it exits,
//! if the parent started it so (`Command::traced`). Of programs in C, and of those that an
//! exception ends, the last slice is missing.
//!
//! Not done: descendants of the program are not traced. The kernel stops a process and gives its
//! events for its parent alone, and the parent of a descendant is the program, which waits.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;
use core::fmt;

use libsys::abi::message::{Kind as MessageKind, Reason};
use libsys::abi::trace::{EVENTS, Event, Kind};
use libsys::call::{Ended, FAREWELL};
use libsys::paging::fork::{Fork, fork};
use libsys::process::start::usage;
use libsys::process::{Command, SpawnError, end, id, info, wait};
use libsys::runtime::counter::now_long;
use libsys::runtime::event::{InWords, kind_of};
use libsys::{
    Error, ProcessId, args, events_read, identity, message_call, println, process_start,
    process_stop, receive, reply, reply_and_receive, sleep, yield_now,
};

libsys::main!(main, arguments);
libsys::about!(
    "prints the calls and faults of a program",
    "trace [--calls] [--faults] PROGRAM [ARGUMENTS...]",
    "  --calls    calls, those with messages among them",
    "  --faults   page faults and other exceptions",
    "  without either: both. Its children are not traced: only a",
    "  parent may read a process's events. The machine records",
    "  events if it was booted with `cargo xtask qemu --trace`."
);

/// Exit status if the program cannot be traced.
const FAILED: u8 = 127;

/// The shortest slice is this part of the time between two interrupts of the timer.
const SHORTEST: u64 = 256;
/// With fewer events, the next slice is twice as long.
const FEW: usize = 48;
/// With more events, the next slice is half as long.
const MANY: usize = 128;

/// Which events are printed.
#[derive(Clone, Copy)]
struct Wanted {
    calls: bool,
    faults: bool,
}

fn main() -> u8 {
    let mut wanted = Wanted { calls: false, faults: false };
    let mut words = args().skip(1).peekable();
    while let Some(word) = words.next_if(|word| word.starts_with('-')) {
        match word {
            "--calls" => wanted.calls = true,
            "--faults" => wanted.faults = true,
            _ => return usage(),
        }
    }
    if !wanted.calls && !wanted.faults {
        wanted = Wanted { calls: true, faults: true };
    }
    let words: Vec<&str> = words.collect();
    let Some((name, arguments)) = words.split_first() else { return usage() };
    match trace(wanted, name, arguments) {
        Ok(ended) => {
            println!("{name}: {}", How(ended));
            ended.status as u8
        }
        Err(Failure::NoEvents) => {
            println!("trace: the kernel records no events; boot with `cargo xtask qemu --trace`");
            FAILED
        }
        Err(Failure::Spawn(why)) => {
            println!("trace: {name}: {why}");
            FAILED
        }
        Err(Failure::Call(why)) => {
            println!("trace: {why}");
            FAILED
        }
    }
}

/// Why a program is not traced.
enum Failure {
    NoEvents,
    Spawn(SpawnError),
    Call(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

/// How a program has ended.
struct How(Ended);

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ended { status, reason, .. } = self.0;
        match reason {
            Reason::Exited => write!(f, "has ended with status {status}"),
            Reason::Killed => write!(f, "was killed, status {status}"),
            Reason::Destroyed => f.write_str("was destroyed"),
        }
    }
}

fn trace(wanted: Wanted, name: &str, arguments: &[&str]) -> Result<Ended, Failure> {
    let mark = Mark::new()?;
    if events_read(mark.0, &mut [Event::NONE]) == Err(Error::NotPermitted) {
        return Err(Failure::NoEvents);
    }
    let child = Command::new(name).args(arguments).traced().spawn().map_err(Failure::Spawn)?;
    let tick = Tick::measure();
    let mut slice = tick.period / SHORTEST;
    while info::is_alive(child) {
        mark.set()?;
        tick.wait_for_the_last(slice);
        let Some(events) = run_and_read(child) else { break };
        let of_mark = events_read(mark.0, &mut [Event::NONE])?;
        if of_mark == 0 {
            println!("  ... some events are missing: the ring holds {EVENTS}");
        }
        print_all(&events, wanted);
        slice = match events.len() {
            MANY.. => (slice / 2).max(tick.period / SHORTEST),
            count if count < FEW && of_mark > 0 => (slice * 2).min(tick.period),
            _ => slice,
        };
        if asks_to_exit(&events) {
            process_start(child)?;
            answer(child)?;
        }
    }
    Ok(wait(Some(child))?)
}

/// Lets the program run until the next interrupt of the timer, or until it waits, and copies its
/// events; `None` if it has ended.
fn run_and_read(child: ProcessId) -> Option<Vec<Event>> {
    process_start(child).ok()?;
    yield_now();
    process_stop(child).ok()?;
    let mut events = alloc::vec![Event::NONE; EVENTS as usize];
    let count = events_read(child, &mut events).ok()?;
    events.truncate(count);
    Some(events)
}

fn print_all(events: &[Event], wanted: Wanted) {
    for event in events {
        let is_wanted = match kind_of(event) {
            Some(Kind::Call | Kind::Message) => wanted.calls,
            Some(Kind::Fault | Kind::Exception) => wanted.faults,
            Some(Kind::Switch | Kind::Interrupt) | None => false,
        };
        if is_wanted {
            println!("  {}", InWords(*event));
        }
    }
}

/// Whether the last thing that a program did is a call to the tracer.
fn asks_to_exit(events: &[Event]) -> bool {
    let is_message = |event: &&Event| kind_of(event) == Some(Kind::Message);
    events.iter().rfind(is_message).is_some_and(|event| event.argument == id().bits())
}

/// Answers the program's question before its exit.
fn answer(child: ProcessId) -> Result<(), Error> {
    let message = receive(Some(child), None)?;
    if message.kind == MessageKind::Message && message.words[0] == FAREWELL {
        reply(child, [0; 4], None)?;
    }
    Ok(())
}

/// A child whose events say whether the ring was overwritten since its last call.
struct Mark(ProcessId);

impl Mark {
    fn new() -> Result<Self, Error> {
        match fork()? {
            Fork::Parent { child } => Ok(Self(child)),
            Fork::Child => {
                let Ok(mut asked) = receive(None, None) else { libsys::process::exit(1) };
                while let Ok(next) = reply_and_receive(asked.sender, [0; 4], None) {
                    asked = next;
                }
                libsys::process::exit(1)
            }
        }
    }

    /// Fills the ring with events of the tracer, then has the mark make its call.
    fn set(&self) -> Result<(), Error> {
        for _ in 0..EVENTS {
            let _ = identity();
        }
        message_call(self.0, [0; 4], None).map(drop)
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        // It ends in no other way.
        let _ = end(self.0);
    }
}

/// When the timer interrupts: at a moment, and then after each period, by the time-stamp counter.
struct Tick {
    at: u64,
    period: u64,
}

impl Tick {
    /// A sleeping process wakes up with an interrupt of the timer.
    fn measure() -> Self {
        sleep(1);
        let first = now_long();
        sleep(1);
        let second = now_long();
        Self { at: second, period: (second - first).max(1) }
    }

    /// Waits until the next interrupt is so far away, without an event.
    fn wait_for_the_last(&self, slice: u64) {
        if slice >= self.period {
            return;
        }
        let now = now_long();
        let since = (now - self.at) % self.period;
        let last = self.period - slice;
        let wait = if since <= last { last - since } else { last + self.period - since };
        while now_long() - now < wait {
            core::hint::spin_loop();
        }
    }
}
