//! What a terminal shows of a line, and the bytes that change it to what it should show.
//!
//! The terminal is asked nothing: input may be a file, which would not answer. Assumed are
//! [`COLUMNS`] columns, and the cursor movements and the erase of ECMA-48. A line that is too long
//! is not wrapped but scrolled: `<` and `>` say that there is more of it.
//!
//! The screen's last column stays free, because terminals differ in what follows a character there.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthChar;

use super::text::Text;

/// The width that every terminal has.
pub const COLUMNS: usize = 80;

/// What is shown in place of a character without a width, which nobody could see or remove.
const INVISIBLE: &str = "\u{FFFD}";

/// One grapheme cluster on the screen.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Cell {
    text: String,
    width: usize,
}

impl Cell {
    /// Terminals add up the widths of code points; only few know what a sequence of them becomes.
    fn new(cluster: &str) -> Self {
        match cluster.chars().filter_map(UnicodeWidthChar::width).sum() {
            0 => Self { text: INVISIBLE.into(), width: 1 },
            width => Self { text: cluster.into(), width },
        }
    }
}

/// What is shown behind the prompt.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Display {
    cells: Vec<Cell>,
    /// The cell in front of which the cursor stands, or their number.
    cursor: usize,
    /// The first cluster that is shown.
    first: usize,
}

fn width_of(cells: &[Cell]) -> usize {
    cells.iter().map(|cell| cell.width).sum()
}

impl Display {
    /// How a line is shown in so many columns, if `self` was shown before: a line is scrolled only
    /// when the cursor would be outside.
    #[must_use]
    pub fn then(&self, text: &Text, columns: usize) -> Self {
        let all: Vec<Cell> = text.as_str().graphemes(true).map(Cell::new).collect();
        let cursor = text.before().graphemes(true).count().min(all.len());
        if width_of(&all) <= columns {
            return Self { cells: all, cursor, first: 0 };
        }
        // Both signs have their columns, even if one of them is not needed.
        let room = columns.saturating_sub(2);
        let mut first = self.first.min(all.len());
        if cursor < first || width_of(&all[first..cursor]) > room {
            first = cursor;
            while first > 0 && width_of(&all[first - 1..cursor]) <= room / 2 {
                first -= 1;
            }
        }
        let mut end = first;
        while end < all.len() && width_of(&all[first..=end]) <= room {
            end += 1;
        }
        let mut cells = Vec::new();
        cells.extend((first > 0).then(|| Cell::new("<")));
        let cursor = cells.len() + cursor - first;
        cells.extend_from_slice(&all[first..end]);
        cells.extend((end < all.len()).then(|| Cell::new(">")));
        Self { cells, cursor, first }
    }

    /// Appends the bytes that turn a terminal that shows `self` into one that shows `next`.
    pub fn change_to(&self, next: &Self, out: &mut String) {
        let pairs = self.cells.iter().zip(&next.cells);
        let same = pairs.take_while(|(old, new)| old == new).count();
        let column = |display: &Self, cell: usize| width_of(&display.cells[..cell]);
        let mut at = column(self, self.cursor);
        if same < self.cells.len() || same < next.cells.len() {
            go(at, column(self, same), out);
            next.cells[same..].iter().for_each(|cell| out.push_str(&cell.text));
            at = column(next, next.cells.len());
            if at < column(self, self.cells.len()) {
                out.push_str("\x1B[K");
            }
        }
        go(at, column(next, next.cursor), out);
    }
}

/// Moves the cursor within its line.
fn go(from: usize, to: usize, out: &mut String) {
    // A `String` takes everything.
    let _ = match to.cmp(&from) {
        core::cmp::Ordering::Less => write!(out, "\x1B[{}D", from - to),
        core::cmp::Ordering::Equal => Ok(()),
        core::cmp::Ordering::Greater => write!(out, "\x1B[{}C", to - from),
    };
}
