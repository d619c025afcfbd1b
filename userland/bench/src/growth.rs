//! Which costs grow with what: calls with the number of waiting processes, forks with pages, frames
//! with processes.

use alloc::vec::Vec;

use libsys::abi::layout::PROGRAM_TEXT;
use libsys::abi::registers::UserRegisters;
use libsys::paging::fault::{Fault, Handled};
use libsys::paging::fixed_pages::Scratch;
use libsys::process::end;
use libsys::{
    Error, Permissions, ProcessId, Syscall, Target, UserPage, identity, machine, page_allocate,
    process_create, process_start, receive, registers_write, set_handler, yield_now,
};

use crate::peer::Peer;
use crate::stopwatch::{Failure, Outcome, print_size, repeat};
use crate::test_pages::{allocate, test_page};
use crate::touch::{self, store};
use crate::{forks, messages};

/// `int 0x30`, then a jump to itself.
const CALL: &[u8] = &[0xCD, 0x30, 0xEB, 0xFE];

/// Processes over whose frames the average is taken.
const CROWD: u32 = 100;

/// `null_int`, `yield_pair`, `message_round_trip` and `trap` with 1, 10, 100 and 1,000 waiting
/// processes.
pub fn processes() -> Outcome {
    let mut waiting = Vec::new();
    touch::everything();
    page_allocate(Target::Caller, test_page(0), Permissions::empty())?;
    set_handler(Some(go_on))?;
    for processes in [1, 10, 100, 1000] {
        while waiting.len() < processes as usize {
            waiting.push(waiter()?);
        }
        // The new processes are ahead in the queue: when this returns, all of them wait.
        yield_now();
        let null = repeat(1000, |watch| {
            watch.time(identity);
            Ok(())
        })?;
        null.print_at("null_int", processes);
        messages::yield_pair()?.print_at("yield_pair", processes);
        messages::round_trip()?.print_at("message_round_trip", processes);
        let trap = repeat(1000, |watch| {
            watch.time(|| store(test_page(0)));
            Ok(())
        })?;
        trap.print_at("trap", processes);
    }
    for process in waiting {
        end(process)?;
    }
    Ok(())
}

/// `fork` with 16 to 65,536 pages that only the parent maps.
pub fn pages() -> Outcome {
    let counts = [(16, 20), (256, 20), (1024, 10), (4096, 10), (65_536, 5)];
    for (pages, iterations) in counts {
        allocate(Target::Caller, pages)?;
        forks::alone(pages, iterations)?.print_at("fork", pages);
    }
    Ok(())
}

/// Frames of a process: blank; waiting, with one page of code; a fork of this one.
pub fn frames() -> Outcome {
    let blank = frames_of("blank_process", process_create)?;
    let waiting = frames_of("waiting_process", waiter)?;
    if blank > waiting {
        return Err(Failure::Wrong("a blank process is larger than one with memory"));
    }
    let before = machine().free;
    let forked = Peer::new(|| receive(None, None).map(|_| ()))?;
    print_size("forked_process", before - machine().free, "frames");
    drop(forked);
    Ok(())
}

/// Makes many processes, and prints how many frames each of them took.
fn frames_of(name: &str, make: impl Fn() -> Result<ProcessId, Error>) -> Result<u32, Failure> {
    let before = machine().free;
    let made: Result<Vec<_>, _> = (0..CROWD).map(|_| make()).collect();
    yield_now();
    // Rounded, because the list of processes takes another page now and then.
    let frames = (before - machine().free + CROWD / 2) / CROWD;
    for child in made? {
        end(child)?;
    }
    print_size(name, frames, "frames");
    Ok(frames)
}

/// A child that waits for a message. It has one page of code and nothing else.
fn waiter() -> Result<ProcessId, Error> {
    let child = process_create()?;
    let mut code = Scratch::new()?;
    code.bytes()[..CALL.len()].copy_from_slice(CALL);
    code.give(child, UserPage::known(PROGRAM_TEXT), Permissions::empty())?;
    let receive = Syscall::Receive { from: None, transfer: None }.encode();
    let registers =
        UserRegisters { eip: PROGRAM_TEXT, eax: receive.head, ..UserRegisters::default() };
    registers_write(child, &registers)?;
    process_start(child)?;
    Ok(child)
}

#[allow(unsafe_code)]
fn go_on(fault: &mut Fault<'_>) -> Handled {
    // SAFETY: while this handler is installed, only a `store` faults.
    unsafe { touch::skip(fault) };
    Handled::Resume
}
