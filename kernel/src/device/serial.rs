//! The console's port: a 16550 at 0x3F8, interrupt line 4.

use core::fmt;

use uart_16550::Uart16550;
use uart_16550::backend::{Backend, PioBackend};
use uart_16550::spec::registers::{FCR, IER, LCR, LSR, MCR, offsets};

/// First port of COM1.
const BASE: u16 = 0x3F8;
/// Its interrupt line.
pub const LINE: u32 = 4;
/// The divisor for 115,200 baud: the port's clock of 1.8432 MHz, over 16, over this.
const DIVISOR: u8 = 1;

/// Polls of the line status for one byte, at most. A real transmitter needs about a hundred for a
/// byte. An emulator whose output nobody reads holds the transmitter back: there 2^32 polls take at
/// least a quarter of an hour, so that a reader may pause without losing a byte.
const PATIENCE: u32 = u32::MAX;

/// A handle of the port. There may be several: a handle holds only a byte that was read early, and
/// whether the port is there.
pub struct Serial {
    /// The port answers. This is assumed until [`Serial::start`] has found out.
    present: bool,
    uart: Uart16550<PioBackend>,
    /// A byte that was waiting before the port was started.
    early: Option<u8>,
}

impl Serial {
    /// A handle, without touching the device.
    pub const fn new() -> Self {
        // SAFETY: COM1 is at this port on every PC, and only the kernel touches it.
        let uart = match unsafe { Uart16550::new_port(BASE) } {
            Ok(uart) => uart,
            Err(_) => panic!("eight ports from 0x3F8 fit"),
        };
        Self { present: true, uart, early: None }
    }

    /// Sets up 115,200 baud, 8 bits, no parity, one stop bit, FIFOs on, no interrupts yet.
    ///
    /// The driver's own `init` would discard the bytes that were received before the kernel was up,
    /// which somebody has typed or piped. Turning the FIFOs on drops one byte, so that byte is read
    /// first.
    ///
    /// Returns whether there is a port. Without a port a read gives the same value whatever was
    /// written, most often 0xFF; the line control register of a port gives back two different
    /// values.
    pub fn start(&mut self) -> bool {
        self.set(offsets::IER, 0);
        let divisor = LCR::DLAB;
        let eight_bits = LCR::WORD_LENGTH0 | LCR::WORD_LENGTH1;
        self.set(offsets::LCR, divisor.bits());
        self.present = self.get(offsets::LCR) == divisor.bits();
        self.set(offsets::DATA, DIVISOR);
        self.set(offsets::IER, 0);
        self.set(offsets::LCR, eight_bits.bits());
        self.present &= self.get(offsets::LCR) == eight_bits.bits();
        if !self.present {
            return false;
        }
        self.set(offsets::MCR, (MCR::DTR | MCR::RTS | MCR::OUT_2_INT_ENABLE).bits());
        self.early = self.uart.try_receive_byte().ok();
        self.set(offsets::FCR, FCR::FIFO_ENABLE.bits());
        true
    }

    /// Lets the port raise an interrupt when it receives a byte.
    pub fn listen(&mut self) {
        self.set(offsets::IER, IER::DATA_READY.bits());
    }

    /// Sends a byte, as soon as the transmitter takes it. Without a port, nothing happens.
    pub fn write(&mut self, byte: u8) {
        self.wait_until(|uart| uart.try_send_byte(byte).is_ok());
    }

    /// Takes a received byte, if there is one.
    pub fn read(&mut self) -> Option<u8> {
        if !self.present {
            return None;
        }
        self.early.take().or_else(|| self.uart.try_receive_byte().ok())
    }

    /// Waits until the port has sent everything.
    pub fn drain(&mut self) {
        self.wait_until(|uart| uart.lsr().contains(LSR::TRANSMITTER_EMPTY));
    }

    /// Whether the port is there and has not failed, so that what is written is shown.
    pub const fn is_present(&self) -> bool {
        self.present
    }

    /// Polls the port until `done`. A port that is not done after [`PATIENCE`] polls counts as
    /// absent from then on, so that the kernel waits for a broken port only once.
    fn wait_until(&mut self, mut done: impl FnMut(&mut Uart16550<PioBackend>) -> bool) {
        let mut polls = 0;
        while self.present && !done(&mut self.uart) {
            polls += 1;
            self.present = polls < PATIENCE;
            core::hint::spin_loop();
        }
    }

    fn get(&mut self, register: usize) -> u8 {
        // SAFETY: one of the eight registers of a port that only the kernel touches.
        unsafe { self.uart.backend_mut().read(register as u8) }
    }

    fn set(&mut self, register: usize, value: u8) {
        // SAFETY: one of the eight registers of a port that only the kernel touches.
        unsafe { self.uart.backend_mut().write(register as u8, value) };
    }
}

impl fmt::Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(|byte| self.write(byte));
        Ok(())
    }
}
