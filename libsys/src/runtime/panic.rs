//! What happens when a program panics: one line with the process, the place and the message; then
//! the return addresses on its stack, to which `cargo xtask qemu` adds functions and lines; then
//! exit status 101.
//!
//! Every function keeps its caller's frame pointer below its return address (the target demands
//! frame pointers), so the stack is a list. A stack that was overwritten ends the list, and no
//! more: an address outside of the stack, or one that does not lie above the last, is not followed.
#![allow(unsafe_code)]

use core::arch::asm;
use core::panic::PanicInfo;

use abi::layout::{PROGRAM_TEXT, USER_STACK_TOP};

use crate::paging::regions::HEAP_START;
use crate::{call, println};

/// The most lines of a backtrace.
const MOST: usize = 32;

/// Exit status of a program that panicked.
const PANICKED: u8 = 101;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let id = call::identity().id;
    match info.location() {
        Some(at) => println!("[{id}] panicked at {at}: {}", info.message()),
        None => println!("[{id}] panicked: {}", info.message()),
    }
    print_backtrace();
    call::exit(PANICKED)
}

/// Prints a line for each function that has not returned, the innermost first.
fn print_backtrace() {
    let name = crate::args().next().unwrap_or("program");
    let (mut frame, mut lowest): (u32, u32);
    // SAFETY: reads two registers.
    unsafe {
        asm!(
            "mov {}, ebp",
            "mov {}, esp",
            out(reg) frame,
            out(reg) lowest,
            options(nomem, nostack)
        );
    }
    for _ in 0..MOST {
        if !(lowest..USER_STACK_TOP - 8).contains(&frame) || !frame.is_multiple_of(4) {
            return;
        }
        let at = core::ptr::with_exposed_provenance::<[u32; 2]>(frame as usize);
        // SAFETY: the two words lie on this program's stack, above its stack pointer and below its
        // end, where every page is the program's own; any bits are numbers. Volatile, because they
        // belong to functions that have not returned.
        let [next, address] = unsafe { at.read_volatile() };
        if !(PROGRAM_TEXT..HEAP_START).contains(&address) {
            return;
        }
        println!("  backtrace of {name} {address:#010x}");
        (frame, lowest) = (next, frame + 8);
    }
}
