//! Registers outside the general ones: FPU, segments, the time-stamp counter.

use core::arch::{asm, global_asm};

/// Fills all SSE registers and the top of the x87 stack with a pattern.
pub fn fill_fpu(pattern: u32) {
    let words = [pattern; 4];
    // SAFETY: compiled code of this target uses neither SSE nor x87 registers; the stub reads the
    // 16 bytes.
    unsafe { support_fill_fpu(words.as_ptr()) };
}

/// Reads back what [`fill_fpu`] filled: a word of each SSE register, and the x87 stack's top as an
/// integer.
pub fn read_fpu() -> [u32; 9] {
    let mut words = [0; 9];
    // SAFETY: the stub writes the nine words.
    unsafe { support_read_fpu(words.as_mut_ptr()) };
    words
}

/// Loads the segment register gs.
pub fn set_gs(selector: u32) {
    // SAFETY: compiled code does not use gs; a selector that ring 3 may not load ends the process.
    unsafe { asm!("mov gs, {0:e}", in(reg) selector) };
}

/// The segment register gs.
pub fn gs() -> u32 {
    let selector;
    // SAFETY: reads a register.
    unsafe { asm!("mov {0:e}, gs", out(reg) selector) };
    selector
}

/// Loads a selector into es, traps by call 2 of JOS (getenvid), and returns what es holds then.
pub fn es_after_a_call(mut selector: u16) -> u16 {
    // SAFETY: es goes back to ds's before compiled code could use it.
    unsafe {
        asm!(
            "mov es, {es:e}",
            "int 0x30",
            "mov {es:e}, es",
            "push ds", "pop es",
            es = inout(reg) selector,
            inout("eax") 2 => _,
        );
    }
    selector
}

/// The CPU's count of cycles.
pub fn cycles() -> u64 {
    // SAFETY: the instruction reads a counter that programs may read.
    unsafe { core::arch::x86::_rdtsc() }
}

unsafe extern "C" {
    fn support_fill_fpu(words: *const u32);
    fn support_read_fpu(words: *mut u32);
}

global_asm!(
    "    .pushsection .text.support_cpu, \"ax\", @progbits",
    // C calling convention: [esp + 4] is the address of the words.
    "    .global support_fill_fpu",
    "support_fill_fpu:",
    "    mov eax, [esp + 4]",
    "    movups xmm0, [eax]",
    "    movups xmm1, [eax]",
    "    movups xmm2, [eax]",
    "    movups xmm3, [eax]",
    "    movups xmm4, [eax]",
    "    movups xmm5, [eax]",
    "    movups xmm6, [eax]",
    "    movups xmm7, [eax]",
    "    fninit",
    "    fild dword ptr [eax]",
    "    ret",
    "    .global support_read_fpu",
    "support_read_fpu:",
    "    mov eax, [esp + 4]",
    "    movd [eax], xmm0",
    "    movd [eax + 4], xmm1",
    "    movd [eax + 8], xmm2",
    "    movd [eax + 12], xmm3",
    "    movd [eax + 16], xmm4",
    "    movd [eax + 20], xmm5",
    "    movd [eax + 24], xmm6",
    "    movd [eax + 28], xmm7",
    "    fist dword ptr [eax + 32]",
    "    ret",
    "    .popsection",
);
