//! How the kernel turns the machine off: in order, with a status on the serial line, or after a
//! panic.

use x86::halt;
use x86::io::{outb, outw};

use crate::device::console;

/// QEMU's `isa-debug-exit`: the value `v` ends it with `v << 1 | 1`.
const EXIT_PORT: u16 = ::boot::EXIT_PORT;
/// Written to the exit port at an orderly end; the status is on the serial line.
const CLEAN: u8 = ::boot::CLEAN;
/// Written after a kernel panic.
const FAILED: u8 = 0x01;
/// Written at an orderly end without a serial port: status 0, or any other status.
const SILENT: u8 = 0x20;
const SILENT_FAILURE: u8 = ::boot::SILENT_FAILURE;
/// Bochs ends when it reads `Shutdown` here.
const BOCHS_PORT: u16 = 0x8900;
/// The ACPI power-management port of QEMU's PC, and the value that turns it off.
const ACPI_PORT: u16 = 0x604;
const ACPI_OFF: u16 = 0x2000;

/// Turns the machine off in order; `exit status N` is the last line. Without a serial port that
/// line cannot be shown, and the value on the exit port says whether N was 0.
pub fn off(status: u8) -> ! {
    console::print(format_args!("exit status {status}\n"));
    leave(match (console::drain(), status) {
        (true, _) => CLEAN,
        (false, 0) => SILENT,
        (false, _) => SILENT_FAILURE,
    })
}

/// Turns the machine off after a kernel panic, by another value than at an orderly end.
pub fn fail() -> ! {
    leave(FAILED)
}

/// Tries the method of each emulator, then stops the CPU.
fn leave(code: u8) -> ! {
    // SAFETY: a port without memory effects; on QEMU with the device this is the last instruction.
    unsafe { outb(EXIT_PORT, code) };
    for byte in *b"Shutdown" {
        // SAFETY: as above, for Bochs.
        unsafe { outb(BOCHS_PORT, byte) };
    }
    if code != FAILED {
        // SAFETY: as above, for a QEMU without the device. After a panic the screen is left to be
        // read.
        unsafe { outw(ACPI_PORT, ACPI_OFF) };
    }
    loop {
        // SAFETY: interrupts are off: the CPU stops here for good.
        unsafe { halt() };
    }
}
