//! Interrupts of devices, and how the CPU waits for one when no process can run.

use core::arch::asm;
use core::sync::atomic::{AtomicU32, Ordering};

use kernel_core::After;

use crate::device::{console, pic, power, serial, timer};
use crate::kernel;

/// Bit `n`: interrupt line `n` arrived while the CPU was idle.
static PENDING: AtomicU32 = AtomicU32::new(0);

/// The most bytes that one call of [`receive`] takes from the serial port: a 16550 holds 16.
/// Without a limit, a device that is faster than this loop, or broken, would keep the kernel here.
/// The timer's interrupt takes the rest.
const BYTES_AT_ONCE: u32 = 16;

/// Notes an interrupt that arrived while the CPU was idle.
pub fn note(line: u32) {
    PENDING.fetch_or(1 << line, Ordering::Relaxed);
}

/// Handles the interrupt of a device. Returns `None` if there was nothing to do.
pub fn handle(line: u32) -> Option<After> {
    if !pic::acknowledge(line) {
        return None;
    }
    match line {
        timer::LINE => {
            // A byte for which the kernel had no room stays in the port and raises no other
            // interrupt. What the timer decides comes later, so it replaces what this decides.
            let _ = receive();
            Some(kernel::borrow().timer())
        }
        serial::LINE => receive(),
        _ => Some(kernel::borrow().device_interrupt(line)),
    }
}

/// Hands the bytes that the serial port has received to the kernel. Returns `None` if there was
/// none.
pub fn receive() -> Option<After> {
    let mut kernel = kernel::borrow();
    let mut after = None;
    for _ in 0..BYTES_AT_ONCE {
        if !kernel.takes_input() {
            break;
        }
        let Some(byte) = console::read() else { break };
        after = Some(kernel.console_input(byte));
    }
    after
}

/// Waits until there is a process to run.
pub fn wait(mut after: After) {
    loop {
        match after {
            After::Return | After::Run => return,
            After::Idle => {
                // SAFETY: nothing borrows the kernel, and in ring 0 an interrupt only calls `note`.
                // STI takes effect after HLT has begun, so no interrupt is missed in between (Intel
                // SDM vol. 2B, STI).
                unsafe { asm!("sti", "hlt", "cli") };
            }
            After::TakeDown => {
                // SAFETY: as above. An interrupt that is waiting comes after the NOP.
                unsafe { asm!("sti", "nop", "cli") };
            }
            After::PowerOff { status } => power::off(status),
        }
        after = handle_noted();
    }
}

/// Handles the interrupts that an idle CPU has noted, and looks for a process again.
fn handle_noted() -> After {
    let pending = PENDING.swap(0, Ordering::Relaxed);
    let mut after = None;
    for line in (0..pic::LINES).filter(|line| pending & (1 << line) != 0) {
        after = handle(line).or(after);
    }
    after.unwrap_or_else(|| kernel::borrow().idle())
}
