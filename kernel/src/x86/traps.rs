//! What happens between a trap from ring 3 and the next process: the Rust side of `traps.s`.
//!
//! The order of events:
//! 1. The CPU switches to the stack at TSS.esp0, which is the end of the current process's
//!    [`Registers`], and pushes its part of them. A stub in `traps.s` pushes the rest, takes the
//!    kernel's segments and stack, and calls one of the functions below.
//! 2. The function borrows the kernel and lets the core decide. By then the core has the process's
//!    registers in its process table: nothing was copied. What the core changes there is what the
//!    next process goes on with.
//! 3. The core says what comes next ([`After`]). [`leave`] loads the registers that TSS.esp0 ends at
//!    now, which may be another process's, and returns to ring 3. If no process can run, it gives
//!    up the stack, waits, and does so then. A call by `sysenter` that has returned leaves by
//!    [`leave_by_sysexit`].
//!
//! Assumed: interrupts are off from the gate to `iretd` or `sysexit`, so nothing comes between
//! these steps but a non-maskable interrupt, which ends the machine. The kernel has one stack for
//! each CPU, and it is empty at each trap: no function below returns, and nothing is left on it
//! while a process runs or waits.
//!
//! Each frequent call, all others, a page fault and all other traps have functions of their own, so
//! that the frequent ones need not look at the vector or at the number of the call. The stubs find
//! them in [`HANDLERS`]; if events are recorded, that table holds the functions in `traced.rs`.
//! Traps from ring 0 are in `kernel_traps.rs`.
//!
//! Nothing that is in the register area is believed on the way back: [`leave`] makes cs, ss and the
//! flags anew, and `sysexit` sets cs and ss itself. So neither a mistake of the core nor a frame
//! that an emulator lets a program forge returns to ring 0.

use core::arch::{asm, global_asm};
use core::mem::offset_of;

use abi::call::Number;
use abi::registers::{
    FLAG_INTERRUPTS, FLAG_TRAP, FLAG_VIRTUAL_8086, FLAGS_PROGRAM, USER_CODE, USER_DATA,
};
use abi::{Registers, Syscall};
use kernel_core::{After, frequent_calls};
use x86::time::rdtsc;

use crate::device::{console, pic};
use crate::kernel;
use crate::x86::interrupts;
use crate::x86::kernel_traps::{KernelFrame, kernel_trap};
use crate::x86::per_cpu::PerCpu;
use crate::x86::selectors::KERNEL_CODE;
use crate::x86::stacks::Stack;
use crate::x86::task_state;

global_asm!(
    include_str!("traps.s"),
    kernel_code = const KERNEL_CODE,
    user_code = const USER_CODE,
    user_data = const USER_DATA,
    sysenter = const Registers::SYSENTER,
    vm = const FLAG_VIRTUAL_8086,
    stack = const Stack::KERNEL.end,
    handlers = sym HANDLERS,
    calls = const offset_of!(Handlers, calls),
    calls_by_sysenter = const offset_of!(Handlers, calls_by_sysenter),
    page_fault = const offset_of!(Handlers, page_fault),
    user_trap = const offset_of!(Handlers, user_trap),
    virtual_8086 = const offset_of!(Handlers, virtual_8086),
    kernel_trap = const offset_of!(Handlers, kernel_trap),
);

/// A function that a stub calls when a program traps.
///
/// # Safety
/// Only the stubs may call it, on an empty stack: then nothing borrows the kernel.
pub type Entry = unsafe extern "C" fn() -> !;

/// The functions that the stubs call.
#[repr(C)]
pub struct Handlers {
    /// By the number of the call.
    pub calls: [Entry; NUMBERS],
    /// By the number of the call.
    pub calls_by_sysenter: [Entry; NUMBERS],
    pub page_fault: Entry,
    pub user_trap: Entry,
    pub virtual_8086: unsafe extern "C" fn(vector: u32) -> !,
    pub kernel_trap: extern "C" fn(&KernelFrame),
}

/// The numbers that a call can have: a byte.
pub const NUMBERS: usize = 256;

static HANDLERS: PerCpu<Handlers> = PerCpu::new(Handlers {
    calls: calls::<false>(),
    calls_by_sysenter: calls::<true>(),
    page_fault,
    user_trap,
    virtual_8086,
    kernel_trap,
});

/// The entry of each call by one of the trap instructions.
const fn calls<const SYSENTER: bool>() -> [Entry; NUMBERS] {
    let mut entries = [any_call as Entry; NUMBERS];
    let mut number = 0;
    while !SYSENTER && number < Syscall::FIRST as usize {
        entries[number] = call_of_jos;
        number += 1;
    }
    macro_rules! enter {
        ($($call:ident)*) => { $({
            const NUMBER: u32 = Number::$call as u32;
            entries[NUMBER as usize] = frequent_call::<NUMBER, SYSENTER>;
        })* };
    }
    frequent_calls!(enter);
    entries
}

/// Lets the stubs call other functions. For the boot, with interrupts off.
pub fn replace_handlers(handlers: Handlers) {
    // SAFETY: this CPU's own, and nothing else borrows it. A stub reads it only when it takes a
    // trap, and none comes here.
    unsafe { *HANDLERS.get() = handlers };
}

/// Words that a trap from virtual-8086 mode leaves in the register area: nine by the CPU, vector
/// and error.
const FROM_VIRTUAL_8086: usize = 11;
const _: () = assert!(FROM_VIRTUAL_8086 * 4 <= size_of::<Registers>());

/// Leaves the boot for the first process, and prints how many cycles the boot took since `began`.
/// The few instructions after the counter is read, and the printing, are not counted.
pub fn leave_boot(after: After, began: u32) -> ! {
    let after = interrupts::receive().unwrap_or(after);
    // SAFETY: the CPU has the counter (`start.s` looks), and ring 0 may read it.
    let cycles = (unsafe { rdtsc() } as u32).wrapping_sub(began);
    console::print(format_args!("boot: {cycles} cycles to the first program\n"));
    leave(after)
}

/// A call from ring 3 that has an entry of its own.
unsafe extern "C" fn frequent_call<const NUMBER: u32, const SYSENTER: bool>() -> ! {
    // SAFETY: this is the only borrow (see `Entry`), and it ends before `leave` gives up the stack:
    // what waits afterwards may borrow the kernel.
    let kernel = unsafe { kernel::at_entry() };
    kernel.frequent_call::<NUMBER, SYSENTER, _>(|after| match after {
        After::Return if SYSENTER => leave_by_sysexit(),
        _ => leave(after),
    })
}

/// A call from ring 3 by `int 0x30` with the number of a JOS call.
unsafe extern "C" fn call_of_jos() -> ! {
    // SAFETY: as in `frequent_call`.
    let kernel = unsafe { kernel::at_entry() };
    leave(kernel.call_of_jos())
}

/// Any other call from ring 3.
unsafe extern "C" fn any_call() -> ! {
    // SAFETY: as in `frequent_call`.
    let kernel = unsafe { kernel::at_entry() };
    leave(kernel.any_call())
}

/// A page fault from ring 3.
unsafe extern "C" fn page_fault() -> ! {
    // SAFETY: as in `frequent_call`.
    let kernel = unsafe { kernel::at_entry() };
    leave(kernel.fault())
}

/// Any other trap from ring 3: an interrupt of a device, or an exception.
unsafe extern "C" fn user_trap() -> ! {
    let after = match interrupt_line() {
        Some(line) => interrupts::handle(line).unwrap_or(After::Run),
        None => kernel::borrow().trap(),
    };
    leave(after)
}

/// Any trap from virtual-8086 mode, into which only an emulator lets a program go: the program
/// ends. If the trap is a device's interrupt, that is handled all the same.
unsafe extern "C" fn virtual_8086(vector: u32) -> ! {
    let ended = kernel::borrow().virtual_8086();
    leave(pic::line(vector).and_then(interrupts::handle).unwrap_or(ended))
}

/// The interrupt line of the trap from ring 3 that is being handled, if a device raised it.
pub fn interrupt_line() -> Option<u32> {
    let registers = task_state::registers()?;
    // SAFETY: TSS.esp0 is the end of the area that the stub has just filled, in the process table,
    // which nothing borrows between two calls of `kernel::borrow`.
    pic::line(unsafe { (*registers).trap })
}

/// The flags with which a program goes on: its own, with interrupts on. IOPL, NT, RF and VM are
/// off.
const FLAGS_KEPT: u32 = FLAGS_PROGRAM | FLAG_INTERRUPTS | 2;

/// Goes on with a process, as soon as there is one to run.
#[inline(always)]
pub fn leave(after: After) -> ! {
    match after {
        After::Return | After::Run => leave_at_once(),
        After::Idle | After::TakeDown | After::PowerOff { .. } => give_up_stack(),
    }
}

/// Waits for a process to run, on an empty stack: whatever was there, the borrow of the kernel by a
/// frequent call included, is given up. What to wait for is asked once more.
#[cold]
#[inline(never)]
fn give_up_stack() -> ! {
    // SAFETY: nothing returns to what is on the stack, and nothing there is to be dropped.
    unsafe {
        asm!(
            "mov esp, {end}",
            "call {wait}",
            end = const Stack::KERNEL.end,
            wait = sym wait_and_leave,
            options(noreturn),
        )
    }
}

/// The rest of [`give_up_stack`].
extern "C" fn wait_and_leave() -> ! {
    interrupts::wait(After::TakeDown);
    leave_at_once()
}

/// Goes on with the process that the core has chosen.
///
/// Whatever the register area says, the process goes on in ring 3, in protected mode, without the
/// right to use I/O ports or to change the interrupt flag: cs, ss and the flags are made anew, by
/// three instructions. ds and es are the flat ones already: the kernel uses those. IF is set in
/// every area: ring 3 cannot clear it without IOPL, which it never has, and the stub of `sysenter`
/// sets it.
#[inline(always)]
fn leave_at_once() -> ! {
    // SAFETY: the core has chosen a process, so its directory is loaded and its register area is
    // complete. No borrow is held. The area is the stack now, and ends where IRETD has
    // popped it; nothing is pushed there before the next trap.
    unsafe {
        asm!(
            "mov word ptr [{end} - {size} + {cs}], {user_code}",
            "mov word ptr [{end} - {size} + {ss}], {user_data}",
            "and dword ptr [{end} - {size} + {eflags}], {flags}",
            "lea esp, [{end} - {size}]",
            "popad",
            "add esp, 8", // vector and error
            "iretd",
            end = in(reg) task_state::end_of_registers(),
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

/// The flags with which a program goes on behind `sysexit`: its own, but TF, which would step
/// through the kernel. (`traps.s` clears TF at a call by `sysenter`.) Interrupts are off until
/// `sysexit`.
const FLAGS_KEPT_BY_SYSEXIT: u32 = FLAGS_PROGRAM & !FLAG_TRAP | 2;

/// Goes on with the process whose call by `sysenter` has returned ([`After::Return`]). It goes on
/// where edx says, with the stack pointer in ecx: the call has not changed these two registers. STI
/// takes effect after SYSEXIT (Intel SDM vol. 2B, STI), so no interrupt comes in ring 0.
fn leave_by_sysexit() -> ! {
    // SAFETY: the process in whose slot TSS.esp0 ends made the call that is left, so its directory,
    // its stack and its register area are right. As for `leave`, nothing is pushed there.
    unsafe {
        asm!(
            "and dword ptr [{end} - {size} + {eflags}], {flags}",
            "lea esp, [{end} - {size}]",
            "popad",
            "add esp, {eflags} - {trap}",
            "popfd",
            "sti",
            "sysexit",
            end = in(reg) task_state::end_of_registers(),
            size = const size_of::<Registers>(),
            trap = const offset_of!(Registers, trap),
            eflags = const offset_of!(Registers, eflags),
            flags = const FLAGS_KEPT_BY_SYSEXIT,
            options(noreturn),
        )
    }
}
