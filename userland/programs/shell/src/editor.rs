//! The line that is typed at a prompt: keys change a text, and the terminal shows it.
//!
//! ```text
//! bytes -> Decoder -> keys -> Text, History -> Display -> bytes for the terminal
//!                      `-> what the shell is told: a line, Ctrl-C, the end of the input
//! ```
//!
//! Why it is ours: `embedded-cli` has neither Home, End nor Delete as terminals send them, and
//! splits words by itself; `noline` asks the terminal where its cursor is, which a script on
//! standard input does not answer. The parts are crates: `vte` reads the sequences of keys,
//! `unicode-segmentation` finds characters, `unicode-width` says how wide they are.

mod display;
mod history;
mod key;
mod text;

pub mod completion;

#[cfg(test)]
mod tests;

use alloc::string::String;
use alloc::vec::Vec;

use unicode_width::UnicodeWidthStr;

use completion::{Completion, Knowledge};
use display::{COLUMNS, Display};
use history::History;
use key::{Decoder, Key};
use text::Text;

/// The most bytes of a line. Arguments of a program may have half of it.
pub const LONGEST: usize = 4096;

/// Empties the screen, and goes to its first line.
const CLEAR: &str = "\x1B[H\x1B[2J";
/// What terminals ring the bell at.
const BELL: char = '\x07';

/// What the shell is told. Before it reads on, it calls [`Editor::prompt`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// A line is complete.
    Line(String),
    /// A line is complete that had over [`LONGEST`] bytes. It is not given out, because it has no
    /// end.
    TooLong,
    /// Ctrl-C: the line is dropped.
    Interrupt,
    /// Ctrl-D on an empty line.
    EndOfInput,
}

/// A prompt, and the line after it.
pub struct Editor {
    prompt: &'static str,
    decoder: Decoder,
    text: Text,
    /// Something was typed that the line has no room for.
    is_cut: bool,
    history: History,
    killed: String,
    shown: Display,
}

impl Editor {
    /// An editor that has not printed its prompt yet.
    #[must_use]
    pub fn new(prompt: &'static str) -> Self {
        Self {
            prompt,
            decoder: Decoder::default(),
            text: Text::default(),
            is_cut: false,
            history: History::default(),
            killed: String::new(),
            shown: Display::default(),
        }
    }

    /// Begins a line.
    pub fn prompt(&mut self, out: &mut String) {
        self.text = Text::default();
        self.is_cut = false;
        self.history.leave();
        self.shown = Display::default();
        out.push_str(self.prompt);
    }

    /// Takes a byte. What `out` gets is for the terminal; [`Editor::draw`] appends the rest.
    pub fn take(&mut self, byte: u8, knowledge: &impl Knowledge, out: &mut String) -> Option<Told> {
        let mut told = None;
        for key in self.decoder.take(byte) {
            match key {
                Key::Enter => told = Some(self.enter(out)),
                Key::Interrupt => {
                    self.leave_line(out);
                    out.push_str("^C\n");
                    told = Some(Told::Interrupt);
                }
                Key::EndOfInput if self.text.as_str().is_empty() => told = Some(Told::EndOfInput),
                Key::Complete => self.complete(knowledge, out),
                Key::Redraw => {
                    out.push_str(CLEAR);
                    out.push_str(self.prompt);
                    self.shown = Display::default();
                }
                key => self.edit(key, out),
            }
        }
        told
    }

    /// Brings the terminal up to date. A line leaves room for `^C`, and for the last column. It may
    /// be called less often than [`Editor::take`].
    pub fn draw(&mut self, out: &mut String) {
        let next = self.shown.then(&self.text, COLUMNS - 3 - self.prompt.width());
        self.shown.change_to(&next, out);
        self.shown = next;
    }

    /// Shows the line, with the cursor at its end: what comes next is on another line.
    fn leave_line(&mut self, out: &mut String) {
        self.text.end();
        self.draw(out);
    }

    fn enter(&mut self, out: &mut String) -> Told {
        self.leave_line(out);
        out.push('\n');
        if self.is_cut {
            return Told::TooLong;
        }
        self.history.add(self.text.as_str());
        Told::Line(self.text.as_str().into())
    }

    fn edit(&mut self, key: Key, out: &mut String) {
        let text = &mut self.text;
        match key {
            Key::Char(c) => self.insert(c.encode_utf8(&mut [0; 4]), out),
            Key::Yank => self.insert(&self.killed.clone(), out),
            Key::Backspace => text.backspace(),
            Key::Delete | Key::EndOfInput => text.delete(),
            Key::Left => text.left(),
            Key::Right => text.right(),
            Key::WordLeft => text.word_left(),
            Key::WordRight => text.word_right(),
            Key::Home => text.home(),
            Key::End => text.end(),
            Key::KillToStart => self.killed = text.kill_to_start(),
            Key::KillToEnd => self.killed = text.kill_to_end(),
            Key::KillWord => self.killed = text.kill_word(),
            Key::Up => match self.history.up(text.as_str()) {
                Some(line) => *text = Text::new(line),
                None => out.push(BELL),
            },
            Key::Down => match self.history.down() {
                Some(line) => *text = Text::new(line),
                None => out.push(BELL),
            },
            // `take` has them.
            Key::Enter | Key::Interrupt | Key::Complete | Key::Redraw => {}
        }
    }

    /// Inserts a text, if there is room.
    fn insert(&mut self, text: &str, out: &mut String) {
        // A control character would move the terminal's cursor.
        if text.chars().any(char::is_control) {
            return;
        }
        if self.text.as_str().len() + text.len() > LONGEST {
            self.is_cut = true;
            out.push(BELL);
            return;
        }
        self.text.insert(text);
    }

    fn complete(&mut self, knowledge: &impl Knowledge, out: &mut String) {
        match completion::complete(self.text.before(), knowledge) {
            Completion::Nothing => out.push(BELL),
            Completion::Text(text) => self.insert(&text, out),
            Completion::Choices(words) => {
                let cursor = self.text.clone();
                self.leave_line(out);
                out.push('\n');
                list(&words, out);
                out.push_str(self.prompt);
                self.text = cursor;
                self.shown = Display::default();
            }
        }
    }
}

/// Words in columns.
fn list(words: &[String], out: &mut String) {
    let widest = words.iter().map(|word| word.width()).max().unwrap_or(0) + 2;
    let in_a_row = (60 / widest).max(1);
    let rows: Vec<&[String]> = words.chunks(in_a_row).collect();
    for row in rows {
        for (at, word) in row.iter().enumerate() {
            out.push_str(word);
            if at + 1 < row.len() {
                out.extend(core::iter::repeat_n(' ', widest - word.width()));
            }
        }
        out.push('\n');
    }
}
