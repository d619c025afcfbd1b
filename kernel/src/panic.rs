//! What a kernel panic prints before it ends the machine: the message, the registers, a backtrace
//! and the last events.
//!
//! A panic trusts as little of the kernel as it can: it goes past the console's lock, reads stacks
//! word by word within their bounds, and does nothing at all if it is the second one.

use core::fmt::{self, Write as _};
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, Ordering};

use abi::Registers;
use x86::controlregs::{cr0, cr2, cr3, cr4};

use crate::device::power;
use crate::device::serial::Serial;
use crate::kernel;
use crate::x86::stacks::Stack;
use crate::x86::task_state;

/// A panic inside a panic must not start another.
static PANICKING: AtomicBool = AtomicBool::new(false);

/// A backtrace ends after this many frames at the latest.
const DEEPEST: usize = 64;
/// How many of the last events are printed, if events are recorded.
const LAST_EVENTS: usize = 32;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let ebp = frame_pointer();
    let [ebx, esi, edi] = preserved_registers();
    end(
        format_args!("{info}\n  ebx {ebx:08x} esi {esi:08x} edi {edi:08x} ebp {ebp:08x}"),
        None,
        ebp,
    )
}

/// Prints `kernel panic: message`, the control registers, the registers of the process that ran
/// last, the return addresses up from frame pointer `ebp`, and the last events; then ends the
/// machine.
pub fn end(message: fmt::Arguments<'_>, eip: Option<u32>, ebp: u32) -> ! {
    let is_first = !PANICKING.swap(true, Ordering::Relaxed);
    if is_first {
        // The code that holds the console's lock may have panicked, so this handle goes past it.
        let mut port = Serial::new();
        // Writing to the port never fails.
        let _ = writeln!(port, "kernel panic: {message}");
        let _ = print_registers(&mut port);
        for address in eip.into_iter().chain(ReturnAddresses(ebp).take(DEEPEST)) {
            let _ = writeln!(port, "  backtrace {address:#010x}");
        }
        print_events(&mut port);
        port.drain();
    }
    power::fail()
}

/// Prints the control registers, and the registers that the last process to run has saved.
fn print_registers(port: &mut Serial) -> fmt::Result {
    // SAFETY: ring 0 may read this register, and reading it has no effect.
    let cr0 = unsafe { cr0() }.bits();
    // SAFETY: as above.
    let cr2 = unsafe { cr2() };
    // SAFETY: as above.
    let cr3 = unsafe { cr3() };
    // SAFETY: as above; every CPU that `start.s` lets through has this register.
    let cr4 = unsafe { cr4() }.bits();
    writeln!(port, "  cr0 {cr0:08x} cr2 {cr2:08x} cr3 {cr3:08x} cr4 {cr4:08x}")?;
    let Some(registers) = task_state::registers() else { return Ok(()) };
    // SAFETY: TSS.esp0 is the end of registers in the process table, and all bits of them are
    // valid.
    let registers = unsafe { registers.read_volatile() };
    let Registers { eax, ebx, ecx, edx, esi, edi, ebp, esp, .. } = registers;
    let Registers { eip, eflags, trap, error, .. } = registers;
    writeln!(
        port,
        "  of the process: trap {trap:x} error {error:x} eip {eip:08x} eflags {eflags:08x} \
         esp {esp:08x}\n  \
         of the process: eax {eax:08x} ebx {ebx:08x} ecx {ecx:08x} edx {edx:08x} esi {esi:08x} \
         edi {edi:08x} ebp {ebp:08x}"
    )
}

/// Prints the words of the last events, the oldest first: `cargo xtask qemu` decodes them.
fn print_events(port: &mut Serial) {
    // Any bits are a valid event, so one that was being written can be read.
    kernel::after_panic(|kernel| {
        let skip = kernel.trace.events().count().saturating_sub(LAST_EVENTS);
        for event in kernel.trace.events().skip(skip) {
            let [process, what, argument, result] = event.words();
            // Writing to the port never fails.
            let _ = writeln!(port, "  event {process:08x} {what:08x} {argument:08x} {result:08x}");
        }
    });
}

/// The registers that every function preserves: those of the code that panicked, unless the
/// functions of the panic have changed them by now.
// Inlined, so that no prologue of this function changes them. The outputs are named registers: any
// register might be one that is still to be read.
#[inline(always)]
fn preserved_registers() -> [u32; 3] {
    let (ebx, esi, edi): (u32, u32, u32);
    // SAFETY: copies three registers.
    unsafe {
        core::arch::asm!(
            "mov eax, ebx", "mov ecx, esi", "mov edx, edi",
            out("eax") ebx, out("ecx") esi, out("edx") edi,
            options(nomem, nostack, preserves_flags)
        )
    };
    [ebx, esi, edi]
}

/// The caller's frame pointer.
// Inlined, or it would be this function's own.
#[inline(always)]
fn frame_pointer() -> u32 {
    let ebp: u32;
    // SAFETY: copies a register.
    unsafe {
        core::arch::asm!("mov {}, ebp", out(reg) ebp, options(nomem, nostack, preserves_flags))
    };
    ebp
}

/// The return addresses on the stack, innermost first: each frame is the caller's frame pointer and
/// the return address. The walk ends at anything that is not further up on the same stack: frame
/// pointer 0, with which `start.s` begins, or a program's, which a trap leaves in the register.
struct ReturnAddresses(u32);

impl Iterator for ReturnAddresses {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let frame = self.0;
        let stacks = [Stack::boot(), Stack::KERNEL, Stack::FAILURE];
        let stack =
            stacks.iter().find(|stack| stack.holds(frame)).filter(|_| frame.is_multiple_of(4))?;
        let frame = frame as *const [u32; 2];
        // SAFETY: aligned, and both words lie on a stack, which is always mapped.
        let [caller, address] = unsafe { frame.read_volatile() };
        self.0 = if caller > self.0 && stack.holds(caller) { caller } else { 0 };
        (address != 0).then_some(address)
    }
}
