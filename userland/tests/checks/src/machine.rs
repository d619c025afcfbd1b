//! What Rust has no words for: any address, any register at a trap, the FPU.
//!
//! The checks use addresses at which no Rust object lies ([`crate::memory`]), or ones at which the access ends the
//! process; so no load or store here can disturb the program.
#![allow(unsafe_code)]

use core::arch::{asm, global_asm};

/// Registers of a raw call.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct Raw {
    /// Number and permissions; the result.
    pub eax: u32,
    /// Process. By `sysenter` the stub's own.
    pub edx: u32,
    /// Page. By `sysenter` the stub's own.
    pub ecx: u32,
    /// Word 0.
    pub ebx: u32,
    /// Word 1.
    pub esi: u32,
    /// Word 2; by `sysenter` the process.
    pub edi: u32,
    /// Word 3; by `sysenter` word 2 or the page.
    pub ebp: u32,
    /// Flags at the trap, and after it.
    pub eflags: u32,
}

/// Loads a word.
pub fn load(address: u32) -> u32 {
    // SAFETY: an aligned volatile load of any bits; where the page does not allow it, it is a page fault, which is
    // what the check wants to see.
    unsafe { core::ptr::with_exposed_provenance::<u32>(address as usize).read_volatile() }
}

/// Stores a word at an address at which no Rust object lies.
pub fn store(address: u32, value: u32) {
    // SAFETY: see the module comment: the addresses are the checks' own or forbidden.
    unsafe { core::ptr::with_exposed_provenance_mut::<u32>(address as usize).write_volatile(value) }
}

/// Traps by `int 0x30` with these registers and flags.
pub fn interrupt(mut raw: Raw) -> Raw {
    // SAFETY: the stub reads and writes the eight words, keeps the C convention and leaves ordinary flags. The calls
    // that the checks make change only memory at the checks' own addresses.
    unsafe { checks_interrupt(&raw mut raw) };
    raw
}

/// Traps by `sysenter` with these registers and flags.
pub fn sysenter(mut raw: Raw) -> Raw {
    // SAFETY: as for `interrupt`.
    unsafe { checks_sysenter(&raw mut raw) };
    raw
}

/// The program's first address after its image, as the linker script says.
pub fn image_end() -> u32 {
    (&raw const program_end).expose_provenance() as u32
}

/// Fills all SSE registers and the top of the x87 stack with a pattern.
pub fn fill_fpu(pattern: u32) {
    let words = [pattern; 4];
    // SAFETY: compiled code of this target uses neither SSE nor x87 registers; the stub reads the 16 bytes.
    unsafe { checks_fill_fpu(words.as_ptr()) };
}

/// Reads back what [`fill_fpu`] filled: a word of each SSE register, and the x87 stack's top as an integer.
pub fn read_fpu() -> [u32; 9] {
    let mut words = [0; 9];
    // SAFETY: the stub writes the nine words.
    unsafe { checks_read_fpu(words.as_mut_ptr()) };
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

unsafe extern "C" {
    fn checks_interrupt(raw: *mut Raw);
    fn checks_sysenter(raw: *mut Raw);
    fn checks_fill_fpu(words: *const u32);
    fn checks_read_fpu(words: *mut u32);
    /// Its address is what it says; there is nothing to read.
    static program_end: u8;
}

const _: () = {
    assert!(core::mem::offset_of!(Raw, edx) == 4);
    assert!(core::mem::offset_of!(Raw, ebp) == 24);
    assert!(core::mem::offset_of!(Raw, eflags) == 28);
};

global_asm!(
    "    .pushsection .text.checks_machine, \"ax\", @progbits",
    // C calling convention: [esp + 4] is the address of the registers; ebx, esi, edi and ebp belong to the caller.
    "    .global checks_interrupt",
    "checks_interrupt:",
    "    push ebp",
    "    push ebx",
    "    push esi",
    "    push edi",
    "    mov eax, [esp + 20]",
    "    push eax",
    "    push dword ptr [eax + 28]",
    "    mov edx, [eax + 4]",
    "    mov ecx, [eax + 8]",
    "    mov ebx, [eax + 12]",
    "    mov esi, [eax + 16]",
    "    mov edi, [eax + 20]",
    "    mov ebp, [eax + 24]",
    "    mov eax, [eax]",
    "    popfd",
    "    int 0x30",
    // Stack: flags as they came back, the address of the registers.
    "checks_return:",
    "    pushfd",
    "    xchg eax, [esp + 4]",
    "    mov [eax + 4], edx",
    "    mov [eax + 8], ecx",
    "    mov [eax + 12], ebx",
    "    mov [eax + 16], esi",
    "    mov [eax + 20], edi",
    "    mov [eax + 24], ebp",
    "    pop dword ptr [eax + 28]",
    "    pop dword ptr [eax]",
    // Whatever flags were tried: Rust gets ordinary ones.
    "    push 2",
    "    popfd",
    "    pop edi",
    "    pop esi",
    "    pop ebx",
    "    pop ebp",
    "    ret",
    // As above; edx and ecx say where to go on.
    "    .global checks_sysenter",
    "checks_sysenter:",
    "    push ebp",
    "    push ebx",
    "    push esi",
    "    push edi",
    "    mov eax, [esp + 20]",
    "    push eax",
    "    push dword ptr [eax + 28]",
    "    mov ebx, [eax + 12]",
    "    mov esi, [eax + 16]",
    "    mov edi, [eax + 20]",
    "    mov ebp, [eax + 24]",
    "    mov eax, [eax]",
    "    lea ecx, [esp + 4]",
    "    mov edx, offset checks_sysenter_return",
    "    popfd",
    "    sysenter",
    "checks_sysenter_return:",
    "    jmp checks_return",
    "    .global checks_fill_fpu",
    "checks_fill_fpu:",
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
    "    .global checks_read_fpu",
    "checks_read_fpu:",
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
