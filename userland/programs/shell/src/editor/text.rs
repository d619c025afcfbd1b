//! The text of a line, and the cursor in it.
//!
//! What a person takes for one character may be several code points (a letter and its accent): a
//! *grapheme cluster*. The cursor stands before one, or at the end.

use alloc::string::String;

use unicode_segmentation::UnicodeSegmentation;

/// A line that is being edited.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Text {
    text: String,
    /// A byte index: the start of a cluster, or the end.
    cursor: usize,
}

impl Text {
    /// The text, with the cursor at its end.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { text: text.into(), cursor: text.len() }
    }

    /// All of it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The part before the cursor.
    #[must_use]
    pub fn before(&self) -> &str {
        &self.text[..self.cursor]
    }

    /// The part from the cursor on.
    #[must_use]
    pub fn after(&self) -> &str {
        &self.text[self.cursor..]
    }

    /// Inserts a text before the cursor.
    pub fn insert(&mut self, text: &str) {
        self.text.insert_str(self.cursor, text);
        self.cursor += text.len();
        self.align();
    }

    /// Moves the cursor out of a cluster that has grown around it, to the end of that one.
    fn align(&mut self) {
        // Two ASCII characters are two clusters: most lines need no look at all.
        let is_ascii = |c: Option<char>| c.is_none_or(|c| c.is_ascii());
        if is_ascii(self.before().chars().next_back()) && is_ascii(self.after().chars().next()) {
            return;
        }
        let starts = self.text.grapheme_indices(true).map(|(start, _)| start);
        self.cursor =
            starts.chain([self.text.len()]).find(|start| *start >= self.cursor).unwrap_or(0);
    }

    /// Moves the cursor by one to the left.
    pub fn left(&mut self) {
        self.cursor -= self.before().graphemes(true).next_back().map_or(0, str::len);
    }

    /// Moves the cursor by one to the right.
    pub fn right(&mut self) {
        self.cursor += self.after().graphemes(true).next().map_or(0, str::len);
    }

    /// Moves the cursor to the start of the line.
    pub const fn home(&mut self) {
        self.cursor = 0;
    }

    /// Moves the cursor to the end of the line.
    pub const fn end(&mut self) {
        self.cursor = self.text.len();
    }

    /// Moves the cursor to the start of its word, or of the one before.
    pub fn word_left(&mut self) {
        self.cursor = self.word_start();
    }

    /// Moves the cursor to the end of its word, or of the next one.
    pub fn word_right(&mut self) {
        let after = self.after();
        let word = after.trim_start();
        let end = word.find(char::is_whitespace).unwrap_or(word.len());
        self.cursor += after.len() - word.len() + end;
        self.align();
    }

    fn word_start(&self) -> usize {
        let before = self.before().trim_end();
        before
            .rfind(char::is_whitespace)
            .map_or(0, |at| at + before[at..].chars().next().map_or(0, char::len_utf8))
    }

    /// Removes what stands before the cursor by one.
    pub fn backspace(&mut self) {
        let end = self.cursor;
        self.left();
        self.text.drain(self.cursor..end);
        self.align();
    }

    /// Removes what stands at the cursor.
    pub fn delete(&mut self) {
        let start = self.cursor;
        self.right();
        self.text.drain(start..self.cursor);
        self.cursor = start;
        self.align();
    }

    /// Removes and returns all before the cursor.
    pub fn kill_to_start(&mut self) -> String {
        let killed = self.text.drain(..self.cursor).collect();
        self.cursor = 0;
        killed
    }

    /// Removes and returns all from the cursor on.
    pub fn kill_to_end(&mut self) -> String {
        self.text.split_off(self.cursor)
    }

    /// Removes and returns the word before the cursor, with the white space after it.
    pub fn kill_word(&mut self) -> String {
        let start = self.word_start();
        let killed = self.text.drain(start..self.cursor).collect();
        self.cursor = start;
        self.align();
        killed
    }
}
