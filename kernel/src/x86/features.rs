//! Which features of the CPU the kernel turns on.
//!
//! The features that the kernel cannot do without are listed in `start.s` of the crate `boot`. It
//! refuses a CPU without them before any compiled code runs, because compiled code would use them.

use core::arch::x86::__cpuid;

use x86::controlregs::{Cr4, cr4_write};
use x86::msr::{
    IA32_APIC_BASE, IA32_SYSENTER_CS, IA32_SYSENTER_EIP, IA32_SYSENTER_ESP, rdmsr, wrmsr,
};

use crate::x86::entries;
use crate::x86::selectors::KERNEL_CODE;
use crate::x86::task_state;

/// Bits of CPUID leaf 1, edx (Intel SDM vol. 2A, CPUID).
const LOCAL_APIC: u32 = 1 << 9;
const SYSENTER: u32 = 1 << 11;

/// Bit of the APIC base register: the local APIC is on.
const APIC_ON: u64 = 1 << 11;

/// Turns on SSE for programs, and `sysenter` on a CPU that has it. CR4 has nothing else: above all
/// no global pages, because bit 8 of a leaf is the kernel's mark of a sealed page.
pub fn enable() {
    // SAFETY: the CPU has FXSAVE and SSE (`start.s` looks); every other feature is off, as at
    // entry.
    unsafe { cr4_write(Cr4::CR4_ENABLE_SSE | Cr4::CR4_UNMASKED_SSE) };
    if !has(SYSENTER) {
        return;
    }
    let registers = [
        (IA32_SYSENTER_CS, u32::from(KERNEL_CODE)),
        (IA32_SYSENTER_ESP, task_state::entry_stack() as u32),
        (IA32_SYSENTER_EIP, entries::sysenter_entry as *const () as u32),
    ];
    for (register, value) in registers {
        // SAFETY: the CPU has these registers, and `traps.s` is written for exactly these values.
        unsafe { wrmsr(register, u64::from(value)) };
    }
}

/// The physical address of the local APIC's registers, if there is one and it is on.
pub fn local_apic() -> Option<u32> {
    if !has(LOCAL_APIC) {
        return None;
    }
    // SAFETY: a CPU with a local APIC has this register, and reading it has no effect.
    let base = unsafe { rdmsr(IA32_APIC_BASE) };
    (base & APIC_ON != 0).then_some(base as u32 & 0xFFFF_F000)
}

/// Whether Intel has made this CPU: `GenuineIntel` in ebx, edx and ecx (Intel SDM vol. 2A, CPUID).
pub fn is_intels() -> bool {
    let id = __cpuid(0);
    [id.ebx, id.edx, id.ecx].map(u32::to_le_bytes) == [*b"Genu", *b"ineI", *b"ntel"]
}

fn has(feature: u32) -> bool {
    __cpuid(1).edx & feature != 0
}
