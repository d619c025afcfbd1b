//! Instructions without an effect, at which the emulator's plugin (`xtask/counter`) looks at its
//! counts of events.
//!
//! Each is a NOP whose operand has a number in it; a processor does not look at the operand. They
//! stand outside of what is timed.
#![allow(unsafe_code)]

use core::arch::asm;

/// Executes mark `NUMBER`. The numbers are those of `xtask/counter/src/mark.rs`.
#[inline(always)]
fn mark<const NUMBER: u32>() {
    // SAFETY: a NOP does nothing. No `nomem`: loads and stores stay on their side of it.
    unsafe {
        asm!(
            "nop dword ptr [eax + 0x56540000 + {number}]",
            number = const NUMBER,
            options(nostack, preserves_flags)
        );
    }
}

/// A part begins: its series are counted from 0.
pub fn part() {
    mark::<1>();
}

/// A series begins.
pub fn series() {
    mark::<2>();
}

/// A repetition begins.
#[inline(always)]
pub fn begin() {
    mark::<3>();
}

/// It is over; without one that has begun this has no effect.
#[inline(always)]
pub fn end() {
    mark::<4>();
}

/// The series is over.
pub fn done() {
    mark::<5>();
}
