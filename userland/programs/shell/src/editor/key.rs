//! Which key the bytes of a terminal say: `vte` finds the sequences of ECMA-48, and this file gives
//! them their meaning.
//!
//! A key that sends several bytes is complete with its last one. The escape key alone cannot be
//! told from the beginning of another key, so it does nothing until the next byte.

use alloc::vec::Vec;

use vte::{Params, Parser, Perform};

/// A key, or several together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Key {
    /// A character to insert. Bytes that are no UTF-8 are U+FFFD.
    Char(char),
    /// The line is complete.
    Enter,
    /// Removes the character before the cursor.
    Backspace,
    /// Removes the character at the cursor.
    Delete,
    /// One character to the left.
    Left,
    /// One character to the right.
    Right,
    /// To the start of the word.
    WordLeft,
    /// To the end of the word.
    WordRight,
    /// To the start of the line.
    Home,
    /// To the end of the line.
    End,
    /// The line before in the history.
    Up,
    /// The line after in the history.
    Down,
    /// Removes all before the cursor.
    KillToStart,
    /// Removes all from the cursor on.
    KillToEnd,
    /// Removes the word before the cursor.
    KillWord,
    /// Inserts what was removed last.
    Yank,
    /// Empties the screen and draws the line again.
    Redraw,
    /// Completes the word before the cursor.
    Complete,
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D: the end of the input on an empty line, else as Delete.
    EndOfInput,
}

/// Bytes become keys.
#[derive(Default)]
pub struct Decoder {
    parser: Parser,
    state: State,
}

#[derive(Default)]
struct State {
    keys: Vec<Key>,
    /// ESC O was the beginning: the next letter is one of the keys that some terminals send so.
    after_escape_o: bool,
    /// The last byte was a carriage return: a line feed belongs to it.
    after_return: bool,
}

impl Decoder {
    /// The keys that are complete with this byte: mostly one, or none.
    pub fn take(&mut self, byte: u8) -> Vec<Key> {
        self.parser.advance(&mut self.state, &[byte]);
        core::mem::take(&mut self.state.keys)
    }
}

impl State {
    fn push(&mut self, key: Option<Key>) {
        self.keys.extend(key);
        self.after_escape_o = false;
        self.after_return = false;
    }
}

impl Perform for State {
    fn print(&mut self, c: char) {
        let key = match c {
            '\x7F' => Some(Key::Backspace),
            'A'..='Z' if self.after_escape_o => arrow(c),
            c => Some(Key::Char(c)),
        };
        self.push(key);
    }

    fn execute(&mut self, byte: u8) {
        if byte == b'\n' && self.after_return {
            self.after_return = false;
            return;
        }
        self.push(control(byte));
        self.after_return = byte == b'\r';
    }

    fn csi_dispatch(&mut self, params: &Params, _: &[u8], ignore: bool, letter: char) {
        let mut params = params.iter().map(|param| param.first().copied().unwrap_or(0));
        let (first, second) = (params.next().unwrap_or(0), params.next().unwrap_or(0));
        let key = match (letter, first, second) {
            _ if ignore => None,
            ('~', 1 | 7, _) => Some(Key::Home),
            ('~', 3, _) => Some(Key::Delete),
            ('~', 4 | 8, _) => Some(Key::End),
            // 3 and 5 say that Alt or Ctrl is held.
            ('D', 1, 3 | 5) => Some(Key::WordLeft),
            ('C', 1, 3 | 5) => Some(Key::WordRight),
            (letter, ..) => arrow(letter),
        };
        self.push(key);
    }

    fn esc_dispatch(&mut self, _: &[u8], _: bool, byte: u8) {
        self.push(match byte {
            b'b' => Some(Key::WordLeft),
            b'f' => Some(Key::WordRight),
            _ => None,
        });
        self.after_escape_o = byte == b'O';
    }
}

/// The keys whose sequence ends in a letter.
const fn arrow(letter: char) -> Option<Key> {
    Some(match letter {
        'A' => Key::Up,
        'B' => Key::Down,
        'C' => Key::Right,
        'D' => Key::Left,
        'H' => Key::Home,
        'F' => Key::End,
        _ => return None,
    })
}

/// The keys that are held together with Ctrl, and those that send the same bytes.
const fn control(byte: u8) -> Option<Key> {
    Some(match byte {
        0x01 => Key::Home,
        0x02 => Key::Left,
        0x03 => Key::Interrupt,
        0x04 => Key::EndOfInput,
        0x05 => Key::End,
        0x06 => Key::Right,
        0x08 => Key::Backspace,
        0x09 => Key::Complete,
        b'\r' | b'\n' => Key::Enter,
        0x0B => Key::KillToEnd,
        0x0C => Key::Redraw,
        0x0E => Key::Down,
        0x10 => Key::Up,
        0x15 => Key::KillToStart,
        0x17 => Key::KillWord,
        0x19 => Key::Yank,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut decoder = Decoder::default();
        bytes.iter().flat_map(|byte| decoder.take(*byte)).collect()
    }

    #[test]
    fn each_terminal_finds_its_keys() {
        use Key::*;
        for (bytes, expected) in [
            (&b"\x1b[D\x1bOD\x02"[..], &[Left, Left, Left][..]),
            (b"\x1b[C\x1bOC\x06", &[Right, Right, Right]),
            (b"\x1b[H\x1bOH\x1b[1~\x1b[7~\x01", &[Home; 5]),
            (b"\x1b[F\x1bOF\x1b[4~\x1b[8~\x05", &[End; 5]),
            (b"\x1b[A\x1bOA\x10", &[Up; 3]),
            (b"\x1b[B\x1bOB\x0e", &[Down; 3]),
            (b"\x1b[3~", &[Delete]),
            (b"\x7f\x08", &[Backspace; 2]),
            (b"\x1b[1;5D\x1bb", &[WordLeft; 2]),
            (b"\x1b[1;5C\x1bf", &[WordRight; 2]),
            (
                b"\x15\x0b\x17\x19\x0c\t",
                &[KillToStart, KillToEnd, KillWord, Yank, Redraw, Complete],
            ),
            (b"\x03\x04", &[Interrupt, EndOfInput]),
            // Keys without a meaning here, and a sequence that is cut off by the next key.
            (b"\x1b[15~\x1b[200~\x00\x1bOP\x1b[1;1x\x1b\x1b[Ax", &[Up, Char('x')]),
        ] {
            assert_eq!(keys(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_line_ends_once_however_it_ends() {
        use Key::*;
        assert_eq!(
            keys(b"a\rb\nc\r\nd\n\n\r\r"),
            [
                Char('a'),
                Enter,
                Char('b'),
                Enter,
                Char('c'),
                Enter,
                Char('d'),
                Enter,
                Enter,
                Enter,
                Enter
            ]
        );
    }

    #[test]
    fn what_is_no_utf_8_is_told() {
        assert_eq!(
            keys(b"\xff\xc3a"),
            [Key::Char('\u{FFFD}'), Key::Char('\u{FFFD}'), Key::Char('a')]
        );
    }

    proptest! {
        /// Every character but the controls is inserted as it is.
        #[test]
        fn characters_come_as_they_are(text in "[^\\p{Cc}]*") {
            let expected: Vec<Key> = text.chars().map(Key::Char).collect();
            prop_assert_eq!(keys(text.as_bytes()), expected);
        }

        /// No bytes make the decoder stop: after two ends of line, letters are letters again.
        #[test]
        fn no_bytes_are_in_the_way_of_the_next_line(bytes: Vec<u8>) {
            let mut bytes = bytes;
            // CAN ends every sequence.
            bytes.extend(b"\x18\rab");
            let keys = keys(&bytes);
            prop_assert_eq!(&keys[keys.len() - 2..], &[Key::Char('a'), Key::Char('b')]);
        }
    }
}
