//! Traps from ring 0: an interrupt while the CPU is idle, or a bug.

use x86::controlregs::cr2;

use crate::device::pic;
use crate::panic;
use crate::x86::interrupts;
use crate::x86::selectors::KERNEL_CODE;
use crate::x86::task_state::{self, Interrupted};

/// What a trap from ring 0 pushes.
#[repr(C)]
pub struct KernelFrame {
    edi: u32,
    esi: u32,
    ebp: u32,
    esp: u32,
    ebx: u32,
    edx: u32,
    ecx: u32,
    eax: u32,
    pub vector: u32,
    error: u32,
    eip: u32,
    cs: u32,
    eflags: u32,
}

/// Notes an interrupt; ends the machine for anything else, and for a frame that is neither ring 0's
/// nor a program's.
pub extern "C" fn kernel_trap(frame: &KernelFrame) {
    if frame.cs & 0xFFFF != u32::from(KERNEL_CODE) {
        report(frame, "a trap with an unknown code segment");
    }
    if let Some(line) = pic::line(frame.vector) {
        return interrupts::note(line);
    }
    report(frame, "")
}

/// Ends the machine with the registers of the trap; `why` says more where the vector does not say
/// all.
fn report(frame: &KernelFrame, why: &str) -> ! {
    let KernelFrame { edi, esi, ebp, esp, ebx, edx, ecx, eax, vector, error, eip, cs, eflags } =
        *frame;
    let fault = fault_address();
    let colon = if why.is_empty() { "" } else { ": " };
    // The exception pushed three words and the stub two above what PUSHA stored as ESP.
    let esp = esp + 20;
    panic::end(
        format_args!(
            "{why}{colon}exception {vector} in the kernel at {eip:#010x}, error {error:#x}, \
             cr2 {fault:#010x}\n  \
             eax {eax:08x} ebx {ebx:08x} ecx {ecx:08x} edx {edx:08x}\n  \
             esi {esi:08x} edi {edi:08x} ebp {ebp:08x} esp {esp:08x} cs {cs:04x} \
             eflags {eflags:08x}"
        ),
        Some(eip),
        ebp,
    )
}

/// A double fault: most likely the kernel's stack ran into the unmapped page below it.
#[unsafe(no_mangle)]
extern "C" fn double_fault() -> ! {
    let Interrupted { eip, esp, ebp, .. } = task_state::interrupted();
    let fault = fault_address();
    panic::end(
        format_args!("double fault at {eip:#010x}, esp {esp:#010x}, cr2 {fault:#010x}"),
        Some(eip),
        ebp,
    )
}

/// A non-maskable interrupt: memory or a bus has failed, or somebody has pressed the machine's
/// button for it. The kernel cannot know what is still right, so the machine ends.
///
/// It may come between any two instructions, also where the stack pointer is in a register area or,
/// at the first instruction of `sysenter_entry`, in the task state. That is why it has a task of
/// its own.
#[unsafe(no_mangle)]
extern "C" fn non_maskable_interrupt() -> ! {
    let Interrupted { eip, ebp, in_ring_3, .. } = task_state::interrupted();
    let (whose, ebp) = if in_ring_3 { ("a program", 0) } else { ("the kernel", ebp) };
    panic::end(
        format_args!(
            "non-maskable interrupt in {whose} at {eip:#010x}: the machine reports a failure"
        ),
        Some(eip),
        ebp,
    )
}

fn fault_address() -> usize {
    // SAFETY: ring 0 may read CR2, and reading it has no effect.
    unsafe { cr2() }
}
