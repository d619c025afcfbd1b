//! How the kernel is entered when events are recorded: the functions of `traps.rs`, with a record
//! before and after each.
//!
//! The word `trace` on the boot line lets the stubs of `traps.s` call the functions here. Without
//! the word nothing here runs, and the ordinary functions do not test for it: recording costs no
//! instruction when it is off.
//!
//! An idle CPU waits for its next process in this file, and not in `leave`, so that the switch to
//! that process is recorded, too.

use core::sync::atomic::{AtomicU32, Ordering};

use abi::boot_line::{SelfTest, TRACE, words};
use kernel_core::After;

use crate::device::pic;
use crate::kernel::{self, Kernel};
use crate::x86::interrupts;
use crate::x86::kernel_traps::{self, KernelFrame};
use crate::x86::traps::{Handlers, NUMBERS, interrupt_line, leave, replace_handlers};

/// The event in which `selftest=panic-later` panics; 0 for none.
static PANICS_AT: AtomicU32 = AtomicU32::new(0);
/// There are more events than the ring holds by then, and processes beside the first.
const LATER: u32 = 300;

/// Records events from now on, if the boot line asks for it.
pub fn start(kernel: &mut Kernel, command_line: &[u8]) {
    let panics = |word| SelfTest::asked(word) == Some(SelfTest::PanicLater);
    let panics = words(command_line).any(panics);
    if panics {
        PANICS_AT.store(LATER, Ordering::Relaxed);
    }
    if panics || words(command_line).any(|word| word == TRACE.as_bytes()) {
        kernel.trace.on = true;
        replace_handlers(Handlers {
            calls: [traced_trap; NUMBERS],
            calls_by_sysenter: [traced_trap; NUMBERS],
            page_fault: traced_trap,
            user_trap: traced_trap,
            virtual_8086,
            kernel_trap,
        });
    }
}

/// Any trap from ring 3: the core finds out which. The name is for debuggers.
#[unsafe(no_mangle)]
extern "C" fn traced_trap() -> ! {
    if let Some(line) = interrupt_line() {
        kernel::borrow().trace_trap(Some(line));
        let after = interrupts::handle(line).unwrap_or(After::Run);
        kernel::borrow().trace_result();
        go_on(after)
    }
    let mut kernel = kernel::borrow();
    kernel.trace_trap(None);
    panic_later(&kernel);
    let after = kernel.trap();
    kernel.trace_result();
    drop(kernel);
    go_on(after)
}

/// As `virtual_8086`.
extern "C" fn virtual_8086(vector: u32) -> ! {
    let mut kernel = kernel::borrow();
    kernel.trace_virtual_8086(vector);
    let ended = kernel.virtual_8086();
    kernel.trace_result();
    drop(kernel);
    go_on(pic::line(vector).and_then(interrupts::handle).unwrap_or(ended))
}

/// As `kernel_trap`. When ring 0 traps, the kernel is borrowed unless the CPU was idle.
extern "C" fn kernel_trap(frame: &KernelFrame) {
    if let Some(line) = pic::line(frame.vector) {
        kernel::if_free(|kernel| kernel.trace_idle_interrupt(line));
    }
    kernel_traps::kernel_trap(frame);
}

/// Waits until there is a process to run, records that it runs, and leaves to it.
fn go_on(after: After) -> ! {
    if !matches!(after, After::Return | After::Run) {
        interrupts::wait(after);
    }
    kernel::borrow().trace_resume();
    leave(After::Run)
}

/// Panics in the middle of an event, as the boot line has asked.
fn panic_later(kernel: &Kernel) {
    let at = PANICS_AT.load(Ordering::Relaxed);
    assert!(at == 0 || kernel.trace.recorded < at, "at event {at}, as the command line asked");
}
