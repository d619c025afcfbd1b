//! How the kernel is entered when events are recorded: what the functions in `traps.rs` do, with a record before and after.
//!
//! The word `trace` on the boot line points the gates and `sysenter` at the second set of stubs in `traps.s`, and those
//! call the functions here. Without the word nothing here runs, and the ordinary ways have no test of whether it does:
//! recording costs no instruction when it is off.
//!
//! Each function records the trap, lets the core do what the ordinary function lets it do, and records what has come of
//! it. An idle CPU waits for its next process here, and not in `leave`, so that the switch to that process is recorded,
//! too.

use core::sync::atomic::{AtomicU32, Ordering};

use abi::boot_line::{SelfTest, TRACE, words};
use kernel_core::{After, Kernel};

use crate::KERNEL;
use crate::device::pic;
use crate::x86::per_cpu::{self, Local};
use crate::x86::traps::{self, KernelFrame, interrupt, kernel, leave, registers};

/// The event in which `selftest=panic-later` panics; 0 for none.
static PANICS_AT: AtomicU32 = AtomicU32::new(0);
/// There are more events than the ring holds by then, and processes beside the first.
const LATER: u32 = 300;

/// Records events from now on, if the boot line asks for it.
pub fn start(local: &Local, kernel: &mut Kernel, command_line: &[u8]) {
    let panics = |word| SelfTest::asked(word) == Some(SelfTest::PanicLater);
    let panics = words(command_line).any(panics);
    if panics {
        PANICS_AT.store(LATER, Ordering::Relaxed);
    }
    if panics || words(command_line).any(|word| word == TRACE.as_bytes()) {
        kernel.trace.turn_on();
        local.trace();
    }
}

/// As `system_call`.
#[unsafe(no_mangle)]
extern "C" fn traced_system_call() -> ! {
    trap()
}

/// As `system_call_by_sysenter`.
#[unsafe(no_mangle)]
extern "C" fn traced_system_call_by_sysenter() -> ! {
    trap()
}

/// As `page_fault`.
#[unsafe(no_mangle)]
extern "C" fn traced_page_fault() -> ! {
    trap()
}

/// A call or an exception: the core finds out which.
fn trap() -> ! {
    let local = per_cpu::local();
    // SAFETY: a trap from ring 3 came with interrupts off and all earlier borrows ended.
    let cpu = unsafe { local.cpu() };
    let mut kernel = kernel();
    kernel.on(cpu).trace_trap(None);
    panic_later(&kernel);
    let after = kernel.on(cpu).trap();
    kernel.trace_result();
    drop(kernel);
    go_on(local, after)
}

/// As `user_trap`.
#[unsafe(no_mangle)]
extern "C" fn traced_user_trap() -> ! {
    let local = per_cpu::local();
    // SAFETY: the stub has just filled the area, and nothing else runs.
    let vector = unsafe { (*registers(local)).trap };
    let Some(line) = pic::line(vector) else { trap() };
    // SAFETY: as in `trap`; the borrow ends before `interrupt` takes its own.
    kernel().on(unsafe { local.cpu() }).trace_trap(Some(line));
    let after = interrupt(local, line).unwrap_or(After::Run);
    kernel().trace_result();
    go_on(local, after)
}

/// As `virtual_8086`.
#[unsafe(no_mangle)]
extern "C" fn traced_virtual_8086(vector: u32) -> ! {
    let local = per_cpu::local();
    // SAFETY: as in `trap`; the borrow ends before `interrupt` takes its own.
    let cpu = unsafe { local.cpu() };
    kernel().on(cpu).trace_virtual_8086(vector);
    let ended = kernel().on(cpu).virtual_8086();
    kernel().trace_result();
    let after = pic::line(vector).and_then(|line| interrupt(local, line));
    go_on(local, after.unwrap_or(ended))
}

/// As `kernel_trap`. The kernel is free while the CPU is idle, and in no other case when ring 0 traps.
#[unsafe(no_mangle)]
extern "C" fn traced_kernel_trap(frame: &mut KernelFrame) {
    if let (Some(line), Some(mut kernel)) = (pic::line(frame.vector), KERNEL.try_lock()) {
        kernel.trace_idle_interrupt(line);
    }
    traps::kernel_trap(frame);
}

/// Waits until there is a process to run, records that it runs, and leaves to it.
fn go_on(local: &'static Local, after: After) -> ! {
    if after != After::Run {
        traps::wait(local, after);
    }
    // SAFETY: interrupts are off, and all borrows of the trap and of the wait have ended.
    kernel().on(unsafe { local.cpu() }).trace_resume();
    leave(local, After::Run)
}

/// Panics in the middle of an event, as the boot line has asked.
fn panic_later(kernel: &Kernel) {
    let at = PANICS_AT.load(Ordering::Relaxed);
    assert!(at == 0 || kernel.trace.recorded() < at, "at event {at}, as the command line asked");
}
