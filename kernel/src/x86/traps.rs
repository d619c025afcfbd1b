//! What happens between a trap and the next process: the Rust side of `traps.s`.

use core::arch::{asm, global_asm};
use core::mem::offset_of;

use abi::Registers;
use abi::registers::{FLAG_INTERRUPTS, FLAG_VIRTUAL_8086, FLAGS_PROGRAM, USER_CODE, USER_DATA};
use kernel_core::{After, Kernel};
use spin::MutexGuard;
use x86::controlregs::cr2;
use x86::time::rdtsc;

use crate::device::console;
use crate::device::pic;
use crate::device::power;
use crate::device::serial;
use crate::device::timer;
use crate::x86::descriptors::{Interrupted, KERNEL_CODE, KERNEL_DATA, Tables};
use crate::x86::fixups;
use crate::x86::per_cpu::{self, Local, Stack};
use crate::{KERNEL, panic};

/// Vectors 0 to 48 have stubs; any other `int n` is a general protection fault.
pub const VECTORS: usize = 49;

global_asm!(
    include_str!("traps.s"),
    kernel_code = const KERNEL_CODE,
    kernel_data = const KERNEL_DATA,
    user_code = const USER_CODE,
    user_data = const USER_DATA,
    sysenter = const Registers::SYSENTER,
    virtual_8086 = const FLAG_VIRTUAL_8086,
    stack = const Stack::kernel(per_cpu::BOOT).end,
);

/// Words that a trap from virtual-8086 mode leaves in the register area: nine by the CPU, vector and error.
const FROM_VIRTUAL_8086: usize = 11;
const _: () = assert!(FROM_VIRTUAL_8086 * 4 <= size_of::<Registers>());

/// The address of a vector's first instruction.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Stub(pub u32);

unsafe extern "C" {
    static trap_stubs: [Stub; VECTORS];
    static traced_trap_stubs: [Stub; VECTORS];
    /// Where `sysenter` arrives.
    pub fn sysenter_entry();
    /// Where `sysenter` arrives if events are recorded.
    pub fn traced_sysenter_entry();
    /// Where the double-fault task starts.
    pub fn double_fault_entry();
    /// Where the task of a non-maskable interrupt starts.
    pub fn nmi_entry();
}

/// The stubs, by vector.
pub fn stubs() -> &'static [Stub; VECTORS] {
    // SAFETY: `traps.s` lays out one word for each vector, in order, in read-only memory.
    unsafe { &trap_stubs }
}

/// The stubs that record events, by vector.
pub fn traced_stubs() -> &'static [Stub; VECTORS] {
    // SAFETY: as in `stubs`.
    unsafe { &traced_trap_stubs }
}

/// Leaves the boot for the first process, and says how many cycles it took since `began`. All but a few
/// instructions are behind us when the counter is read; printing the line is not counted.
pub fn enter(after: After, began: u32) -> ! {
    let local = per_cpu::local();
    let after = receive(local).unwrap_or(after);
    // SAFETY: the CPU has the counter (`start.s` looks), and ring 0 may read it.
    let cycles = (unsafe { rdtsc() } as u32).wrapping_sub(began);
    console::print(format_args!(
        "boot: {cycles} cycles to the first program
"
    ));
    leave(local, after)
}

/// A call from ring 3 by `int 0x30`.
#[unsafe(no_mangle)]
extern "C" fn system_call() -> ! {
    let local = per_cpu::local();
    // SAFETY: a trap from ring 3 came with interrupts off and all earlier borrows ended.
    let cpu = unsafe { local.cpu() };
    let after = kernel().on(cpu).call();
    leave(local, after)
}

/// A call from ring 3 by `sysenter`.
#[unsafe(no_mangle)]
extern "C" fn system_call_by_sysenter() -> ! {
    let local = per_cpu::local();
    // SAFETY: as in `system_call`.
    let cpu = unsafe { local.cpu() };
    let after = kernel().on(cpu).call_by_sysenter();
    leave(local, after)
}

/// A page fault from ring 3.
#[unsafe(no_mangle)]
extern "C" fn page_fault() -> ! {
    let local = per_cpu::local();
    // SAFETY: as in `system_call`.
    let cpu = unsafe { local.cpu() };
    let after = kernel().on(cpu).fault();
    leave(local, after)
}

/// Any other trap from ring 3.
#[unsafe(no_mangle)]
extern "C" fn user_trap() -> ! {
    let local = per_cpu::local();
    // SAFETY: the stub has just filled the area, and nothing else runs.
    let trap = unsafe { (*registers(local)).trap };
    let after = match pic::line(trap) {
        Some(line) => interrupt(local, line).unwrap_or(After::Run),
        None => {
            // SAFETY: as in `system_call`.
            let cpu = unsafe { local.cpu() };
            kernel().on(cpu).trap()
        }
    };
    leave(local, after)
}

/// Any trap from virtual-8086 mode, into which only an emulator lets a program go: the program ends. An interrupt
/// that brought it here is a device's all the same.
#[unsafe(no_mangle)]
extern "C" fn virtual_8086(vector: u32) -> ! {
    let local = per_cpu::local();
    // SAFETY: as in `system_call`; the borrow ends before `interrupt` takes its own.
    let cpu = unsafe { local.cpu() };
    let ended = kernel().on(cpu).virtual_8086();
    let after = pic::line(vector).and_then(|line| interrupt(local, line));
    leave(local, after.unwrap_or(ended))
}

/// Where the process on the CPU saves its registers.
#[inline(always)]
pub fn registers(local: &Local) -> *const Registers {
    (end_of_registers(local) as *const Registers).wrapping_sub(1)
}

/// What the process whose register area was set last has there; `None` before the first process.
pub fn saved_registers(local: &Local) -> Option<Registers> {
    if end_of_registers(local) == 0 {
        return None;
    }
    // SAFETY: the area lies in the process table, and all bits of a register are valid.
    Some(unsafe { registers(local).read_volatile() })
}

/// TSS.esp0.
#[inline(always)]
fn end_of_registers(local: &Local) -> u32 {
    // SAFETY: the word is in this CPU's own tables; hardware only reads it.
    unsafe { Tables::entry_stack(local.tables()).read() }
}

/// The kernel, which on a machine of one CPU is always free.
#[inline(always)]
pub fn kernel() -> MutexGuard<'static, Kernel> {
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

/// The flags with which a program goes on: its own, with interrupts on. IOPL, NT, RF and VM are off.
const FLAGS_KEPT: u32 = FLAGS_PROGRAM | FLAG_INTERRUPTS | 2;

/// Goes on with a process, as soon as there is one to run.
///
/// Whatever the area says, the process goes on in ring 3, in protected mode, without the right to touch ports or the
/// interrupt flag: cs, ss and the flags are made anew (three instructions). ds and es were a program's in protected
/// mode or are the flat ones (`traps.s`), so loading them cannot fail; fs and gs see `Machine::load_fpu`. IF is set in
/// every area: ring 3 cannot clear it without IOPL, which it never has, and `sysenter` sets it.
#[inline(always)]
pub fn leave(local: &'static Local, after: After) -> ! {
    if after != After::Run {
        wait(local, after);
    }
    // SAFETY: the kernel has chosen a process, so its directory is loaded and its area is complete. No borrow and no
    // lock is held. The area is the stack now, and ends where IRETD has popped it; nothing is pushed there before the
    // next trap.
    unsafe {
        asm!(
            "mov word ptr [{end} - {size} + {cs}], {user_code}",
            "mov word ptr [{end} - {size} + {ss}], {user_data}",
            "and dword ptr [{end} - {size} + {eflags}], {flags}",
            "lea esp, [{end} - {size}]",
            "popad",
            ".byte 0x1f", // pop ds
            ".byte 0x07", // pop es
            "add esp, 8", // vector and error
            "iretd",
            end = in(reg) end_of_registers(local),
            size = const size_of::<Registers>(),
            cs = const offset_of!(Registers, cs),
            ss = const offset_of!(Registers, ss),
            eflags = const offset_of!(Registers, eflags),
            user_code = const USER_CODE,
            user_data = const USER_DATA,
            flags = const FLAGS_KEPT,
            options(noreturn),
        )
    }
}

/// Waits until there is a process to run.
#[cold]
pub fn wait(local: &'static Local, mut after: After) {
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
        KERNEL.lock().on(cpu).idle()
    })
}

/// Handles a device's interrupt, or returns `None` if there was nothing to do.
pub fn interrupt(local: &'static Local, line: u32) -> Option<After> {
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
            Some(KERNEL.lock().on(cpu).timer())
        }
        serial::LINE => receive(local),
        _ => {
            // SAFETY: as above.
            let cpu = unsafe { local.cpu() };
            Some(KERNEL.lock().on(cpu).device_interrupt(line))
        }
    }
}

/// The most bytes that one call of [`receive`] takes from the serial port: a 16550 holds 16. Without a limit, a device
/// that is faster than this loop, or broken, would keep the kernel here. The timer fetches what is left.
const BYTES_AT_ONCE: u32 = 16;

/// Hands the bytes that the serial port has received to the kernel.
fn receive(local: &'static Local) -> Option<After> {
    // SAFETY: as in `interrupt`; at boot nothing else has started.
    let cpu = unsafe { local.cpu() };
    let mut kernel = KERNEL.lock();
    let mut after = None;
    for _ in 0..BYTES_AT_ONCE {
        if !kernel.takes_input() {
            break;
        }
        let Some(byte) = console::read() else { break };
        after = Some(kernel.on(cpu).console_input(byte));
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
    pub vector: u32,
    error: u32,
    eip: u32,
    cs: u32,
    eflags: u32,
}

/// Vectors of faults that loading a selector can raise: segment not present, and general protection.
const SELECTOR_FAULTS: [u32; 2] = [11, 13];

/// A trap from ring 0: an interrupt while idle, which is noted; a load of fs or gs that failed ([`fixups`]); anything
/// else is a bug of the kernel, and so is a frame that is neither ring 0's nor a program's.
#[unsafe(no_mangle)]
pub extern "C" fn kernel_trap(frame: &mut KernelFrame) {
    if frame.cs & 0xFFFF != u32::from(KERNEL_CODE) {
        report(frame, "a trap with an unknown code segment");
    }
    if let Some(line) = pic::line(frame.vector) {
        return per_cpu::local().set_pending(line);
    }
    if SELECTOR_FAULTS.contains(&frame.vector)
        && let Some(next) = fixups::null_selectors_at(frame.eip)
    {
        frame.eip = next;
        return;
    }
    report(frame, "")
}

/// Ends the machine with the values that disprove the kernel; `why` says more where the vector does not say all.
fn report(frame: &KernelFrame, why: &str) -> ! {
    let KernelFrame { edi, esi, ebp, esp, ebx, edx, ecx, eax, vector, error, eip, cs, eflags } =
        *frame;
    // SAFETY: reading CR2 has no effect.
    let fault = unsafe { cr2() };
    let colon = if why.is_empty() { "" } else { ": " };
    // The exception pushed three words and the stub two above what PUSHA stored as ESP.
    let esp = esp + 20;
    panic::end(
        format_args!(
            "{why}{colon}exception {vector} in the kernel at {eip:#010x}, error {error:#x}, cr2 {fault:#010x}\n  \
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
    let Interrupted { eip, esp, ebp, .. } =
        unsafe { Tables::interrupted(per_cpu::local().tables()) };
    // SAFETY: reading CR2 has no effect.
    let fault = unsafe { cr2() };
    panic::end(
        format_args!("double fault at {eip:#010x}, esp {esp:#010x}, cr2 {fault:#010x}"),
        Some(eip),
        ebp,
    )
}

/// A non-maskable interrupt: memory or a bus has failed, or somebody has pressed the machine's button for it. What is
/// still right the kernel cannot know, so the machine ends. It may come between any two instructions, also where the
/// stack pointer is in a register area or, at the first instruction of `sysenter_entry`, in the task state: hence the
/// task of its own.
#[unsafe(no_mangle)]
extern "C" fn non_maskable_interrupt() -> ! {
    // SAFETY: the CPU has switched tasks for good, so nothing borrows its tables any more.
    let Interrupted { eip, ebp, in_ring_3, .. } =
        unsafe { Tables::interrupted(per_cpu::local().tables()) };
    let (place, ebp) = if in_ring_3 { ("a program", 0) } else { ("the kernel", ebp) };
    panic::end(
        format_args!(
            "non-maskable interrupt in {place} at {eip:#010x}: the machine reports a failure"
        ),
        Some(eip),
        ebp,
    )
}
