//! How the kernel turns on what it wants of the CPU. What it cannot do without is listed in `start.s` of the crate
//! `boot`, which refuses other CPUs: compiled code would fault on them before it could look.

use core::arch::x86::__cpuid;

use x86::controlregs::{Cr4, cr4_write};
use x86::msr::{
    IA32_APIC_BASE, IA32_SYSENTER_CS, IA32_SYSENTER_EIP, IA32_SYSENTER_ESP, rdmsr, wrmsr,
};

use crate::x86::descriptors::{KERNEL_CODE, Tables};
use crate::x86::per_cpu::Local;
use crate::x86::traps;

/// Bits of CPUID leaf 1, edx (Intel SDM vol. 2A, CPUID).
const LOCAL_APIC: u32 = 1 << 9;
const SYSENTER: u32 = 1 << 11;

/// Bit of the APIC base register: the local APIC is on.
const APIC_ON: u64 = 1 << 11;

/// Turns on SSE for programs, and `sysenter` where there is one. CR4 has nothing else: no global pages above
/// all, because a sealed leaf has bit 8.
pub fn enable(local: &Local) {
    // SAFETY: the CPU has FXSAVE and SSE (`start.s` looks); every other feature is off, as at entry.
    unsafe { cr4_write(Cr4::CR4_ENABLE_SSE | Cr4::CR4_UNMASKED_SSE) };
    if features() & SYSENTER == 0 {
        return;
    }
    let registers = [
        (IA32_SYSENTER_CS, u32::from(KERNEL_CODE)),
        (IA32_SYSENTER_ESP, Tables::entry_stack(local.tables()) as u32),
        (IA32_SYSENTER_EIP, traps::sysenter_entry as *const () as u32),
    ];
    for (register, value) in registers {
        // SAFETY: the CPU has these registers, and `traps.s` is written for exactly these values.
        unsafe { wrmsr(register, u64::from(value)) };
    }
}

/// Lets `sysenter`, where there is one, start at the stub that records events.
pub fn trace_sysenter() {
    if features() & SYSENTER == 0 {
        return;
    }
    let entry = traps::traced_sysenter_entry as *const () as u32;
    // SAFETY: the CPU has this register, and `traps.s` writes this entry as it writes the ordinary one.
    unsafe { wrmsr(IA32_SYSENTER_EIP, u64::from(entry)) };
}

/// The physical address of the local APIC's registers, if there is one and it is on.
pub fn local_apic() -> Option<u32> {
    if features() & LOCAL_APIC == 0 {
        return None;
    }
    // SAFETY: a CPU with a local APIC has this register, and reading it has no effect.
    let base = unsafe { rdmsr(IA32_APIC_BASE) };
    (base & APIC_ON != 0).then_some(base as u32 & 0xFFFF_F000)
}

fn features() -> u32 {
    __cpuid(1).edx
}
