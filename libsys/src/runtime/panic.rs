//! What happens when a program panics: one line with the process, the place and the message; then
//! the return addresses on its stack, to which `cargo xtask qemu` adds functions and lines; then
//! exit status 101.
#![allow(unsafe_code)]

use core::arch::asm;
use core::panic::PanicInfo;

use super::backtrace::{Frames, MOST};
use crate::{call, println};

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
    let (frame, lowest): (u32, u32);
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
    let read = |address: u32| {
        let word = core::ptr::with_exposed_provenance::<u32>(address as usize);
        // SAFETY: the word lies on this program's stack, above its stack pointer and below its end,
        // where every page is the program's own; any bits are a number. Volatile, because it
        // belongs to a function that has not returned.
        Some(unsafe { word.read_volatile() })
    };
    for address in Frames::new(frame, lowest, read).take(MOST) {
        println!("  backtrace of {name} {address:#010x}");
    }
}
