//! The line that is being typed at a prompt.
//!
//! `embedded_cli` edits the line and keeps the history. It splits a line into words in another way
//! than `libsys::process::command_line` (`-ab` becomes `-a -b`, and a missing closing quote is no
//! error), so the shell needs the line as it was typed. The editor does not give it out, but it
//! redraws the prompt and the line after other output. [`Line::text`] asks for that and reads the
//! line from what the editor writes.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::convert::Infallible;

use embedded_cli::cli::{Cli, CliBuilder};
use embedded_cli::command::RawCommand;

/// The longest line, in bytes.
const LONGEST: usize = 256;
/// Bytes of earlier lines in the history.
const HISTORY: usize = 1024;

const ENTER: u8 = b'\r';

/// A prompt and the line after it.
pub struct Line {
    editor: Cli<Screen, Infallible, [u8; LONGEST], [u8; HISTORY]>,
    prompt: &'static str,
    caught: Caught,
}

impl Line {
    /// Prints the prompt.
    #[must_use]
    pub fn new(prompt: &'static str) -> Self {
        let caught = Caught::default();
        let builder = CliBuilder::default()
            .prompt(prompt)
            .command_buffer([0; LONGEST])
            .history_buffer([0; HISTORY])
            .writer(Screen { caught: caught.clone() });
        let Ok(editor) = builder.build();
        Self { editor, prompt, caught }
    }

    /// Gives one byte to the editor. If it ends a line that is not empty, `complete` gets the line,
    /// before the next prompt is printed.
    pub fn take(&mut self, byte: u8, mut complete: impl FnMut(&str)) {
        let line = if matches!(byte, b'\r' | b'\n') { self.text() } else { String::new() };
        let mut processor = RawCommand::processor(|_, _| {
            complete(&line);
            Ok(())
        });
        let Ok(()) = self.editor.process_byte::<RawCommand<'_>, _>(byte, &mut processor);
    }

    /// Drops the line without running it, and prints the next prompt.
    pub fn drop_line(&mut self) {
        self.take(ENTER, |_| {});
    }

    /// The text after the prompt.
    #[must_use]
    pub fn text(&mut self) -> String {
        *self.caught.borrow_mut() = Some(Vec::new());
        let Ok(()) = self.editor.write(|_| Ok(()));
        let drawn = self.caught.borrow_mut().take().unwrap_or_default();
        let drawn = String::from_utf8_lossy(&drawn);
        // The sequence that clears the line comes before the prompt.
        drawn.split_once(self.prompt).map_or_else(String::new, |(_, line)| line.into())
    }
}

/// What the editor has written since [`Line::text`] began; `None` outside of that function.
type Caught = Rc<RefCell<Option<Vec<u8>>>>;

/// The editor's output: the console. A line ends with one byte, as in all other output.
struct Screen {
    caught: Caught,
}

impl embedded_io::ErrorType for Screen {
    type Error = Infallible;
}

impl embedded_io::Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        if let Some(caught) = self.caught.borrow_mut().as_mut() {
            caught.extend(bytes);
        } else {
            libsys::runtime::print::write_all(if bytes == b"\r\n" { b"\n" } else { bytes });
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
