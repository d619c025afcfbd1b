//! Deliberate mistakes, each of which ends the process that makes it.
//!
//! If the kernel allows an access after all, the function returns and the caller reports a failure.
#![allow(unsafe_code)]

use core::arch::asm;

/// Reads the word at any address.
#[must_use]
pub fn read(address: u32) -> u32 {
    // SAFETY: an aligned load has no effect where it is allowed, and ends the process where it is
    // not; any bits are a u32. Volatile, so that the compiler keeps the load.
    unsafe { core::ptr::with_exposed_provenance::<u32>(address as usize).read_volatile() }
}

/// Writes the word at an address.
///
/// # Safety
/// No Rust object lies there, or the kernel ends the process at the store.
pub unsafe fn write(address: u32, value: u32) {
    // SAFETY: by this function's contract.
    unsafe { core::ptr::with_exposed_provenance_mut::<u32>(address as usize).write_volatile(value) }
}

/// Jumps to an address.
///
/// # Safety
/// The kernel ends the process at the first instruction there.
pub unsafe fn jump(address: u32) {
    // SAFETY: by this function's contract.
    unsafe { asm!("call {0}", in(reg) address, clobber_abi("C")) }
}

/// Defines a function that executes one instruction that raises an exception in ring 3.
macro_rules! instruction {
    ($($(#[$doc:meta])* $name:ident: $text:literal;)*) => { $(
        $(#[$doc])*
        pub fn $name() {
            // SAFETY: the instruction raises an exception in ring 3, which ends the process. If it
            // did not, it would have changed only eax, ecx and edx, which are declared.
            unsafe { asm!($text, out("eax") _, out("ecx") _, out("edx") _) }
        }
    )* };
}

instruction! {
    /// A breakpoint.
    breakpoint: "int3";
    /// An undefined instruction.
    undefined: "ud2";
    /// Division by zero.
    divide_by_zero: "xor edx, edx\nxor ecx, ecx\nmov eax, 1\ndiv ecx";
    /// Halts the CPU.
    halt: "hlt";
    /// Disables interrupts.
    interrupts_off: "cli";
    /// Reads a port.
    port_in: "in al, 0x60";
    /// Writes the port that turns the machine off.
    port_out: "mov al, 0x10\nout 0xf4, al";
    /// A software interrupt whose gate programs may not use.
    software_interrupt: "int 0x80";
    /// Loads a data segment register with the kernel's code selector.
    bad_selector: "mov eax, 0x08\nmov ds, eax";
    /// Reads a control register.
    control_register: "mov eax, cr3";
}

/// Overflows the stack: each call needs more than half a page of it.
#[must_use]
pub fn overflow_stack(level: u32) -> u32 {
    let frame = core::hint::black_box([level; 600]);
    if level == u32::MAX { 0 } else { frame[7].wrapping_add(overflow_stack(level + 1)) }
}
