//! `stumble`: panics or faults a few calls deep, so that its backtrace can be read.
//!
//! `wild` forks children that fault with a frame pointer that leads nowhere, each another one, and
//! says whether each of them was ended by its page fault.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;
use core::arch::asm;

use libsys::abi::layout::{KERNEL_BASE, USER_STACK_TOP, UVPT};
use libsys::abi::message::Reason;
use libsys::paging::fork::{Fork, fork};
use libsys::paging::regions::HEAP_START;
use libsys::process::start::usage;
use libsys::process::{exit, wait};
use libsys::{Error, args, println, receive, send, set_pager};

libsys::main!(main, arguments);
libsys::about!(
    "panics or faults, to show a backtrace",
    "stumble [fault | overflow | alone | wild]",
    "  fault      writes address 4, instead of a panic",
    "  overflow   calls itself until the stack ends",
    "  alone      as fault, but in a process without a pager",
    "  wild       faults whose frame pointers lead nowhere"
);

/// Status of a process that a page fault has ended.
const PAGE_FAULT: u32 = 128 + 14;

fn main() -> Result<u8, Error> {
    let words: Vec<&str> = args().skip(1).collect();
    let end: fn(u32) -> u32 = match words.as_slice() {
        [] => stumble,
        ["fault"] => fall,
        ["overflow"] => |steps| climb(steps.wrapping_sub(1), stumble),
        ["alone"] => return alone(),
        ["wild"] => return wild(),
        _ => return Ok(usage()),
    };
    climb(core::hint::black_box(3), end);
    Ok(0)
}

/// Calls itself, then `end` with the steps that are left.
#[inline(never)]
fn climb(steps: u32, end: fn(u32) -> u32) -> u32 {
    // Without the black box the compiler makes a loop of it.
    if steps > 0 { core::hint::black_box(climb(steps - 1, end)) + 1 } else { end(steps) }
}

/// Panics.
#[inline(never)]
fn stumble(over: u32) -> u32 {
    core::hint::black_box(1) / core::hint::black_box(over)
}

/// Writes an address that is nobody's.
#[inline(never)]
#[allow(unsafe_code)]
fn fall(value: u32) -> u32 {
    // SAFETY: no object lies at address 4, and the store ends the process.
    unsafe { core::ptr::with_exposed_provenance_mut::<u32>(4).write_volatile(value) };
    value
}

/// Has a child fault that has no pager any more. Its code and stack are there.
fn alone() -> Result<u8, Error> {
    let child = match fork()? {
        Fork::Child => {
            receive(None, None)?;
            climb(core::hint::black_box(3), fall);
            exit(0)
        }
        Fork::Parent { child } => child,
    };
    set_pager(child, None)?;
    send(child, [0; 4], None)?;
    wait(Some(child)).map(|ended| ended.status as u8)
}

/// Frame pointers, and the two words that are put there where that is possible.
fn wild() -> Result<u8, Error> {
    // The pager adds 0x0800_0000 to a frame pointer; this one gets to a page that is there.
    let to_the_heap = HEAP_START - 0x0800_0000;
    let on_the_stack = USER_STACK_TOP - 0x8000;
    let word = |address: u32, words: [u32; 2]| (address, Some(words));
    let table = [
        (0, None),
        (1, None),
        (u32::MAX, None),
        (KERNEL_BASE + 0x10_0000, None),
        (UVPT - 0x0800_0000, None),
        (to_the_heap, None),
        (USER_STACK_TOP, None),
        (USER_STACK_TOP - 4, None),
        (USER_STACK_TOP - 0x10_0000, None),
        (on_the_stack + 2, None),
        // A frame that is its own caller's, one that goes back, and one that leaves the stack.
        word(on_the_stack, [on_the_stack, 0x80_0020]),
        word(on_the_stack, [on_the_stack - 8, 0x80_0020]),
        word(on_the_stack, [HEAP_START, 0x80_0020]),
        // Return addresses outside of the program, where the list of frames would have its end.
        word(on_the_stack, [0, 0]),
        word(on_the_stack, [0, KERNEL_BASE]),
        // The only list that has an end, and is made up.
        word(on_the_stack, [0, 0x80_0020]),
        // Two words on two pages.
        word(USER_STACK_TOP - 0x7004, [0, 0x80_0021]),
    ];
    for (frame, words) in table {
        let child = match fork()? {
            Fork::Child => fault_with(frame, words),
            Fork::Parent { child } => child,
        };
        let ended = wait(Some(child))?;
        let as_it_must = (ended.status, ended.reason) == (PAGE_FAULT, Reason::Killed);
        println!("frame {frame:08x}: {}", if as_it_must { "ended" } else { "WRONG" });
    }
    println!(
        "the pager serves: {}",
        alloc::vec![7_u8; 0x1_0000].iter().map(|b| u32::from(*b)).sum::<u32>()
    );
    Ok(0)
}

/// Faults with this in ebp, and these words where it points.
#[allow(unsafe_code)]
fn fault_with(frame: u32, words: Option<[u32; 2]>) -> ! {
    for (index, word) in words.into_iter().flatten().enumerate() {
        let to = core::ptr::with_exposed_provenance_mut::<u32>(frame as usize + 4 * index);
        // SAFETY: the word is of the stack, far below what is in use.
        unsafe { to.write_volatile(word) };
    }
    // SAFETY: the second instruction ends the process, at its repetition too.
    unsafe { asm!("mov ebp, eax", "mov dword ptr [4], 0x12345678", in("eax") frame) };
    exit(0)
}
