//! The console: the one owner of the serial port. The kernel's own lines, the programs' output and
//! `log` records all go through it.

use core::fmt::{self, Write as _};

use log::{Level, LevelFilter, Log, Metadata, Record};
use spin::Mutex;

use crate::device::serial::Serial;

/// Owns the port.
struct Logger {
    port: Mutex<Serial>,
}

static LOGGER: Logger = Logger { port: Mutex::new(Serial::new()) };

/// Sets up the port, if there is one, and takes `log`'s records from here on.
pub fn start() {
    LOGGER.port.lock().start();
    // Fails only if there is a logger already, and this is called once.
    let _ = log::set_logger(&LOGGER);
    log::set_max_level(LevelFilter::Info);
}

/// Lets the port raise an interrupt when it receives a byte.
pub fn listen() {
    LOGGER.port.lock().listen();
}

/// Prints a text as it is.
pub fn print(text: fmt::Arguments<'_>) {
    // Writing to the port never fails.
    let _ = LOGGER.port.lock().write_fmt(text);
}

/// Sends one byte.
pub fn write(byte: u8) {
    LOGGER.port.lock().write(byte);
}

/// Takes a received byte, if there is one.
pub fn read() -> Option<u8> {
    LOGGER.port.lock().read()
}

/// Waits until the port has sent everything. Returns false if there is no port, so that nothing
/// could be shown.
pub fn drain() -> bool {
    let mut port = LOGGER.port.lock();
    port.drain();
    port.is_present()
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Info
    }

    /// Prints a line for each record; a line of a higher level than information begins with the
    /// level.
    fn log(&self, record: &Record<'_>) {
        match record.level() {
            Level::Error => print(format_args!("error: {}\n", record.args())),
            Level::Warn => print(format_args!("warning: {}\n", record.args())),
            Level::Info => print(format_args!("{}\n", record.args())),
            Level::Debug | Level::Trace => {}
        }
    }

    fn flush(&self) {}
}
