//! The picture in a terminal of 80 columns or more: two lines a row, and a legend.
//!
//! In 80 columns a character stands for 16 neighbouring pages, in 134 for 8, and so on. It shows
//! the class of them that comes last in the order of [`Cell`]: what a reader looks for (dirty,
//! copy-on-write) hides what is ordinary. It is a capital if all of them are of that class.

use core::fmt;

use abi::layout::ENTRIES;

use crate::cell::Cell;
use crate::row::Row;
use crate::snapshot::Snapshot;

/// Columns of a terminal of which nothing else is known. All lines fit.
pub const COLUMNS: u32 = 80;
/// Columns before a row's characters.
const INDENT: usize = 6;

/// The pages of one character in so many columns: a power of two.
const fn group(columns: u32) -> u32 {
    let mut group = 16;
    while group > 1 && INDENT as u32 + 2 * (ENTRIES / group) <= columns {
        group /= 2;
    }
    group
}

/// How it is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    /// Letters alone.
    Plain,
    /// Letters on the classes' colours, by the sequences of ECMA-48 for 256 colours.
    Color,
}

/// A class as its letter, on its colour.
#[derive(Clone, Copy, Debug)]
pub struct Swatch {
    /// Which class.
    pub class: Cell,
    /// How it is written.
    pub style: Style,
}

impl fmt::Display for Swatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = self.class.letter();
        match self.style {
            Style::Plain => write!(f, "{letter}"),
            Style::Color => write!(f, "{}{letter}{RESET}", Colored(self.class)),
        }
    }
}

/// The sequence that sets a class's colour, and a letter that is readable on it.
struct Colored(Cell);

impl fmt::Display for Colored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = if self.0.is_dark() { 97 } else { 30 };
        write!(f, "\x1B[{letter};48;5;{}m", self.0.terminal_color())
    }
}

/// The sequence that takes colours back.
const RESET: &str = "\x1B[0m";

/// A snapshot, to be printed.
pub struct Text<'a> {
    /// What is drawn.
    pub snapshot: &'a Snapshot,
    /// How.
    pub style: Style,
    /// How wide the terminal is; less than [`COLUMNS`] is taken for that.
    pub columns: u32,
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = || Row::all(self.snapshot);
        let pages: u32 = rows().filter(Row::is_programs_own).map(|row| row.present()).sum();
        let tables = rows().filter(Row::is_programs_own).count();
        writeln!(f, "{}: {pages} pages in {tables} tables below UTOP", self.snapshot.owner)?;
        let mut used = [false; Cell::ALL.len()];
        // The kernel's rows are alike in every process: one line tells of them.
        for row in rows().filter(Row::has_cells) {
            self.write_row(f, &row, &mut used)?;
        }
        for row in rows().filter(|row| !row.has_cells() && row.is_view()) {
            writeln!(f, "{:#05x} {:#010x}  {}", row.index, row.address(), row.name())?;
        }
        let hidden = rows().filter(|row| !row.has_cells() && !row.is_view()).count();
        writeln!(f, "and {hidden} rows of the kernel's, which no program can read")?;
        self.write_legend(f, &used)
    }
}

impl Row<'_> {
    fn is_view(&self) -> bool {
        self.cell(0) == Cell::View && !self.has_cells()
    }
}

impl Text<'_> {
    fn write_row(
        &self,
        f: &mut fmt::Formatter<'_>,
        row: &Row<'_>,
        used: &mut [bool; Cell::ALL.len()],
    ) -> fmt::Result {
        write!(f, "{:#05x} {:#010x}  {}: ", row.index, row.address(), row.name())?;
        let mut first = true;
        for (class, used) in Cell::ALL.into_iter().zip(used) {
            let count = row.count(class);
            *used |= count != 0;
            if count != 0 && class != Cell::Absent {
                let comma = if first { "" } else { ", " };
                write!(f, "{comma}{count} {}", class.name())?;
                first = false;
            }
        }
        writeln!(f, "{}", if first { "nothing" } else { "" })?;
        write!(f, "{:INDENT$}", "")?;
        let mut last = None;
        let pages = group(self.columns);
        for first in (0..ENTRIES).step_by(pages as usize) {
            let cells = || (first..first + pages).map(|at| row.cell(at));
            let class = cells().max().unwrap_or(Cell::Absent);
            let all = cells().all(|cell| cell == class);
            self.write_cell(f, class, all, &mut last)?;
        }
        self.write_end(f, last)?;
        writeln!(f)
    }

    fn write_cell(
        &self,
        f: &mut fmt::Formatter<'_>,
        class: Cell,
        all: bool,
        last: &mut Option<Cell>,
    ) -> fmt::Result {
        if self.style == Style::Color && *last != Some(class) {
            write!(f, "{}", Colored(class))?;
            *last = Some(class);
        }
        let letter = class.letter();
        write!(f, "{}", if all { letter.to_ascii_uppercase() } else { letter })
    }

    fn write_end(&self, f: &mut fmt::Formatter<'_>, last: Option<Cell>) -> fmt::Result {
        if last.is_some() { f.write_str(RESET) } else { Ok(()) }
    }

    fn write_legend(
        &self,
        f: &mut fmt::Formatter<'_>,
        used: &[bool; Cell::ALL.len()],
    ) -> fmt::Result {
        match group(self.columns) {
            1 => writeln!(f, "A character is a page (4 KiB), and a capital.")?,
            pages => {
                let size = pages * 4;
                writeln!(f, "A character is {pages} pages ({size} KiB); a capital: all of them.")?;
            }
        }
        for (class, _) in Cell::ALL.into_iter().zip(used).filter(|(_, used)| **used) {
            let swatch = Swatch { class, style: self.style };
            writeln!(f, "  {swatch} {:<14}{}", class.name(), class.meaning())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Owner;
    use std::format;
    use std::string::String;

    fn draw(style: Style) -> String {
        draw_in(style, COLUMNS)
    }

    fn draw_in(style: Style, columns: u32) -> String {
        let word = |index| match index {
            2 => 0x43_1027,
            0x3BD => 0x43_0025,
            0xE0 => 0x50_0225,
            0x3C0..=0x3C1 => 0x10_0023,
            _ => 0,
        };
        let leaf = |_, at| match at {
            0 => 0x43_2067,
            1..16 => 0x43_3025,
            16..32 => 0x43_4865,
            _ => 0,
        };
        let owner = Owner { id: 0x1003, parent: 0x1001, name: None };
        let snapshot = Snapshot::take(owner, word, leaf);
        format!("{}", Text { snapshot: &snapshot, style, columns })
    }

    #[test]
    fn a_row_shows_what_a_reader_looks_for_and_fits_80_columns() {
        let text = draw(Style::Plain);
        let lines: std::vec::Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "00001003: 32 pages in 1 tables below UTOP");
        assert_eq!(lines[1], "0x002 0x00800000  program: 15 accessed, 1 dirty, 16 copy-on-write");
        assert!(lines[2].starts_with("      dW......"), "{text}");
        assert!(lines[4].trim_start().starts_with("t."), "row 0x3BD has cell 2: {text}");
        assert!(text.contains("0x0e0 0x38000000  view of another process"), "{text}");
        assert!(text.contains("and 2 rows of the kernel's"), "{text}");
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn a_wider_terminal_shows_fewer_pages_in_a_character_and_wraps_no_line() {
        let table = [
            (0, 64),
            (80, 64),
            (133, 64),
            (134, 128),
            (261, 128),
            (262, 256),
            (518, 512),
            (1029, 512),
            (1030, 1024),
            (u32::MAX, 1024),
        ];
        for (columns, characters) in table {
            let text = draw_in(Style::Plain, columns);
            let lines: std::vec::Vec<&str> = text.lines().collect();
            assert_eq!(lines[2].trim_start().len(), characters, "{columns} columns:\n{text}");
            let widest = lines.iter().map(|line| line.chars().count()).max().unwrap();
            assert!(widest <= columns.max(COLUMNS) as usize, "{columns} columns:\n{text}");
        }
        let pages = draw_in(Style::Plain, 1030);
        assert!(pages.contains("\n      DAAA"), "{pages}");
        assert!(pages.contains("A character is a page (4 KiB)"), "{pages}");
        assert!(draw_in(Style::Plain, 134).contains("8 pages (32 KiB)"));
    }

    #[test]
    fn colors_are_taken_back_at_the_end_of_each_row() {
        let text = draw(Style::Color);
        for line in text.lines().filter(|line| line.contains("\x1B[")) {
            assert!(line.contains("\x1B[0m"), "{line:?}");
        }
        let plain: String = text
            .split("\x1B[")
            .enumerate()
            .map(|(at, part)| if at == 0 { part } else { part.split_once('m').unwrap().1 })
            .collect();
        assert_eq!(plain, draw(Style::Plain));
    }
}
