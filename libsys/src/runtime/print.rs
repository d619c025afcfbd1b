//! How a program prints: formatted into a buffer on the stack, one console call for each full
//! buffer.
//!
//! A line of up to 256 bytes is one call, so lines of several processes do not mix.

use core::fmt::{self, Write};

use crate::call;

/// Prints, without a line end.
#[macro_export]
macro_rules! print {
    ($($argument:tt)*) => { $crate::runtime::print::print(::core::format_args!($($argument)*)) };
}

/// Prints a line.
#[macro_export]
macro_rules! println {
    () => { $crate::runtime::print::print(::core::format_args!("\n")) };
    ($($argument:tt)*) => { $crate::runtime::print::print(::core::format_args!("{}\n", ::core::format_args!($($argument)*))) };
}

/// Prints, for [`crate::print!`].
pub fn print(arguments: fmt::Arguments<'_>) {
    let mut buffer = Buffer { bytes: [0; 256], length: 0 };
    // An error can only come from a value's own `Display`; what it wrote before is still printed.
    let _ = buffer.write_fmt(arguments);
    buffer.flush();
}

struct Buffer {
    bytes: [u8; 256],
    length: usize,
}

impl Buffer {
    fn flush(&mut self) {
        write_all(&self.bytes[..self.length]);
        self.length = 0;
    }
}

impl Write for Buffer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            if self.length == self.bytes.len() {
                self.flush();
            }
            let room = &mut self.bytes[self.length..];
            let (now, later) = rest.split_at(room.len().min(rest.len()));
            room[..now.len()].copy_from_slice(now);
            self.length += now.len();
            rest = later;
        }
        Ok(())
    }
}

/// Writes all the bytes to the console.
pub fn write_all(mut bytes: &[u8]) {
    while !bytes.is_empty() {
        // The kernel refuses only what is not the caller's memory, which this is.
        let Ok(written) = call::console_write(bytes) else { return };
        bytes = &bytes[written..];
    }
}
