//! The lines that were typed before.

use alloc::collections::VecDeque;
use alloc::string::String;

/// How many lines are kept.
const LINES: usize = 200;

/// Earlier lines, and the one that is shown.
#[derive(Default)]
pub struct History {
    lines: VecDeque<String>,
    /// Which line is shown; `lines.len()` is the new one.
    at: usize,
    /// The new line, while an earlier one is shown.
    draft: String,
}

impl History {
    /// Adds a line that is complete, and goes back to the end. Blank lines, and one that is like
    /// the last, are not kept.
    pub fn add(&mut self, line: &str) {
        if !line.trim().is_empty() && self.lines.back().is_none_or(|last| last != line) {
            if self.lines.len() == LINES {
                self.lines.pop_front();
            }
            self.lines.push_back(line.into());
        }
        self.leave();
    }

    /// Goes back to the end: the next line is a new one.
    pub fn leave(&mut self) {
        self.at = self.lines.len();
        self.draft.clear();
    }

    /// The line before the one that is shown, which is `shown` now; `None` at the first.
    pub fn up(&mut self, shown: &str) -> Option<&str> {
        if self.at == self.lines.len() {
            self.draft = shown.into();
        }
        self.at = self.at.checked_sub(1)?;
        self.lines.get(self.at).map(String::as_str)
    }

    /// The line after the one that is shown; `None` at the last, which is the new one.
    pub fn down(&mut self) -> Option<&str> {
        if self.at == self.lines.len() {
            return None;
        }
        self.at += 1;
        Some(self.lines.get(self.at).unwrap_or(&self.draft))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    #[test]
    fn the_new_line_is_kept_while_earlier_ones_are_shown() {
        let mut history = History::default();
        assert_eq!((history.up("x").map(String::from), history.down()), (None, None));
        for line in ["a", "b", "b", " ", ""] {
            history.add(line);
        }
        assert_eq!(history.up("new"), Some("b"));
        assert_eq!(history.up("b"), Some("a"));
        assert_eq!(history.up("a"), None);
        assert_eq!(history.down(), Some("b"));
        assert_eq!(history.down(), Some("new"));
        assert_eq!(history.down(), None);
    }

    #[test]
    fn the_oldest_line_goes_first() {
        let mut history = History::default();
        for number in 0..=LINES {
            history.add(&format!("{number}"));
        }
        let mut last = String::new();
        while let Some(line) = history.up("") {
            last = line.into();
        }
        assert_eq!(last, "1");
    }
}
