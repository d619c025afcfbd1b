//! The end of a kernel that is wrong: the message, registers, how it got there, what happened before, and an exit that
//! is not clean.

use core::fmt::{self, Write as _};
use core::panic::PanicInfo;

use abi::Registers;
use x86::controlregs::{cr0, cr2, cr3, cr4};

use crate::KERNEL;
use crate::device::power;
use crate::device::serial::Serial;
use crate::x86::per_cpu::{self, Stack};
use crate::x86::traps;

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

/// Prints `kernel panic: message`, the control registers, the registers of the process that ran last, the return
/// addresses up from frame pointer `ebp`, and the last events; and ends the machine.
pub fn end(message: fmt::Arguments<'_>, eip: Option<u32>, ebp: u32) -> ! {
    if per_cpu::local().first_panic() {
        // The port's owner may be what panicked, so this goes past it.
        let mut port = Serial::new();
        // Writing to the port never fails.
        let _ = writeln!(port, "kernel panic: {message}");
        let _ = print_registers(&mut port);
        for address in eip.into_iter().chain(ReturnAddresses(ebp).take(DEEPEST)) {
            let _ = writeln!(port, "  backtrace {address:#010x}");
        }
        let _ = print_events(&mut port);
        port.drain();
    }
    power::fail()
}

/// Prints the control registers, and what the process that had the CPU last has in its registers, if one ever had.
fn print_registers(port: &mut Serial) -> fmt::Result {
    // SAFETY: ring 0 may read this register, and reading it has no effect.
    let cr0 = unsafe { cr0() }.bits();
    // SAFETY: as above.
    let cr2 = unsafe { cr2() };
    // SAFETY: as above.
    let cr3 = unsafe { cr3() };
    // SAFETY: as above; every CPU that `start.s` lets through has it.
    let cr4 = unsafe { cr4() }.bits();
    writeln!(port, "  cr0 {cr0:08x} cr2 {cr2:08x} cr3 {cr3:08x} cr4 {cr4:08x}")?;
    let Some(area) = traps::saved_registers(per_cpu::local()) else { return Ok(()) };
    let Registers { eax, ebx, ecx, edx, esi, edi, ebp, esp, eip, eflags, trap, error, .. } = area;
    writeln!(
        port,
        "  of the process: trap {trap:x} error {error:x} eip {eip:08x} eflags {eflags:08x} esp {esp:08x}\n  \
         of the process: eax {eax:08x} ebx {ebx:08x} ecx {ecx:08x} edx {edx:08x} esi {esi:08x} \
         edi {edi:08x} ebp {ebp:08x}"
    )
}

/// Prints the words of the last events, the oldest first: `cargo xtask qemu` says what they mean.
fn print_events(port: &mut Serial) -> fmt::Result {
    // SAFETY: there is one CPU, and whoever holds the lock does not go on. All bits of an event are valid, so one that
    // was being written can be read.
    unsafe { KERNEL.force_unlock() };
    let Some(kernel) = KERNEL.try_lock() else { return Ok(()) };
    let trace = &kernel.trace;
    let skip = trace.events().count().saturating_sub(LAST_EVENTS);
    for event in trace.events().skip(skip) {
        let [process, what, argument, result] = event.words();
        writeln!(port, "  event {process:08x} {what:08x} {argument:08x} {result:08x}")?;
    }
    Ok(())
}

/// The registers that a function leaves as they were: what the code that panicked had in them, or the panic's own
/// functions if those have used them already.
#[inline(always)]
fn preserved_registers() -> [u32; 3] {
    let (ebx, esi, edi): (u32, u32, u32);
    // SAFETY: copies three registers.
    unsafe {
        core::arch::asm!(
            "mov {}, ebx", "mov {}, esi", "mov {}, edi",
            out(reg) ebx, out(reg) esi, out(reg) edi,
            options(nomem, nostack, preserves_flags)
        )
    };
    [ebx, esi, edi]
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
    let boot = ::boot::image::stack_start();
    let boot = Stack { start: boot, end: boot + ::boot::image::STACK_SIZE };
    [boot, Stack::kernel(per_cpu::BOOT), Stack::double_fault(per_cpu::BOOT)]
        .iter()
        .any(|stack| frame >= stack.start && frame <= stack.end - 8)
}
