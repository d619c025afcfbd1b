//! Words and bytes at I/O ports, for a process to which the kernel has opened them.
//!
//! The functions are safe: a port that is not open ends the process by a general protection fault. What a device does
//! to memory because of a port is the driver's to answer for, as the kernel's documentation of drivers says.
#![allow(unsafe_code)]

use core::arch::asm;

/// Reads the four ports from `port` on at once.
#[must_use]
pub fn read(port: u16) -> u32 {
    let value;
    // SAFETY: reads a device, not memory.
    unsafe {
        asm!("in eax, dx", out("eax") value, in("dx") port, options(nostack, preserves_flags))
    };
    value
}

/// Writes the four ports from `port` on at once.
pub fn write(port: u16, value: u32) {
    // SAFETY: writes a device; what that does to memory is said above.
    unsafe {
        asm!("out dx, eax", in("dx") port, in("eax") value, options(nostack, preserves_flags))
    };
}

/// Reads a port.
#[must_use]
pub fn read_byte(port: u16) -> u8 {
    let value;
    // SAFETY: as for `read`.
    unsafe { asm!("in al, dx", out("al") value, in("dx") port, options(nostack, preserves_flags)) };
    value
}

/// Writes a port.
pub fn write_byte(port: u16, value: u8) {
    // SAFETY: as for `write`.
    unsafe { asm!("out dx, al", in("dx") port, in("al") value, options(nostack, preserves_flags)) };
}
