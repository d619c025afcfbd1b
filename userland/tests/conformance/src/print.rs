//! How a program prints a line.

use core::fmt::{self, Write};

use crate::calls::cputs;

/// Prints in one call, so that no other process's text comes in between. Text after 256 bytes is
/// cut off.
pub fn print(text: fmt::Arguments<'_>) {
    let mut line = Line { bytes: [0; 256], length: 0 };
    // The only error is that the text does not fit; then it is cut off.
    let _ = line.write_fmt(text);
    cputs(line.bytes.as_ptr().expose_provenance() as u32, line.length as u32);
}

struct Line {
    bytes: [u8; 256],
    length: usize,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            *self.bytes.get_mut(self.length).ok_or(fmt::Error)? = byte;
            self.length += 1;
        }
        Ok(())
    }
}
