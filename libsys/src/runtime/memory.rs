//! `memcpy` and `memset`, which the compiler calls wherever bytes are copied or filled.
//!
//! The versions that come with the compiler go byte by byte on this machine. These go by words,
//! with the CPU's string instructions, which go on where a page fault has interrupted them. With
//! them a program is spawned in 34,730 instructions in place of 67,549, and
//! `hog 64M --compressible` in 32 MiB takes 2,718 million in place of 3,116 million.
//!
//! Not done: `memmove` and `memcmp` are the compiler's.

use core::arch::asm;

/// Copies `length` bytes.
///
/// # Safety
/// As C's: both may be accessed for `length` bytes, and do not overlap.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, length: usize) -> *mut u8 {
    // SAFETY: the caller's promise; DF is clear, as the ABI has it. Rust does not take esi as an
    // operand, but may choose it for `from`: then the exchange does nothing. So the rest has a
    // register by name, or it might be in esi when that is exchanged.
    unsafe {
        asm!(
            "xchg esi, {from}",
            "rep movsd",
            "mov ecx, edx",
            "rep movsb",
            "mov esi, {from}",
            from = inout(reg) from => _,
            in("edx") length % 4,
            inout("ecx") length / 4 => _,
            inout("edi") to => _,
            options(nostack, preserves_flags),
        );
    }
    to
}

/// Fills `length` bytes with the lowest byte of `value`.
///
/// # Safety
/// As C's: the memory may be written for `length` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, value: i32, length: usize) -> *mut u8 {
    let word = u32::from(value as u8) * 0x0101_0101;
    // SAFETY: the caller's promise; DF is clear, as the ABI has it.
    unsafe {
        asm!(
            "rep stosd",
            "mov ecx, {rest}",
            "rep stosb",
            rest = in(reg) length % 4,
            inout("ecx") length / 4 => _,
            inout("edi") to => _,
            in("eax") word,
            options(nostack, preserves_flags),
        );
    }
    to
}
