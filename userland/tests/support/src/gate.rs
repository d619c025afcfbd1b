//! A call with chosen registers and flags, which comes back on the stack of its caller.
//!
//! The stub keeps the address of the [`Registers`] on the stack, above what it pushes. So the trap
//! may change every register but the stack pointer, and a fault handler may use this gate while the
//! program is inside it.

use core::arch::global_asm;

use crate::Registers;

/// Traps by `int 0x30` with these registers and flags; `eip` and `esp` are not used.
pub fn interrupt(mut registers: Registers) -> Registers {
    // SAFETY: the stub reads and writes the first eight words, keeps the C convention and leaves
    // ordinary flags. What the call does to memory is the caller's part (see the crate's head).
    unsafe { support_interrupt(&raw mut registers) };
    registers
}

/// Traps by `sysenter` with these registers and flags; `edx`, `ecx`, `eip` and `esp` are not used.
pub fn sysenter(mut registers: Registers) -> Registers {
    // SAFETY: as for `interrupt`.
    unsafe { support_sysenter(&raw mut registers) };
    registers
}

unsafe extern "C" {
    fn support_interrupt(registers: *mut Registers);
    fn support_sysenter(registers: *mut Registers);
}

global_asm!(
    "    .pushsection .text.support_gate, \"ax\", @progbits",
    // C calling convention: [esp + 4] is the address of the registers; ebx, esi, edi and ebp belong
    // to the caller.
    "    .global support_interrupt",
    "support_interrupt:",
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
    "support_return:",
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
    "    .global support_sysenter",
    "support_sysenter:",
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
    "    mov edx, offset support_sysenter_return",
    "    popfd",
    "    sysenter",
    "support_sysenter_return:",
    "    jmp support_return",
    "    .popsection",
);
