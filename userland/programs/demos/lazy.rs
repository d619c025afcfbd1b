//! `lazy`: shows demand paging: which pages are absent, what a touch maps, and what the pager
//! counts.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;
use core::cell::Cell;

use libsys::abi::message::Reason;
use libsys::paging::fork::{Fork, fork};
use libsys::process::{exit, wait};
use libsys::service::pager::{Request, Statistics};
use libsys::{Error, Page, identity, message_call, println, window};

libsys::main!(main);
libsys::about!("pages appear when they are touched");

const PAGE: usize = 4096;
/// 4 MiB: more than one page table covers, so that page tables are allocated on demand, too.
const ROOM: usize = 1 << 22;

/// Pages of the program that are absent until the program reads them.
static FAR_AWAY: [u8; 3 * PAGE] = [0x5A; 3 * PAGE];

fn main() -> Result<u8, Error> {
    let before = statistics()?;
    let failures = Cell::new(0_u8);
    let fail_if = |wrong: bool| failures.set(failures.get() + u8::from(wrong));
    let expect = |what: &str, address: usize, present: bool| {
        let entry = window().entry_of(Page::containing(address as u32));
        let state = if entry.is_some() { "present" } else { "absent" };
        println!("{what:<34} {address:#010x}: {state}");
        fail_if(entry.is_some() != present);
    };

    let mut heap: Vec<u8> = Vec::with_capacity(ROOM);
    let first = heap.as_ptr().addr().next_multiple_of(PAGE) + PAGE;
    let far = first + ROOM / 2;
    expect("heap, reserved", first, false);
    heap.resize(first - heap.as_ptr().addr() + 1, 7);
    expect("heap, after a write", first, true);
    expect("heap, 2 MiB further", far, false);

    let image = FAR_AWAY.as_ptr().addr() + PAGE;
    expect("program, not read yet", image, false);
    let byte = core::hint::black_box(&FAR_AWAY)[PAGE];
    expect("program, after a read", image, true);
    fail_if(byte != 0x5A);

    let here = core::ptr::from_ref(&before).addr();
    expect("stack, 64 KiB below this function", here - 0x1_0000, false);
    fail_if(deep(16) != 16 * 17 / 2);
    expect("stack, after a deep call", here - 0x1_0000, true);

    let right = forked_child_reads_everything(&heap)?;
    println!("a forked child finds every byte, touched or not: {right}");
    fail_if(!right);

    let after = statistics()?;
    let (zeroed, loaded) = (after.zeroed - before.zeroed, after.loaded - before.loaded);
    println!(
        "the pager gave {zeroed} pages of zeros and {loaded} of the program, and uses {} itself",
        after.own_pages
    );
    fail_if(zeroed == 0 || loaded == 0);
    Ok(u8::from(failures.get() > 0))
}

/// Forks while half of the heap is touched. Touched pages are shared with the child; the pager
/// gives both processes the others.
fn forked_child_reads_everything(heap: &[u8]) -> Result<bool, Error> {
    match fork()? {
        Fork::Child => {
            let program = core::hint::black_box(&FAR_AWAY).iter().all(|byte| *byte == 0x5A);
            let touched = heap.iter().all(|byte| *byte == 7);
            exit(u8::from(!(program && touched && deep(32) == 32 * 33 / 2)));
        }
        Fork::Parent { child } => {
            let ended = wait(Some(child))?;
            Ok(ended.reason == Reason::Exited && ended.status == 0)
        }
    }
}

/// Recurses; each level uses more than 4 KiB of stack.
fn deep(level: u32) -> u32 {
    let frame = core::hint::black_box([level; PAGE / 4 + 64]);
    if level == 0 { 0 } else { frame[level as usize] + deep(level - 1) }
}

fn statistics() -> Result<Statistics, Error> {
    let pager = identity().pager.ok_or(Error::NoSuchProcess)?;
    let reply = message_call(pager, Request::Statistics.encode(), None)?;
    Ok(Statistics::decode(reply.words))
}
