//! Any instruction that traps, with any registers, flags and stack pointer.
//!
//! No register and no stack survives such a trap. So the stub keeps its own stack pointer and the
//! address of the [`Registers`] in statics, which need no register to be reached. If the kernel
//! lets the process go on behind the instruction, the stub comes back; if not, the process ends.
//!
//! A fault between leaving the stub and coming back can be skipped: a fault handler that finds
//! [`is_inside`] true resumes at [`way_back`], as if the instruction had done nothing.
//!
//! Not done: the flags after the trap are not read, and a handler that uses this stub while the
//! program is inside it loses the program's registers. [`crate::gate`] has neither limit.

use core::arch::global_asm;
use core::ptr::addr_of;

use crate::Registers;

/// How a trap is raised.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// `int n`.
    Interrupt(u8),
    /// `sysenter` as programs make it: it returns to the instruction behind.
    Sysenter,
    /// `sysenter` with edx and ecx as they are.
    RawSysenter,
    /// `iretd` with the flags in esi and the code segment in edi.
    Iret,
    /// A segment register loaded from ax: 0 ds, 1 es, 2 fs, 3 gs, 4 ss.
    Segment(u8),
    /// One of a few instructions that ring 3 may not execute, or that raise an exception.
    Instruction(u8),
    /// A jump to `eip`.
    Jump,
    /// A byte loaded from ebx into al.
    Load,
    /// The byte of al stored at ebx.
    Store,
}

/// How many instructions [`Way::Instruction`] can name.
pub const INSTRUCTIONS: u8 = 16;
/// How many segment registers [`Way::Segment`] can name.
pub const SEGMENTS: u8 = 5;

/// Raises a trap and, if the process goes on, returns the general registers after it.
///
/// An `esp` of 0 stands for the stub's own stack; `eip` is used by [`Way::Jump`] alone.
pub fn raise(way: Way, mut registers: Registers) -> Registers {
    let stub = |table: *const u8, index: u8, size: u32| table as u32 + u32::from(index) * size;
    registers.eip = match way {
        Way::Interrupt(vector) => stub(addr_of!(support_interrupts), vector, 8),
        Way::Sysenter => addr_of!(support_plain_sysenter) as u32,
        Way::RawSysenter => addr_of!(support_raw_sysenter) as u32,
        Way::Iret => addr_of!(support_iret) as u32,
        Way::Segment(which) => stub(addr_of!(support_segments), which % SEGMENTS, 16),
        Way::Instruction(which) => stub(addr_of!(support_instructions), which % INSTRUCTIONS, 16),
        Way::Jump => registers.eip,
        Way::Load => addr_of!(support_load) as u32,
        Way::Store => addr_of!(support_store) as u32,
    };
    // SAFETY: the stub reads and writes the words of `Registers` and keeps the C convention if it
    // comes back. Whatever else a trap or a jump does ends this process or changes its memory: only
    // processes of which nothing is believed afterwards call this.
    unsafe { support_raise(&raw mut registers) };
    registers
}

/// Loads a byte from any address.
pub fn load_byte(address: u32) -> u8 {
    raise(Way::Load, Registers { ebx: address, ..Registers::default() }).eax as u8
}

/// Stores a byte at any address.
pub fn store_byte(address: u32, value: u8) {
    raise(Way::Store, Registers { eax: value.into(), ebx: address, ..Registers::default() });
}

/// Whether the program has left the stub by a trap and has not come back: asked by a fault handler.
pub fn is_inside() -> bool {
    // SAFETY: an aligned word, which only this process's one thread changes.
    unsafe { addr_of!(support_inside).read_volatile() != 0 }
}

/// The address at which the stub comes back, whatever the registers hold.
pub fn way_back() -> u32 {
    // SAFETY: a constant of the program.
    unsafe { addr_of!(support_back_address).read() }
}

/// The address of a word that holds [`way_back`]: code that is jumped to ends with an indirect jump
/// through it.
pub fn way_back_word() -> u32 {
    addr_of!(support_back_address) as u32
}

unsafe extern "C" {
    fn support_raise(wire: *mut Registers);
    static support_interrupts: u8;
    static support_plain_sysenter: u8;
    static support_raw_sysenter: u8;
    static support_iret: u8;
    static support_segments: u8;
    static support_instructions: u8;
    static support_load: u8;
    static support_store: u8;
    static support_back_address: u32;
    /// The address of the registers while the program is in the stub; 0 outside.
    static support_inside: u32;
}

global_asm!(
    "    .pushsection .bss.support_any_trap, \"aw\", @nobits",
    "    .balign 4",
    "    .global support_inside",
    "support_inside: .space 4",
    "support_esp: .space 4",
    "support_target: .space 4",
    "    .popsection",
    "    .pushsection .rodata.support_any_trap, \"a\", @progbits",
    "    .balign 4",
    "    .global support_back_address",
    "support_back_address: .long support_back",
    "    .popsection",
    "    .pushsection .text.support_any_trap, \"ax\", @progbits",
    // C calling convention: [esp + 4] is the address of the registers.
    "    .global support_raise",
    "support_raise:",
    "    push ebp",
    "    push ebx",
    "    push esi",
    "    push edi",
    "    mov eax, [esp + 20]",
    "    mov [support_inside], eax",
    "    mov [support_esp], esp",
    "    mov ecx, [eax + 32]",
    "    mov [support_target], ecx",
    "    push dword ptr [eax + 28]",
    "    mov edx, [eax + 4]",
    "    mov ecx, [eax + 8]",
    "    mov ebx, [eax + 12]",
    "    mov esi, [eax + 16]",
    "    mov edi, [eax + 20]",
    "    mov ebp, [eax + 24]",
    "    cmp dword ptr [eax + 36], 0",
    "    je 2f",
    "    popfd",
    "    mov esp, [eax + 36]",
    "    mov eax, [eax]",
    "    jmp dword ptr [support_target]",
    "2:  popfd",
    "    mov eax, [eax]",
    "    jmp dword ptr [support_target]",
    // A trap that came back. Only eax is in the way: it is kept on the stub's own stack.
    "    .global support_back",
    "support_back:",
    "    mov esp, [support_esp]",
    "    push eax",
    "    push 2",
    "    popfd",
    "    mov eax, [support_inside]",
    "    mov [eax + 4], edx",
    "    mov [eax + 8], ecx",
    "    mov [eax + 12], ebx",
    "    mov [eax + 16], esi",
    "    mov [eax + 20], edi",
    "    mov [eax + 24], ebp",
    "    pop dword ptr [eax]",
    "    mov dword ptr [support_inside], 0",
    "    pop edi",
    "    pop esi",
    "    pop ebx",
    "    pop ebp",
    "    ret",
    // One stub of 8 bytes for each vector: `int n`, and back.
    "    .balign 8",
    "    .global support_interrupts",
    "support_interrupts:",
    "    .set vector, 0",
    "    .rept 256",
    "    .balign 8",
    "    .byte 0xcd, vector",
    "    jmp support_back",
    "    .set vector, vector + 1",
    "    .endr",
    "    .global support_plain_sysenter",
    "support_plain_sysenter:",
    "    mov ecx, esp",
    "    lea edx, [3f]",
    "    sysenter",
    "3:  jmp support_back",
    "    .global support_raw_sysenter",
    "support_raw_sysenter:",
    "    sysenter",
    "    jmp support_back",
    "    .global support_load",
    "support_load:",
    "    mov al, [ebx]",
    "    jmp support_back",
    "    .global support_store",
    "support_store:",
    "    mov [ebx], al",
    "    jmp support_back",
    "    .global support_iret",
    "support_iret:",
    "    push esi",
    "    push edi",
    // An immediate would be assembled to 16 bits.
    "    push dword ptr [support_back_address]",
    "    iretd",
    "    .balign 16",
    "    .global support_segments",
    "support_segments:",
    "    mov ds, eax",
    "    jmp support_back",
    "    .balign 16",
    "    mov es, eax",
    "    jmp support_back",
    "    .balign 16",
    "    mov fs, eax",
    "    jmp support_back",
    "    .balign 16",
    "    mov gs, eax",
    "    jmp support_back",
    "    .balign 16",
    "    mov ss, eax",
    "    jmp support_back",
    "    .balign 16",
    "    .global support_instructions",
    "support_instructions:",
    "    cli",
    "    jmp support_back",
    "    .balign 16",
    "    hlt",
    "    jmp support_back",
    "    .balign 16",
    "    in al, dx",
    "    jmp support_back",
    "    .balign 16",
    "    ud2",
    "    jmp support_back",
    "    .balign 16",
    "    mov eax, cr3",
    "    jmp support_back",
    "    .balign 16",
    "    mov cr0, eax",
    "    jmp support_back",
    "    .balign 16",
    "    lgdt [ebx]",
    "    jmp support_back",
    "    .balign 16",
    "    lldt ax",
    "    jmp support_back",
    "    .balign 16",
    "    invlpg [ebx]",
    "    jmp support_back",
    "    .balign 16",
    "    div ecx",
    "    jmp support_back",
    "    .balign 16",
    "    int3",
    "    jmp support_back",
    "    .balign 16",
    "    into",
    "    jmp support_back",
    "    .balign 16",
    "    sgdt [esp - 16]",
    "    jmp support_back",
    "    .balign 16",
    "    rdmsr",
    "    jmp support_back",
    "    .balign 16",
    "    mov edx, dr7",
    "    jmp support_back",
    "    .balign 16",
    "    fninit",
    "    jmp support_back",
    "    .popsection",
);
