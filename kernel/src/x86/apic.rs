//! The local APIC, where there is one: it lets the 8259's interrupts through and does nothing else.
//!
//! This is "virtual wire mode". Some firmware leaves it to the kernel to set it up (Intel SDM vol.
//! 3A, 11.5.1 and 11.9).

use abi::Frame;
use abi::layout::PAGE_SIZE;
use kernel_core::hardware::Hardware as _;

use crate::device::pic;
use crate::x86::features;
use crate::x86::hardware::Machine;

/// The spurious-interrupt vector register, and its bit that turns the APIC on.
const SPURIOUS: u32 = 0x0F0;
const ENABLED: u32 = 0x100;
/// The register of input 0, and the mode in which an external controller gives the vector.
const LINT0: u32 = 0x350;
const EXTERNAL: u32 = 0x700;

/// Connects the 8259's requests to the CPU, if a local APIC stands between them.
pub fn start(machine: &mut Machine) {
    let Some(registers) = features::local_apic() else { return };
    let frame = Frame::containing(registers);
    let mut write = |offset: u32, value| machine.write_frame(frame, offset % PAGE_SIZE / 4, value);
    // The 8259's line 15 can be spurious anyway: `pic::acknowledge` asks the 8259 whether it is.
    write(SPURIOUS, ENABLED | pic::LAST_VECTOR);
    write(LINT0, EXTERNAL);
}
