//! The editor against a model of a line and a model of a terminal.

use std::collections::VecDeque;
use std::format;
use std::string::String;
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;
use unicode_width::UnicodeWidthChar;

use super::completion::Knowledge;
use super::{Editor, LONGEST, Told};

struct Nothing;

impl Knowledge for Nothing {
    fn commands(&self) -> Vec<String> {
        ["hello", "help"].map(String::from).into()
    }

    fn usage(&self, _: &str) -> Option<String> {
        None
    }

    fn processes(&self) -> Vec<String> {
        Vec::new()
    }
}

/// One row of a terminal with 80 columns, in which nothing may reach the last one.
#[derive(Default)]
struct Terminal {
    /// A character and those that are drawn over it; a second `None` for a wide one.
    row: Vec<Option<String>>,
    column: usize,
    /// The rows above.
    above: Vec<String>,
    bells: usize,
}

impl Terminal {
    fn print(&mut self, text: &str) {
        let mut rest: VecDeque<char> = text.chars().collect();
        while let Some(c) = rest.pop_front() {
            match c {
                '\x1b' => self.control(&mut rest),
                '\n' => self.new_line(),
                '\x07' => self.bells += 1,
                c if c.is_control() => panic!("{c:?} in {text:?}"),
                c => self.put(c),
            }
        }
    }

    fn new_line(&mut self) {
        let text = self.text();
        self.above.push(text);
        self.row.clear();
        self.column = 0;
    }

    fn control(&mut self, rest: &mut VecDeque<char>) {
        assert_eq!(rest.pop_front(), Some('['));
        let mut number = String::new();
        while let Some(digit) = rest.front().copied().filter(char::is_ascii_digit) {
            rest.pop_front();
            number.push(digit);
        }
        let number = number.parse().unwrap_or(1);
        match rest.pop_front().unwrap() {
            'D' => self.column = self.column.checked_sub(number).expect("left of the screen"),
            'C' => self.column += number,
            'K' => self.row.truncate(self.column),
            'H' => self.column = 0,
            'J' => self.row.clear(),
            other => panic!("ESC [ {other}"),
        }
        assert!(self.column < 80, "column {}", self.column);
    }

    fn put(&mut self, c: char) {
        let width = c.width().unwrap();
        if width == 0 {
            let before = self.row[..self.column].iter_mut().rev().flatten().next();
            before.expect("a mark has a character under it").push(c);
            return;
        }
        assert!(self.column + width < 80, "a character in column {}", self.column);
        self.row.resize(self.row.len().max(self.column + width), Some(" ".into()));
        self.row[self.column] = Some(c.into());
        (1..width).for_each(|second| self.row[self.column + second] = None);
        self.column += width;
    }

    fn text(&self) -> String {
        self.row.iter().flatten().map(String::as_str).collect()
    }
}

/// An editor, the terminal that it draws on, and what it has told.
struct Session {
    editor: Editor,
    terminal: Terminal,
    told: Vec<Told>,
}

const PROMPT: &str = "> ";

impl Session {
    fn new() -> Self {
        let mut session =
            Self { editor: Editor::new(PROMPT), terminal: Terminal::default(), told: Vec::new() };
        session.prompt();
        session
    }

    fn prompt(&mut self) {
        let mut out = String::new();
        self.editor.prompt(&mut out);
        self.terminal.print(&out);
    }

    /// Types bytes, and draws after each of them or after all.
    fn type_in(&mut self, bytes: &[u8], draw_each: bool) {
        for (at, byte) in bytes.iter().enumerate() {
            let mut out = String::new();
            let told = self.editor.take(*byte, &Nothing, &mut out);
            if told.is_none() && (draw_each || at + 1 == bytes.len()) {
                self.editor.draw(&mut out);
            }
            self.terminal.print(&out);
            if let Some(told) = told {
                if told == Told::EndOfInput {
                    // The shell ends; what follows is a new one's.
                    self.terminal.print("exit\n");
                }
                self.told.push(told);
                self.prompt();
            }
        }
    }

    fn typed(bytes: &[u8]) -> Self {
        let mut session = Self::new();
        session.type_in(bytes, true);
        session
    }

    fn last_line(&self) -> &str {
        match self.told.last() {
            Some(Told::Line(line)) => line,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn keys_edit_the_line_that_people_expect() {
    for (keys, line) in [
        ("ac\x1b[Db\r", "abc"),
        ("bc\x1b[Ha\x1b[Fd\r", "abcd"),
        ("abxcd\x1b[D\x1b[D\x1b[D\x1b[3~\r", "abcd"),
        ("abxcd\x01\x06\x06\x04\r", "abcd"),
        ("abx\x7f\x08c\r", "ac"),
        ("one two three\x17\x17four\r", "one four"),
        ("one two\x15x\x19\r", "xone two"),
        ("one two\x01\x06\x06\x06\x0b\x05!\r", "one!"),
        ("one two\x1b[1;5D\x1b[1;5D\x1b[1;5Cx\r", "onex two"),
        ("first\rx\x1b[A\x1b[B2\r", "x2"),
        ("first\r\x10 again\r", "first again"),
        ("a\u{301}b\x7f\x7fc\r", "c"),
        ("a\u{4e00}b\x1b[D\x1b[D\x1b[3~\r", "ab"),
        ("hell\tx\r", "hello x"),
        ("a\x0cb\r", "ab"),
        ("a\x1bOHb\r", "ba"),
    ] {
        assert_eq!(Session::typed(keys.as_bytes()).last_line(), line, "{keys:?}");
    }
}

#[test]
fn the_ends_of_input_are_told() {
    assert_eq!(Session::typed(b"\x04").told, [Told::EndOfInput]);
    assert_eq!(Session::typed(b"x\x7f\x04").told, [Told::EndOfInput]);
    assert_eq!(Session::typed(b"x\x04").told, []);
    let session = Session::typed(b"abc\x01\x03");
    assert_eq!(session.told, [Told::Interrupt]);
    assert_eq!(session.terminal.above, ["> abc^C"], "^C stands at the end");
}

#[test]
fn a_line_that_is_too_long_is_told_and_not_cut_in_silence() {
    let longest = "x".repeat(LONGEST);
    let mut session = Session::new();
    session.type_in(format!("{longest}\r").as_bytes(), false);
    assert_eq!(session.last_line(), longest);
    session.type_in(format!("{longest}y\x7fz\r").as_bytes(), false);
    assert_eq!(session.told.last(), Some(&Told::TooLong));
    assert!(session.terminal.bells > 0);
    session.type_in(b"short\r", true);
    assert_eq!(session.last_line(), "short");
}

#[test]
fn choices_are_listed_below_the_line() {
    let mut session = Session::typed(b"he\x1b[D\x05l\t");
    assert_eq!(session.terminal.above, ["> hel", "hello  help"]);
    assert_eq!(session.terminal.text(), "> hel");
    session.type_in(b"p\r", true);
    assert_eq!(session.last_line(), "help");
}

/// A plain line: characters that are all clusters of their own.
#[derive(Default)]
struct Model {
    text: Vec<char>,
    cursor: usize,
    killed: Vec<char>,
}

/// A key: its bytes, and what the model does.
#[derive(Clone, Copy, Debug)]
enum Typed {
    Char(char),
    Left,
    Right,
    Home,
    End,
    Backspace,
    Delete,
    KillToStart,
    KillToEnd,
    KillWord,
    Yank,
}

impl Typed {
    fn bytes(self) -> Vec<u8> {
        match self {
            Self::Char(c) => String::from(c).into_bytes(),
            Self::Left => b"\x1b[D".into(),
            Self::Right => b"\x1b[C".into(),
            Self::Home => b"\x1b[H".into(),
            Self::End => b"\x05".into(),
            Self::Backspace => b"\x7f".into(),
            Self::Delete => b"\x1b[3~".into(),
            Self::KillToStart => b"\x15".into(),
            Self::KillToEnd => b"\x0b".into(),
            Self::KillWord => b"\x17".into(),
            Self::Yank => b"\x19".into(),
        }
    }
}

impl Model {
    fn kill(&mut self, from: usize, to: usize) {
        self.killed = self.text.drain(from..to).collect();
        self.cursor = from;
    }

    fn press(&mut self, key: Typed) {
        let (cursor, end) = (self.cursor, self.text.len());
        match key {
            Typed::Char(c) => {
                self.text.insert(cursor, c);
                self.cursor += 1;
            }
            Typed::Left => self.cursor = cursor.saturating_sub(1),
            Typed::Right => self.cursor = end.min(cursor + 1),
            Typed::Home => self.cursor = 0,
            Typed::End => self.cursor = end,
            Typed::Backspace if cursor > 0 => {
                self.text.remove(cursor - 1);
                self.cursor -= 1;
            }
            Typed::Delete if cursor < end => {
                self.text.remove(cursor);
            }
            Typed::Backspace | Typed::Delete => {}
            Typed::KillToStart => self.kill(0, cursor),
            Typed::KillToEnd => self.kill(cursor, end),
            Typed::KillWord => {
                let mut from = cursor;
                while from > 0 && self.text[from - 1] == ' ' {
                    from -= 1;
                }
                while from > 0 && self.text[from - 1] != ' ' {
                    from -= 1;
                }
                self.kill(from, cursor);
            }
            Typed::Yank => {
                let killed = self.killed.clone();
                self.text.splice(cursor..cursor, killed.iter().copied());
                self.cursor += killed.len();
            }
        }
    }
}

fn a_key() -> impl Strategy<Value = Typed> {
    use Typed::*;
    let others =
        vec![Left, Right, Home, End, Backspace, Delete, KillToStart, KillToEnd, KillWord, Yank];
    let char = prop::sample::select(vec!['a', 'b', 'c', ' ', 'é', '一', 'ﾊ', '😀']);
    prop_oneof![5 => char.prop_map(Char), 2 => prop::sample::select(others)]
}

proptest! {
    /// The text is the model's, and the terminal shows it, with the cursor at its place.
    #[test]
    fn the_editor_is_a_line_of_characters(
        keys in prop::collection::vec(a_key(), 0..120), draw_each: bool,
    ) {
        let (mut session, mut model) = (Session::new(), Model::default());
        for key in keys {
            session.type_in(&key.bytes(), draw_each);
            model.press(key);
            let text: String = model.text.iter().collect();
            let width = |text: &[char]| text.iter().map(|c| c.width().unwrap()).sum::<usize>();
            if width(&model.text) <= 75 {
                prop_assert_eq!(session.terminal.text(), format!("{PROMPT}{text}"));
                prop_assert_eq!(session.terminal.column, 2 + width(&model.text[..model.cursor]));
            } else {
                let shown = session.terminal.text();
                let shown = shown.strip_prefix(PROMPT).unwrap();
                let inner = shown.trim_start_matches('<').trim_end_matches('>');
                prop_assert!(text.contains(inner) && inner.len() < text.len(), "{}", shown);
            }
        }
        session.type_in(b"\r", true);
        prop_assert_eq!(session.last_line(), model.text.iter().collect::<String>());
    }

    /// Whatever is typed, the line never wraps and no control character reaches the terminal; and
    /// the next line is as if nothing had been.
    #[test]
    fn no_bytes_leave_a_ghost(bytes: Vec<u8>, text in "\\PC{0,100}") {
        // Tab lists choices, and what is a list here is a line there.
        let bytes: Vec<u8> = bytes.into_iter().filter(|byte| *byte != b'\t').collect();
        let mut session = Session::new();
        session.type_in(&bytes, true);
        session.type_in(text.as_bytes(), true);
        session.type_in(b"\x18\x03", true);
        session.type_in(b"hello", true);
        prop_assert_eq!(session.terminal.text(), "> hello");
        prop_assert_eq!(session.terminal.column, 7);
    }

    /// A text with marks that combine is shown as it is, if it fits.
    #[test]
    fn marks_stay_with_their_characters(text in "([a-c][a-c\u{301}\u{308}]{0,39})?") {
        let mut session = Session::new();
        session.type_in(text.as_bytes(), true);
        prop_assert_eq!(session.terminal.text(), format!("{PROMPT}{text}"));
        session.type_in("\x7f".repeat(40).as_bytes(), true);
        prop_assert_eq!(session.terminal.text(), PROMPT);
    }
}
