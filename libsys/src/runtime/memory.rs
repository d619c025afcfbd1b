//! `memcpy`, `memmove`, `memset`, `memcmp` and `bcmp`, which the compiler calls wherever bytes are
//! copied, filled or compared.
//!
//! The versions that come with the compiler go byte by byte on this machine. These go by words,
//! with the CPU's string instructions, which go on where a page fault has interrupted them. With
//! them a program is spawned in 34,730 instructions in place of 67,549, and
//! `hog 64M --compressible` in 32 MiB takes 2,718 million in place of 3,116 million.
//!
//! `memmove` and the comparisons cost one instruction a word in place of six a word or a byte. The
//! exception is a move upwards over its own beginning: that goes down, word by word, in a loop. A
//! string instruction would need DF set for that, and a page fault would reach the program's
//! handler so.

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

/// Copies `length` bytes, which may overlap.
///
/// # Safety
/// As C's: both may be accessed for `length` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, length: usize) -> *mut u8 {
    if to.addr().wrapping_sub(from.addr()) >= length {
        // The target does not begin within the source, so that no byte is overwritten before it is
        // read, if the copy goes upwards as `memcpy` does.
        // SAFETY: the caller's promise.
        return unsafe { memcpy(to, from, length) };
    }
    // SAFETY: the caller's promise: each access is to one of the `length` bytes. The bytes behind
    // the last whole word go first, because the copy goes downwards. The registers as in `memcpy`.
    unsafe {
        asm!(
            "xchg esi, {from}",
            "jmp 3f",
            "2:",
            "mov al, [esi + ecx]",
            "mov [edi + ecx], al",
            "3:",
            "sub ecx, 1",
            "cmp ecx, edx",
            "jge 2b",
            "test edx, edx",
            "jz 5f",
            "4:",
            "mov eax, [esi + edx - 4]",
            "mov [edi + edx - 4], eax",
            "sub edx, 4",
            "jnz 4b",
            "5:",
            "mov esi, {from}",
            from = inout(reg) from => _,
            inout("ecx") length => _,
            inout("edx") length & !3 => _,
            in("edi") to,
            out("eax") _,
            options(nostack),
        );
    }
    to
}

/// Compares `length` bytes: 0 if they are the same, or else the difference of the first two that
/// are not.
///
/// # Safety
/// As C's: both may be read for `length` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(one: *const u8, other: *const u8, length: usize) -> i32 {
    let (first, second): (u32, u32);
    // SAFETY: the caller's promise; DF is clear, as the ABI has it. Words that differ are compared
    // again byte by byte. `cmp ecx, ecx` sets ZF for a count of 0, with which `repe` compares
    // nothing. The registers as in `memcpy`.
    unsafe {
        asm!(
            "xchg esi, {one}",
            "cmp ecx, ecx",
            "repe cmpsd",
            "mov ecx, edx",
            "je 2f",
            "sub esi, 4",
            "sub edi, 4",
            "mov ecx, 4",
            "2:",
            "cmp ecx, ecx",
            "repe cmpsb",
            "mov eax, 0",
            "mov edx, 0",
            "je 3f",
            "mov al, [esi - 1]",
            "mov dl, [edi - 1]",
            "3:",
            "mov esi, {one}",
            one = inout(reg) one => _,
            inout("ecx") length / 4 => _,
            inout("edx") length % 4 => second,
            inout("edi") other => _,
            out("eax") first,
            options(nostack, readonly),
        );
    }
    first as i32 - second as i32
}

/// As [`memcmp`], for a caller that does not ask which one is the lower.
///
/// # Safety
/// As [`memcmp`].
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(one: *const u8, other: *const u8, length: usize) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { memcmp(one, other, length) }
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
