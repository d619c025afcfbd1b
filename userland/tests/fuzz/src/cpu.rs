//! The one way into the kernel that the fuzzer needs: any registers, flags and stack, then any instruction that traps.
//!
//! The stub keeps where it came from in statics, at fixed addresses, because no register is its own: a trap that the
//! kernel answers comes back, whatever the registers held. What does not come back ends the process, which is as well.
//!
//! A fault between leaving the stub and coming back can be skipped: the handler below goes on at the way back, as if the
//! instruction had done nothing. So a process lives through most of its bad addresses.
#![allow(unsafe_code)]

use core::arch::global_asm;
use core::ptr::addr_of;
use core::sync::atomic::{AtomicU32, Ordering};

use libsys::paging::fault::{Fault, Handled};
use libsys::paging::regions::{self, Decision};

/// All that an entry takes along, and what it brings back.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Wire {
    pub eax: u32,
    pub edx: u32,
    pub ecx: u32,
    pub ebx: u32,
    pub esi: u32,
    pub edi: u32,
    pub ebp: u32,
    /// What `popf` loads just before; bit 9 and IOPL are not a program's to change, all others are.
    pub eflags: u32,
    /// The address that the stub jumps to.
    pub target: u32,
    /// The stack pointer at the trap; 0 for the stub's own.
    pub esp: u32,
}

/// How a trap is raised.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// `int n`.
    Interrupt(u8),
    /// `sysenter` as programs make it: it returns to the instruction behind.
    Sysenter,
    /// `sysenter` with edx and ecx as they are.
    RawSysenter,
    /// `iretd` with the flags and code segment of the wire's esi and edi.
    Iret,
    /// A segment register loaded from ax: 0 ds, 1 es, 2 fs, 3 gs, 4 ss.
    Segment(u8),
    /// One of a few instructions that ring 3 may not execute, or that raise an exception.
    Instruction(u8),
    /// A jump to the wire's target.
    Jump,
    /// A byte loaded from ebx.
    Load,
    /// The byte of al stored at ebx.
    Store,
}

/// How many there are of [`Way::Instruction`].
pub const INSTRUCTIONS: u8 = 16;
/// How many there are of [`Way::Segment`].
pub const SEGMENTS: u8 = 5;

/// Enters the kernel and, if it returns, says with which registers.
pub fn enter(way: Way, mut wire: Wire) -> Wire {
    let stub = |table: *const u8, index: u8, size: u32| table as u32 + u32::from(index) * size;
    wire.target = match way {
        Way::Interrupt(vector) => stub(addr_of!(fuzz_interrupts), vector, 8),
        Way::Sysenter => addr_of!(fuzz_sysenter) as u32,
        Way::RawSysenter => addr_of!(fuzz_raw_sysenter) as u32,
        Way::Iret => addr_of!(fuzz_iret) as u32,
        Way::Segment(which) => stub(addr_of!(fuzz_segments), which % SEGMENTS, 16),
        Way::Instruction(which) => stub(addr_of!(fuzz_instructions), which % INSTRUCTIONS, 16),
        Way::Jump => wire.target,
        Way::Load => addr_of!(fuzz_load) as u32,
        Way::Store => addr_of!(fuzz_store) as u32,
    };
    SKIPPED.store(0, Ordering::Relaxed);
    // SAFETY: the stub reads and writes the words of `Wire` and keeps the C calling convention if it returns. What a
    // trap or a jump does beside that ends this process or changes its memory: only processes that are made to be
    // thrown away call this, and nothing of theirs is believed afterwards.
    unsafe { fuzz_enter(&raw mut wire) };
    wire
}

/// Reads a byte anywhere: a fault, if it may not.
pub fn load(address: u32) -> u8 {
    enter(Way::Load, Wire { ebx: address, ..Wire::default() }).eax as u8
}

/// Writes a byte anywhere: a fault, if it may not.
pub fn store(address: u32, value: u8) {
    enter(Way::Store, Wire { eax: value.into(), ebx: address, ..Wire::default() });
}

/// Faults that were skipped since the stub was entered last.
static SKIPPED: AtomicU32 = AtomicU32::new(0);
/// After so many the process ends: its stack or its statics are gone, so that the way back faults, too.
const MOST_SKIPPED: u32 = 8;

/// The fault handler of a process that is to live through its bad addresses: goes on at the stub's way back. Pages that the
/// program has by right are left to the pager.
pub fn skip(fault: &mut Fault<'_>) -> Handled {
    // SAFETY: an aligned word, which only this process's one thread changes.
    let inside = unsafe { addr_of!(fuzz_wire).read_volatile() } != 0;
    let decision = regions::STANDARD.decide(fault.address(), fault.access());
    let by_right = matches!(decision, Decision::Zero(_) | Decision::Image { .. });
    if !inside || by_right || SKIPPED.fetch_add(1, Ordering::Relaxed) >= MOST_SKIPPED {
        return Handled::PassOn;
    }
    // SAFETY: the stub was left by the access, and its way back restores what it needs.
    unsafe { fault.resume_at(way_back()) };
    Handled::Resume
}

/// Where code that is jumped to goes on: it ends with an indirect jump through this word.
pub fn way_back_word() -> u32 {
    addr_of!(fuzz_back_address) as u32
}

fn way_back() -> u32 {
    // SAFETY: a constant of the program.
    unsafe { addr_of!(fuzz_back_address).read() }
}

unsafe extern "C" {
    fn fuzz_enter(wire: *mut Wire);
    static fuzz_interrupts: u8;
    static fuzz_sysenter: u8;
    static fuzz_raw_sysenter: u8;
    static fuzz_iret: u8;
    static fuzz_segments: u8;
    static fuzz_instructions: u8;
    static fuzz_load: u8;
    static fuzz_store: u8;
    static fuzz_back_address: u32;
    /// 0 outside of the stub.
    static fuzz_wire: u32;
}

global_asm!(
    "    .pushsection .bss.fuzz, \"aw\", @nobits",
    "    .balign 4",
    "    .global fuzz_wire",
    "fuzz_wire: .space 4",
    "fuzz_esp: .space 4",
    "fuzz_target: .space 4",
    "    .popsection",
    "    .pushsection .rodata.fuzz, \"a\", @progbits",
    "    .balign 4",
    "    .global fuzz_back_address",
    "fuzz_back_address: .long fuzz_back",
    "    .popsection",
    "    .pushsection .text.fuzz, \"ax\", @progbits",
    // C calling convention: [esp + 4] is the address of the wire.
    "    .global fuzz_enter",
    "fuzz_enter:",
    "    push ebp",
    "    push ebx",
    "    push esi",
    "    push edi",
    "    mov eax, [esp + 20]",
    "    mov [fuzz_wire], eax",
    "    mov [fuzz_esp], esp",
    "    mov ecx, [eax + 32]",
    "    mov [fuzz_target], ecx",
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
    "    jmp dword ptr [fuzz_target]",
    "2:  popfd",
    "    mov eax, [eax]",
    "    jmp dword ptr [fuzz_target]",
    // A trap that came back. Only eax is in the way: it waits on the stub's own stack.
    "    .global fuzz_back",
    "fuzz_back:",
    "    mov esp, [fuzz_esp]",
    "    push eax",
    "    push 2",
    "    popfd",
    "    mov eax, [fuzz_wire]",
    "    mov [eax + 4], edx",
    "    mov [eax + 8], ecx",
    "    mov [eax + 12], ebx",
    "    mov [eax + 16], esi",
    "    mov [eax + 20], edi",
    "    mov [eax + 24], ebp",
    "    pop dword ptr [eax]",
    "    mov dword ptr [fuzz_wire], 0",
    "    pop edi",
    "    pop esi",
    "    pop ebx",
    "    pop ebp",
    "    ret",
    // One stub of 8 bytes for each vector: `int n`, and back.
    "    .balign 8",
    "    .global fuzz_interrupts",
    "fuzz_interrupts:",
    "    .set vector, 0",
    "    .rept 256",
    "    .balign 8",
    "    .byte 0xcd, vector",
    "    jmp fuzz_back",
    "    .set vector, vector + 1",
    "    .endr",
    "    .global fuzz_sysenter",
    "fuzz_sysenter:",
    "    mov ecx, esp",
    "    lea edx, [3f]",
    "    sysenter",
    "3:  jmp fuzz_back",
    "    .global fuzz_raw_sysenter",
    "fuzz_raw_sysenter:",
    "    sysenter",
    "    jmp fuzz_back",
    "    .global fuzz_load",
    "fuzz_load:",
    "    mov al, [ebx]",
    "    jmp fuzz_back",
    "    .global fuzz_store",
    "fuzz_store:",
    "    mov [ebx], al",
    "    jmp fuzz_back",
    "    .global fuzz_iret",
    "fuzz_iret:",
    "    push esi",
    "    push edi",
    // An immediate would be assembled to 16 bits.
    "    push dword ptr [fuzz_back_address]",
    "    iretd",
    "    .balign 16",
    "    .global fuzz_segments",
    "fuzz_segments:",
    "    mov ds, eax",
    "    jmp fuzz_back",
    "    .balign 16",
    "    mov es, eax",
    "    jmp fuzz_back",
    "    .balign 16",
    "    mov fs, eax",
    "    jmp fuzz_back",
    "    .balign 16",
    "    mov gs, eax",
    "    jmp fuzz_back",
    "    .balign 16",
    "    mov ss, eax",
    "    jmp fuzz_back",
    "    .balign 16",
    "    .global fuzz_instructions",
    "fuzz_instructions:",
    "    cli",
    "    jmp fuzz_back",
    "    .balign 16",
    "    hlt",
    "    jmp fuzz_back",
    "    .balign 16",
    "    in al, dx",
    "    jmp fuzz_back",
    "    .balign 16",
    "    ud2",
    "    jmp fuzz_back",
    "    .balign 16",
    "    mov eax, cr3",
    "    jmp fuzz_back",
    "    .balign 16",
    "    mov cr0, eax",
    "    jmp fuzz_back",
    "    .balign 16",
    "    lgdt [ebx]",
    "    jmp fuzz_back",
    "    .balign 16",
    "    lldt ax",
    "    jmp fuzz_back",
    "    .balign 16",
    "    invlpg [ebx]",
    "    jmp fuzz_back",
    "    .balign 16",
    "    div ecx",
    "    jmp fuzz_back",
    "    .balign 16",
    "    int3",
    "    jmp fuzz_back",
    "    .balign 16",
    "    into",
    "    jmp fuzz_back",
    "    .balign 16",
    "    sgdt [esp - 16]",
    "    jmp fuzz_back",
    "    .balign 16",
    "    rdmsr",
    "    jmp fuzz_back",
    "    .balign 16",
    "    mov edx, dr7",
    "    jmp fuzz_back",
    "    .balign 16",
    "    fninit",
    "    jmp fuzz_back",
    "    .popsection",
);
