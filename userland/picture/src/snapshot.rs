//! What was read of a process's page tables at one moment, and its form as text.
//!
//! The text is lines of hexadecimal numbers, one for each word that is not 0, so that two readers
//! of the same tables can be compared by a person and by a test:
//!
//! ```text
//! vitrine-snapshot 1
//! process 00001003 parent 00001001 name cow
//! d 002 00431027
//! t 002 000 00432025
//! end
//! ```
//!
//! `d` is a directory entry: index, word. `t` is a leaf: the table's index, the entry's index,
//! word.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec;
use core::fmt;

use abi::layout::{ENTRIES, UVPT, directory_index};
use abi::{Entry, EntryFlags};

/// The 1,024 words of a table.
pub type Words = [u32; ENTRIES as usize];

/// The first line of the text: what it is, and its version.
const TITLE: &str = "vitrine-snapshot 1";

/// Whose tables they are.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Owner {
    /// The process's id.
    pub id: u32,
    /// Its parent's id, or 0.
    pub parent: u32,
    /// The name of its program, if anyone knows it.
    pub name: Option<String>,
}

impl fmt::Display for Owner {
    /// `cow (00001003)`, or the id alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} ({:08x})", self.id),
            None => write!(f, "{:08x}", self.id),
        }
    }
}

/// The tables of one process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// Whose they are.
    pub owner: Owner,
    directory: Box<Words>,
    tables: BTreeMap<u32, Box<Words>>,
}

/// Why a text is no snapshot: the line that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unreadable(pub String);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a line of a snapshot: `{}`", self.0)
    }
}

impl core::error::Error for Unreadable {}

/// A table with nothing in it.
fn blank() -> Box<Words> {
    // Through a vector, because an array of 4 KiB would lie on the stack first.
    match vec![0; ENTRIES as usize].into_boxed_slice().try_into() {
        Ok(words) => words,
        Err(_) => unreachable!("1,024 words are 1,024 words"),
    }
}

/// Whether the table of a directory entry is part of a snapshot: present, for programs to read, no
/// view, no 4 MiB page.
#[must_use]
pub const fn shows_table(index: u32, entry: Entry) -> bool {
    const KIND: EntryFlags = EntryFlags::USER_LEAF.union(EntryFlags::LARGE).union(EntryFlags::VIEW);
    index != directory_index(UVPT) && entry.bits() & KIND.bits() == EntryFlags::USER_LEAF.bits()
}

impl Snapshot {
    /// Takes a snapshot. `word(index)` is directory entry `index`; `leaf(table, index)` an entry of
    /// a table that [`shows_table`] allows to be read.
    pub fn take(
        owner: Owner,
        mut word: impl FnMut(u32) -> u32,
        mut leaf: impl FnMut(u32, u32) -> u32,
    ) -> Self {
        let mut directory = blank();
        let mut tables = BTreeMap::new();
        for index in 0..ENTRIES {
            let bits = word(index);
            directory[index as usize] = bits;
            if shows_table(index, Entry::from_bits(bits)) {
                let mut words = blank();
                for (at, word) in (0..).zip(words.iter_mut()) {
                    *word = leaf(index, at);
                }
                tables.insert(index, words);
            }
        }
        Self { owner, directory, tables }
    }

    /// Directory entry `index`, 0 to 1,023.
    #[must_use]
    pub fn directory_entry(&self, index: u32) -> Entry {
        Entry::from_bits(self.directory[index as usize])
    }

    /// The entries of row `index`, if the row shows any: those of its table, or, in row 0x3BD, the
    /// directory's.
    #[must_use]
    pub fn entries(&self, index: u32) -> Option<&Words> {
        if index == directory_index(UVPT) && self.directory_entry(index).is_present() {
            return Some(&self.directory);
        }
        self.tables.get(&index).map(|words| &**words)
    }

    /// The same without A in directory entries: a program that reads its own window sets them as it
    /// reads.
    #[must_use]
    pub fn without_directory_access(mut self) -> Self {
        for word in self.directory.iter_mut() {
            *word &= !EntryFlags::ACCESSED.bits();
        }
        self
    }

    /// Reads the text form. What comes before the first line and after `end` is left alone, also a
    /// prompt in front of the first line.
    ///
    /// # Errors
    /// [`Unreadable`]: the first line that is none of the form, or the last one if there is no
    /// `end`.
    pub fn parse(text: &str) -> Result<Self, Unreadable> {
        let after_title = text.split_once(TITLE).map_or("", |(_, rest)| rest);
        let mut lines = after_title.lines().map(str::trim_end).skip(1);
        let line = lines.next().unwrap_or_default();
        let owner = parse_owner(line).ok_or_else(|| Unreadable(line.to_string()))?;
        let mut snapshot = Self { owner, directory: blank(), tables: BTreeMap::new() };
        for line in lines {
            if line == "end" {
                return Ok(snapshot);
            }
            snapshot.parse_word(line).ok_or_else(|| Unreadable(line.to_string()))?;
        }
        Err(Unreadable("(the end is missing)".to_string()))
    }

    fn parse_word(&mut self, line: &str) -> Option<()> {
        let hex = |word: Option<&str>| u32::from_str_radix(word?, 16).ok();
        let mut words = line.split(' ');
        let kind = words.next()?;
        let index = hex(words.next()).filter(|index| *index < ENTRIES)?;
        match kind {
            "d" => {
                let word = hex(words.next())?;
                self.directory[index as usize] = word;
                if shows_table(index, Entry::from_bits(word)) {
                    self.tables.insert(index, blank());
                }
            }
            "t" => {
                let at = hex(words.next()).filter(|at| *at < ENTRIES)?;
                self.tables.get_mut(&index)?[at as usize] = hex(words.next())?;
            }
            _ => return None,
        }
        words.next().is_none().then_some(())
    }
}

fn parse_owner(line: &str) -> Option<Owner> {
    let mut words = line.strip_prefix("process ")?.split(' ');
    let id = u32::from_str_radix(words.next()?, 16).ok()?;
    let parent = (words.next()? == "parent").then(|| words.next())??;
    let parent = u32::from_str_radix(parent, 16).ok()?;
    let name = match words.next() {
        None => None,
        Some("name") => Some(words.next()?.to_string()),
        Some(_) => return None,
    };
    Some(Owner { id, parent, name })
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{TITLE}")?;
        write!(f, "process {:08x} parent {:08x}", self.owner.id, self.owner.parent)?;
        match &self.owner.name {
            Some(name) => writeln!(f, " name {name}")?,
            None => writeln!(f)?,
        }
        for (index, word) in self.directory.iter().enumerate().filter(|(_, word)| **word != 0) {
            writeln!(f, "d {index:03x} {word:08x}")?;
            let leaves =
                self.tables.get(&(index as u32)).into_iter().flat_map(|words| words.iter());
            for (at, leaf) in leaves.enumerate().filter(|(_, leaf)| **leaf != 0) {
                writeln!(f, "t {index:03x} {at:03x} {leaf:08x}")?;
            }
        }
        writeln!(f, "end")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    fn sample() -> Snapshot {
        let owner = Owner { id: 0x1003, parent: 0x1001, name: Some("cow".to_string()) };
        let word = |index| match index {
            2 => 0x43_1027,
            0x3BD => 0x43_0025,
            0xE0 => 0x50_0225,
            0x3C0 => 0x10_0023,
            _ => 0,
        };
        Snapshot::take(owner, word, |table, at| {
            assert_eq!(table, 2, "no other table can be read");
            if at == 0x3FF { 0x43_2067 } else { 0 }
        })
    }

    #[test]
    fn only_tables_that_a_program_can_read_are_taken() {
        let snapshot = sample();
        assert_eq!(snapshot.entries(2).unwrap()[0x3FF], 0x43_2067);
        assert_eq!(snapshot.entries(0x3BD).unwrap()[2], 0x43_1027, "the row of the directory");
        assert!(snapshot.entries(0xE0).is_none() && snapshot.entries(0x3C0).is_none());
    }

    #[test]
    fn the_text_is_read_as_what_it_was() {
        let text = format!("vitrine> map\r\nvitrine> {}exit status 0\n", sample());
        assert_eq!(Snapshot::parse(&text).unwrap(), sample());
    }

    #[test]
    fn what_is_no_snapshot_is_told_by_its_line() {
        let text = sample().to_string();
        let without_end = text.trim_end().trim_end_matches("end");
        for (bad, told) in [
            (without_end.to_string(), "(the end is missing)"),
            (text.replace("t 002 3ff", "t 002 400"), "t 002 400 00432067"),
            (text.replace("t 002 3ff", "t 003 3ff"), "t 003 3ff 00432067"),
            (text.replace("d 002", "x 002"), "x 002 00431027"),
            (text.replace("parent", "mother"), "process 00001003 mother 00001001 name cow"),
            ("nothing".to_string(), ""),
        ] {
            assert_eq!(Snapshot::parse(&bad), Err(Unreadable(told.to_string())), "{bad}");
        }
    }
}
