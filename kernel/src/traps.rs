//! What happens between a trap and the next process: the Rust side of `traps.s`.

use core::arch::{asm, global_asm};

use abi::Registers;
use abi::registers::{USER_CODE, USER_DATA};
use kernel_core::{After, Kernel};
use spin::MutexGuard;
use x86::controlregs::cr2;
use x86::time::rdtsc;

use crate::cpu::{self, Local, Stack};
use crate::descriptors::{KERNEL_CODE, KERNEL_DATA, Tables};
use crate::{KERNEL, logger, panic, pic, power, serial, timer};

/// Vectors 0 to 48 have stubs; any other `int n` is a general protection fault.
pub const VECTORS: usize = 49;

global_asm!(
    include_str!("traps.s"),
    kernel_code = const KERNEL_CODE,
    kernel_data = const KERNEL_DATA,
    user_code = const USER_CODE,
    user_data = const USER_DATA,
    sysenter = const Registers::SYSENTER,
    stack = const Stack::kernel(cpu::BOOT).end,
);

/// The address of a vector's first instruction.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Stub(pub u32);

unsafe extern "C" {
    static trap_stubs: [Stub; VECTORS];
    /// Where `sysenter` arrives.
    pub fn sysenter_entry();
    /// Where the double-fault task starts.
    pub fn double_fault_entry();
}

/// The stubs, by vector.
pub fn stubs() -> &'static [Stub; VECTORS] {
    // SAFETY: `traps.s` lays out one word for each vector, in order, in read-only memory.
    unsafe { &trap_stubs }
}

/// Leaves the boot for the first process, and says how many cycles it took since `began`. All but a few
/// instructions are behind us when the counter is read; printing the line is not counted.
pub fn enter(after: After, began: u32) -> ! {
    let local = cpu::local();
    let after = receive(local).unwrap_or(after);
    // SAFETY: the CPU has the counter (`processor::check`), and ring 0 may read it.
    let cycles = (unsafe { rdtsc() } as u32).wrapping_sub(began);
    logger::print(format_args!(
        "boot: {cycles} cycles to the first program
"
    ));
    leave(local, after)
}

/// A call from ring 3 by `int 0x30`.
#[unsafe(no_mangle)]
extern "C" fn system_call() -> ! {
    let local = cpu::local();
    // SAFETY: a trap from ring 3 came with interrupts off and all earlier borrows ended.
    let cpu = unsafe { local.cpu() };
    let after = kernel().call(cpu);
    leave(local, after)
}

/// A call from ring 3 by `sysenter`.
#[unsafe(no_mangle)]
extern "C" fn system_call_by_sysenter() -> ! {
    let local = cpu::local();
    // SAFETY: as in `system_call`.
    let cpu = unsafe { local.cpu() };
    let after = kernel().call_by_sysenter(cpu);
    leave(local, after)
}

/// A page fault from ring 3.
#[unsafe(no_mangle)]
extern "C" fn page_fault() -> ! {
    let local = cpu::local();
    // SAFETY: as in `system_call`.
    let cpu = unsafe { local.cpu() };
    let after = kernel().fault(cpu);
    leave(local, after)
}

/// Any other trap from ring 3.
#[unsafe(no_mangle)]
extern "C" fn user_trap() -> ! {
    let local = cpu::local();
    // SAFETY: the stub has just filled the area, and nothing else runs.
    let trap = unsafe { (*registers(local)).trap };
    let after = match pic::line(trap) {
        Some(line) => interrupt(local, line).unwrap_or(After::Run),
        None => {
            // SAFETY: as in `system_call`.
            let cpu = unsafe { local.cpu() };
            kernel().trap(cpu)
        }
    };
    leave(local, after)
}

/// Where the process on the CPU saves its registers.
#[inline(always)]
fn registers(local: &Local) -> *const Registers {
    (end_of_registers(local) as *const Registers).wrapping_sub(1)
}

/// TSS.esp0.
#[inline(always)]
fn end_of_registers(local: &Local) -> u32 {
    // SAFETY: the word is in this CPU's own tables; hardware only reads it.
    unsafe { Tables::entry_stack(local.tables()).read() }
}

/// The kernel, which on a machine of one CPU is always free.
#[inline(always)]
fn kernel() -> MutexGuard<'static, Kernel> {
    match KERNEL.try_lock() {
        Some(kernel) => kernel,
        None => wait_for_kernel(),
    }
}

#[cold]
#[inline(never)]
fn wait_for_kernel() -> MutexGuard<'static, Kernel> {
    KERNEL.lock()
}

/// Goes on with a process, as soon as there is one to run.
#[inline(always)]
fn leave(local: &'static Local, after: After) -> ! {
    if after != After::Run {
        wait(local, after);
    }
    // SAFETY: the kernel has chosen a process, so its directory is loaded and its area is complete. No borrow and no
    // lock is held. The area is the stack now, and ends where IRETD has popped it; nothing is pushed there before the
    // next trap.
    unsafe {
        asm!(
            "lea esp, [{end} - {size}]",
            "popad",
            ".byte 0x1f", // pop ds
            ".byte 0x07", // pop es
            "add esp, 8", // vector and error
            "iretd",
            end = in(reg) end_of_registers(local),
            size = const size_of::<Registers>(),
            options(noreturn),
        )
    }
}

/// Waits until there is a process to run.
#[cold]
fn wait(local: &'static Local, mut after: After) {
    loop {
        match after {
            After::Run => return,
            After::Idle => {
                // SAFETY: no borrow and no lock is held, and in ring 0 an interrupt only notes its line
                // (`kernel_trap`). STI takes effect after HLT has begun, so no interrupt is missed in between (Intel
                // SDM vol. 2B, STI).
                unsafe { asm!("sti", "hlt", "cli") };
                after = go_on(local);
            }
            After::TakeDown => {
                // SAFETY: as above. What has come is taken after the NOP.
                unsafe { asm!("sti", "nop", "cli") };
                after = go_on(local);
            }
            After::PowerOff { status } => power::off(status),
        }
    }
}

/// Handles the interrupts that an idle CPU has taken, and looks for a process again.
fn go_on(local: &'static Local) -> After {
    let pending = local.take_pending();
    let mut after = None;
    for line in (0..pic::LINES).filter(|line| pending & (1 << line) != 0) {
        after = interrupt(local, line).or(after);
    }
    after.unwrap_or_else(|| {
        // SAFETY: interrupts are off again, and the borrows of `interrupt` have ended.
        let cpu = unsafe { local.cpu() };
        KERNEL.lock().idle(cpu)
    })
}

/// Handles a device's interrupt, or returns `None` if there was nothing to do.
fn interrupt(local: &'static Local, line: u32) -> Option<After> {
    if !pic::acknowledge(line) {
        return None;
    }
    match line {
        timer::LINE => {
            // What did not fit when it was typed has waited in the port, without another interrupt.
            // (What the timer decides is newer than what that decided.)
            let _ = receive(local);
            // SAFETY: called first thing in a trap or in a turn of the idle loop, with interrupts off.
            let cpu = unsafe { local.cpu() };
            Some(KERNEL.lock().timer(cpu))
        }
        serial::LINE => receive(local),
        _ => {
            // SAFETY: as above.
            let cpu = unsafe { local.cpu() };
            Some(KERNEL.lock().device_interrupt(cpu, line))
        }
    }
}

/// Hands the bytes that the serial port has received to the kernel.
fn receive(local: &'static Local) -> Option<After> {
    // SAFETY: as in `interrupt`; at boot nothing else has started.
    let cpu = unsafe { local.cpu() };
    let mut kernel = KERNEL.lock();
    let mut after = None;
    while kernel.takes_input()
        && let Some(byte) = logger::read()
    {
        after = Some(kernel.console_input(cpu, byte));
    }
    after
}

/// What a trap from ring 0 pushes.
#[repr(C)]
pub struct KernelFrame {
    edi: u32,
    esi: u32,
    ebp: u32,
    esp: u32,
    ebx: u32,
    edx: u32,
    ecx: u32,
    eax: u32,
    vector: u32,
    error: u32,
    eip: u32,
    cs: u32,
    eflags: u32,
}

/// A trap from ring 0: an interrupt while idle, which is noted; anything else is a bug of the kernel.
#[unsafe(no_mangle)]
extern "C" fn kernel_trap(frame: &KernelFrame) {
    match pic::line(frame.vector) {
        Some(line) => cpu::local().set_pending(line),
        None => report(frame),
    }
}

/// Ends the machine with the values that disprove the kernel.
fn report(frame: &KernelFrame) -> ! {
    let KernelFrame { edi, esi, ebp, esp, ebx, edx, ecx, eax, vector, error, eip, cs, eflags } =
        *frame;
    // SAFETY: reading CR2 has no effect.
    let fault = unsafe { cr2() };
    // The exception pushed three words and the stub two above what PUSHA stored as ESP.
    let esp = esp + 20;
    panic::end(
        format_args!(
            "exception {vector} in the kernel at {eip:#010x}, error {error:#x}, cr2 {fault:#010x}\n  \
             eax {eax:08x} ebx {ebx:08x} ecx {ecx:08x} edx {edx:08x}\n  \
             esi {esi:08x} edi {edi:08x} ebp {ebp:08x} esp {esp:08x} cs {cs:04x} eflags {eflags:08x}"
        ),
        Some(eip),
        ebp,
    )
}

/// A double fault: most likely the kernel's stack ran into its guard page.
#[unsafe(no_mangle)]
extern "C" fn double_fault() -> ! {
    // SAFETY: the CPU has switched tasks for good, so nothing borrows its tables any more.
    let (eip, esp, ebp) = unsafe { Tables::interrupted(cpu::local().tables()) };
    // SAFETY: reading CR2 has no effect.
    let fault = unsafe { cr2() };
    panic::end(
        format_args!("double fault at {eip:#010x}, esp {esp:#010x}, cr2 {fault:#010x}"),
        Some(eip),
        ebp,
    )
}
