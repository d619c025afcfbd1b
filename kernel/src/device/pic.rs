//! The two 8259 interrupt controllers: lines 0 to 15 become vectors 32 to 47 (Intel 8259A data
//! sheet).

use kernel_core::operations::driver::KERNEL_LINES;
use x86::io::{inb, outb};

use crate::device::serial;
use crate::device::timer;

/// Interrupt lines of both controllers.
pub const LINES: u32 = abi::driver::LINES;
/// The vector of line 0.
const FIRST_VECTOR: u32 = 32;
/// The vector of the last line.
pub const LAST_VECTOR: u32 = FIRST_VECTOR + LINES - 1;

/// Command and data port of each controller.
const MASTER: (u16, u16) = (0x20, 0x21);
const SLAVE: (u16, u16) = (0xA0, 0xA1);
/// The line of the master that the slave is connected to.
const CASCADE: u32 = 2;
/// The lines that are open from the start: the kernel's own.
const OPEN: u32 = 1 << timer::LINE | 1 << serial::LINE | 1 << CASCADE;
const _: () = assert!(KERNEL_LINES == OPEN, "drivers get the lines that the kernel does not use");
/// Initialise, edge triggered, cascaded, four words.
const INITIALISE: u8 = 0x11;
/// 8086 mode, end of interrupt by command.
const MODE_8086: u8 = 0x01;
const END_OF_INTERRUPT: u8 = 0x20;
/// The next read of the command port gives the lines in service.
const READ_IN_SERVICE: u8 = 0x0B;
/// The last line of a controller: what it names when a request has gone away before the CPU took
/// it.
const SPURIOUS: u32 = 7;

/// The line that has this vector, if one has it.
pub const fn line(vector: u32) -> Option<u32> {
    let line = vector.wrapping_sub(FIRST_VECTOR);
    if line < LINES { Some(line) } else { None }
}

/// Moves the lines to their vectors and opens those of the kernel's own devices.
pub fn start() {
    initialise(MASTER, FIRST_VECTOR as u8, 1 << CASCADE, !(OPEN as u8));
    initialise(SLAVE, FIRST_VECTOR as u8 + 8, CASCADE as u8, !0);
}

fn initialise((command, data): (u16, u16), vector: u8, cascade: u8, mask: u8) {
    write(command, INITIALISE);
    write(data, vector);
    write(data, cascade);
    write(data, MODE_8086);
    write(data, mask);
}

/// Masks a line, or lets it through.
pub fn set_mask(line: u32, masked: bool) {
    let (_, data) = if line < 8 { MASTER } else { SLAVE };
    // SAFETY: reading the mask has no effect.
    let mask = unsafe { inb(data) };
    let bit = 1 << (line % 8);
    write(data, if masked { mask | bit } else { mask & !bit });
}

/// Tells the controllers that an interrupt has arrived. Returns false if no device has raised it.
pub fn acknowledge(line: u32) -> bool {
    let controller = if line < 8 { MASTER } else { SLAVE };
    let real = line % 8 != SPURIOUS || in_service(controller) & 1 << SPURIOUS != 0;
    if real {
        write(controller.0, END_OF_INTERRUPT);
    }
    if line >= 8 {
        write(MASTER.0, END_OF_INTERRUPT);
    }
    real
}

fn in_service((command, _): (u16, u16)) -> u8 {
    write(command, READ_IN_SERVICE);
    // SAFETY: reading the register has no effect.
    unsafe { inb(command) }
}

fn write(port: u16, value: u8) {
    // SAFETY: an interrupt controller does not touch memory. Interrupts that this lets through find
    // every vector in place, because the descriptor tables are loaded first.
    unsafe { outb(port, value) };
}
