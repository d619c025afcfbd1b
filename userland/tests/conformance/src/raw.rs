//! What Rust has no words for: any register at a trap, any address.
//!
//! The claims use addresses at which no Rust object lies, or ones at which the access faults; so no load or store here
//! can disturb the program.
#![allow(unsafe_code)]

use core::arch::{asm, global_asm};

/// Registers at a trap, and after it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct Trap {
    /// The call's number; its result.
    pub eax: u32,
    /// First argument.
    pub edx: u32,
    /// Second argument.
    pub ecx: u32,
    /// Third argument.
    pub ebx: u32,
    /// Fourth argument.
    pub edi: u32,
    /// Fifth argument.
    pub esi: u32,
    /// No argument.
    pub ebp: u32,
    /// Flags.
    pub eflags: u32,
}

/// Executes `int 0x30` with these registers.
pub fn trap(mut registers: Trap) -> Trap {
    // SAFETY: the stub reads and writes the eight words, keeps the C convention and leaves ordinary flags. The calls
    // that the claims make change only memory at the claims' own addresses.
    unsafe { conformance_trap(&raw mut registers) };
    registers
}

/// Loads a word.
pub fn load(address: u32) -> u32 {
    // SAFETY: a volatile load of any bits (x86 does not mind the alignment, and `asm!` does not either).
    unsafe {
        let value;
        asm!("mov {0:e}, [{1:e}]", out(reg) value, in(reg) address, options(nostack, readonly));
        value
    }
}

/// Stores a word at an address at which no Rust object lies.
pub fn store(address: u32, value: u32) {
    // SAFETY: see the module comment: the addresses are the claims' own.
    unsafe { asm!("mov [{0:e}], {1:e}", in(reg) address, in(reg) value, options(nostack)) }
}

/// Copies a page to one at which no Rust object lies.
pub fn copy_page(from: u32, to: u32) {
    // SAFETY: as for `store`. LLVM keeps esi for itself, so it is exchanged around the copy.
    unsafe {
        asm!(
            "xchg esi, {from:e}",
            "rep movsd",
            "xchg esi, {from:e}",
            from = inout(reg) from => _,
            inout("ecx") 1024 => _,
            inout("edi") to => _,
            options(nostack),
        );
    }
}

/// Calls code at an address, with a word on the stack; it returns a word.
pub fn call_at(address: u32, argument: u32) -> u32 {
    let code = core::ptr::with_exposed_provenance::<()>(address as usize);
    // SAFETY: the claims put code of the C convention there that touches no Rust object, or nothing, which faults.
    let code: extern "C" fn(u32) -> u32 = unsafe { core::mem::transmute(code) };
    code(argument)
}

/// The CPU's count of cycles.
pub fn cycles() -> u64 {
    // SAFETY: the instruction reads a counter that programs may read.
    unsafe { core::arch::x86::_rdtsc() }
}

/// Loads the selectors of es, fs and gs, traps by call 2 (getenvid), and returns what they hold then.
pub fn selectors_through_a_call(selectors: [u16; 3]) -> [u16; 3] {
    let [mut es, mut fs, mut gs] = selectors;
    // SAFETY: es goes back to ds's before compiled code could use it; fs and gs are used by none.
    unsafe {
        asm!(
            "mov es, {es:e}", "mov fs, {fs:e}", "mov gs, {gs:e}",
            "int 0x30",
            "mov {es:e}, es", "mov {fs:e}, fs", "mov {gs:e}, gs",
            "push ds", "pop es",
            es = inout(reg) es, fs = inout(reg) fs, gs = inout(reg) gs,
            inout("eax") 2 => _,
        );
    }
    [es, fs, gs]
}

/// Fills all SSE registers and the top of the x87 stack with a pattern.
pub fn fill_fpu(pattern: u32) {
    let words = [pattern; 4];
    // SAFETY: compiled code of this target uses neither SSE nor x87 registers; the stub reads the 16 bytes.
    unsafe { conformance_fill_fpu(words.as_ptr()) };
}

/// A word of each SSE register, and the x87 stack's first register as it lies in an FXSAVE image (three words).
pub fn read_fpu() -> [u32; 11] {
    let mut image = Image([0; 128]);
    // SAFETY: the stub writes the 512 bytes, which are aligned to 16.
    unsafe { conformance_read_fpu(image.0.as_mut_ptr()) };
    // Intel SDM vol. 1, table 10-2: ST0 at byte 32, XMM0 at byte 160, 16 bytes each.
    core::array::from_fn(|index| image.0[if index < 8 { 40 + 4 * index } else { index }])
}

/// What FXSAVE writes.
#[repr(align(16))]
struct Image([u32; 128]);

unsafe extern "C" {
    fn conformance_trap(registers: *mut Trap);
    fn conformance_fill_fpu(words: *const u32);
    fn conformance_read_fpu(image: *mut u32);
}

const _: () = {
    assert!(core::mem::offset_of!(Trap, edi) == 16);
    assert!(core::mem::offset_of!(Trap, eflags) == 28);
};

global_asm!(
    "    .pushsection .text.conformance_raw, \"ax\", @progbits",
    // C calling convention: [esp + 4] is the address of the registers; ebx, esi, edi and ebp belong to the caller.
    "    .global conformance_trap",
    "conformance_trap:",
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
    "    mov edi, [eax + 16]",
    "    mov esi, [eax + 20]",
    "    mov ebp, [eax + 24]",
    "    mov eax, [eax]",
    "    popfd",
    "    int 0x30",
    // Stack: flags as they came back, the address of the registers.
    "    pushfd",
    "    xchg eax, [esp + 4]",
    "    mov [eax + 4], edx",
    "    mov [eax + 8], ecx",
    "    mov [eax + 12], ebx",
    "    mov [eax + 16], edi",
    "    mov [eax + 20], esi",
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
    "    .global conformance_fill_fpu",
    "conformance_fill_fpu:",
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
    "    .global conformance_read_fpu",
    "conformance_read_fpu:",
    "    mov eax, [esp + 4]",
    "    fxsave [eax]",
    "    ret",
    "    .popsection",
);
