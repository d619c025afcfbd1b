//! Words and bytes at I/O ports, for a process to which the kernel has opened them.
//!
//! A port that is not open ends the process by a general protection fault. Writes are `unsafe`,
//! because what is written may tell a device to write memory.
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
///
/// # Safety
/// The device behind the ports does not write memory in which Rust objects lie because of this.
pub unsafe fn write(port: u16, value: u32) {
    // SAFETY: by this function's contract.
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
///
/// # Safety
/// As [`write()`].
pub unsafe fn write_byte(port: u16, value: u8) {
    // SAFETY: by this function's contract.
    unsafe { asm!("out dx, al", in("dx") port, in("al") value, options(nostack, preserves_flags)) };
}
