//! Copies the serial line to the terminal byte by byte, and adds a note to lines of a backtrace.
//!
//! A prompt has no newline and must appear at once, so nothing is held back. The note about an
//! address is written just before the end of its line.

use std::io::{self, Write};

/// Longest part of a line that is looked at, in bytes.
const LONGEST: usize = 1024;

/// Copies bytes, adds a note to a line if there is one for it, and remembers the last line.
pub struct SerialFilter<W, N> {
    out: W,
    note: N,
    line: Vec<u8>,
    last: Vec<u8>,
}

impl<W: Write, N: FnMut(&str) -> Option<String>> SerialFilter<W, N> {
    /// A filter that writes to `out` and asks `note` what to add to each line.
    pub fn new(out: W, note: N) -> Self {
        Self { out, note, line: Vec::new(), last: Vec::new() }
    }

    /// Passes on what the guest printed, and flushes.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.split_inclusive(|byte| matches!(byte, b'\r' | b'\n')) {
            let (text, end) = match piece.split_last() {
                Some((b'\r' | b'\n', text)) => (text, &piece[text.len()..]),
                _ => (piece, &[][..]),
            };
            self.out.write_all(text)?;
            let room = LONGEST.saturating_sub(self.line.len());
            self.line.extend(text.iter().take(room));
            if !end.is_empty() {
                self.end_line()?;
                self.out.write_all(end)?;
            }
        }
        self.out.flush()
    }

    /// The last line with anything in it, finished or not, without its end.
    #[must_use]
    pub fn last_line(&self) -> String {
        let line = if self.line.is_empty() { &self.last } else { &self.line };
        String::from_utf8_lossy(line).into_owned()
    }

    /// `\r\n` ends a line at the first of the two; the second finds it empty.
    fn end_line(&mut self) -> io::Result<()> {
        if self.line.is_empty() {
            return Ok(());
        }
        self.last = std::mem::take(&mut self.line);
        match (self.note)(&String::from_utf8_lossy(&self.last)) {
            Some(note) => self.out.write_all(note.as_bytes()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(line: &str) -> Option<String> {
        line.starts_with("  backtrace").then(|| " NOTE".to_owned())
    }

    fn filtered(pieces: &[&str]) -> (String, String) {
        let mut out = Vec::new();
        let mut filter = SerialFilter::new(&mut out, note);
        for piece in pieces {
            filter.write(piece.as_bytes()).unwrap();
        }
        let last = filter.last_line();
        (String::from_utf8(out).unwrap(), last)
    }

    #[test]
    fn plain_bytes_pass_unchanged() {
        let text = "\u{1b}[31mred\r\n\n\rplain\nprompt> ";
        assert_eq!(filtered(&[text]), (text.to_owned(), "prompt> ".to_owned()));
    }

    #[test]
    fn a_backtrace_line_gets_its_note_before_the_line_ends() {
        for end in ["\n", "\r\n"] {
            let (out, _) = filtered(&["x", end, "  back", "trace 0xf0100000", end, "y"]);
            assert_eq!(out, format!("x{end}  backtrace 0xf0100000 NOTE{end}y"));
        }
    }

    #[test]
    fn the_last_line_survives_its_own_end() {
        assert_eq!(filtered(&["a\r\nexit status 3\r\n\r\n"]).1, "exit status 3");
        assert_eq!(filtered(&["a\nexit ", "status 3"]).1, "exit status 3");
        assert_eq!(filtered(&[]).1, "");
    }

    #[test]
    fn bytes_are_seen_before_their_line_is_complete() {
        assert_eq!(filtered(&["  backtrace"]).0, "  backtrace");
    }
}
