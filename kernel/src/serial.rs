//! The console's port: a 16550 at 0x3F8, interrupt line 4.

use core::fmt;

use uart_16550::Uart16550;
use uart_16550::backend::{Backend, PioBackend};
use uart_16550::spec::registers::{FCR, IER, LCR, LSR, MCR, offsets};

/// First port of COM1.
const BASE: u16 = 0x3F8;
/// Its interrupt line.
pub const LINE: u32 = 4;
/// 115,200 baud is the 1.8432 MHz clock over 16 over this.
const DIVISOR: u8 = 1;

/// The port. Several of these may name it: what they hold is only what has been read early.
pub struct Serial {
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
        Self { uart, early: None }
    }

    /// Sets up 115,200 baud, 8 bits, no parity, one stop bit, FIFOs on, no interrupts yet.
    ///
    /// Not the driver's own `init`: that discards what was received, and what somebody has typed or piped before
    /// the kernel is up should arrive. Turning the FIFOs on drops one byte, so that one is read first.
    pub fn start(&mut self) {
        self.set(offsets::IER, 0);
        self.set(offsets::LCR, LCR::DLAB.bits());
        self.set(offsets::DATA, DIVISOR);
        self.set(offsets::IER, 0);
        self.set(offsets::LCR, (LCR::WORD_LENGTH0 | LCR::WORD_LENGTH1).bits());
        self.set(offsets::MCR, (MCR::DTR | MCR::RTS | MCR::OUT_2_INT_ENABLE).bits());
        self.early = self.uart.try_receive_byte().ok();
        self.set(offsets::FCR, FCR::FIFO_ENABLE.bits());
    }

    /// Lets received bytes interrupt.
    pub fn listen(&mut self) {
        self.set(offsets::IER, IER::DATA_READY.bits());
    }

    /// Sends a byte, as soon as the transmitter takes it.
    pub fn write(&mut self, byte: u8) {
        while self.uart.try_send_byte(byte).is_err() {
            core::hint::spin_loop();
        }
    }

    /// Takes a received byte.
    pub fn read(&mut self) -> Option<u8> {
        self.early.take().or_else(|| self.uart.try_receive_byte().ok())
    }

    /// Waits until everything has left the machine.
    pub fn drain(&mut self) {
        while !self.uart.lsr().contains(LSR::TRANSMITTER_EMPTY) {
            core::hint::spin_loop();
        }
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
