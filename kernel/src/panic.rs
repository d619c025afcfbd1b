//! The end of a kernel that is wrong: the message, how it got there, and an exit that is not clean.

use core::fmt::{self, Write as _};
use core::panic::PanicInfo;

use crate::cpu::{self, Stack};
use crate::power;
use crate::serial::Serial;

/// A backtrace ends after this many frames at the latest.
const DEEPEST: usize = 64;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    end(format_args!("{info}"), None, frame_pointer())
}

/// Prints `kernel panic: message` and the return addresses up from frame pointer `ebp`, and ends the machine.
pub fn end(message: fmt::Arguments<'_>, eip: Option<u32>, ebp: u32) -> ! {
    if cpu::local().first_panic() {
        // The port's owner may be what panicked, so this goes past it.
        let mut port = Serial::new();
        // Writing to the port never fails.
        let _ = writeln!(port, "kernel panic: {message}");
        for address in eip.into_iter().chain(ReturnAddresses(ebp).take(DEEPEST)) {
            let _ = writeln!(port, "  backtrace {address:#010x}");
        }
        port.drain();
    }
    power::fail()
}

/// The caller's frame pointer.
#[inline(always)]
fn frame_pointer() -> u32 {
    let ebp: u32;
    // SAFETY: copies a register.
    unsafe {
        core::arch::asm!("mov {}, ebp", out(reg) ebp, options(nomem, nostack, preserves_flags))
    };
    ebp
}

/// The return addresses on the stack, innermost first: each frame is the caller's frame pointer and the return
/// address. Ends at 0 (`traps.s` and `start.s` see to that), and at anything that is not further up on a stack.
struct ReturnAddresses(u32);

impl Iterator for ReturnAddresses {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let frame = self.0;
        if !frame.is_multiple_of(4) || !on_a_stack(frame) {
            return None;
        }
        let frame = frame as *const [u32; 2];
        // SAFETY: aligned, and both words lie on a stack, which is always mapped.
        let [caller, address] = unsafe { frame.read_volatile() };
        self.0 = if caller > self.0 { caller } else { 0 };
        (address != 0).then_some(address)
    }
}

/// Two words at `frame` lie on one of the stacks that the kernel runs on.
fn on_a_stack(frame: u32) -> bool {
    let boot = boot::image::stack_start();
    let boot = Stack { start: boot, end: boot + boot::image::STACK_SIZE };
    [boot, Stack::kernel(cpu::BOOT), Stack::double_fault(cpu::BOOT)]
        .iter()
        .any(|stack| frame >= stack.start && frame <= stack.end - 8)
}
