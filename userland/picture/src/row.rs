//! The rows of the picture: one for each directory entry that is present.

use abi::layout::{
    BOOT_ARCHIVE, ENTRIES, PROGRAM_TEXT, SCRATCH, TABLE_SPAN, UENVS, UPAGES, USER_TOP, UVPT,
    directory_index,
};
use abi::{Entry, EntryFlags};

use crate::cell::Cell;
use crate::snapshot::{Snapshot, Words};

/// A row.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The directory entry's index, 0 to 1,023.
    pub index: u32,
    /// The directory entry.
    pub entry: Entry,
    /// The row's entries, if a program can read them.
    words: Option<&'a Words>,
}

/// Where libsys puts the heap: a program may do otherwise.
const HEAP: u32 = 0x1000_0000;

impl<'a> Row<'a> {
    /// The rows of a snapshot, in the order of their addresses.
    pub fn all(snapshot: &'a Snapshot) -> impl Iterator<Item = Self> {
        (0..ENTRIES).filter_map(|index| {
            let entry = snapshot.directory_entry(index);
            entry.is_present().then(|| Self { index, entry, words: snapshot.entries(index) })
        })
    }

    /// The first address that the row translates.
    #[must_use]
    pub const fn address(&self) -> u32 {
        self.index * TABLE_SPAN
    }

    /// The row is the window: its cells are the directory entries.
    #[must_use]
    pub const fn is_window(&self) -> bool {
        self.index == directory_index(UVPT)
    }

    /// The row is part of what the process itself has mapped.
    #[must_use]
    pub const fn is_programs_own(&self) -> bool {
        self.address() < USER_TOP && !self.entry.contains(EntryFlags::VIEW)
    }

    /// What lies there.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        if self.address() < USER_TOP && self.entry.contains(EntryFlags::VIEW) {
            return "view of another process";
        }
        if !self.entry.contains(EntryFlags::USER) {
            return "kernel";
        }
        match self.address() {
            SCRATCH..PROGRAM_TEXT => "scratch",
            PROGRAM_TEXT..HEAP => "program",
            HEAP..BOOT_ARCHIVE => "heap",
            BOOT_ARCHIVE..0x3000_0000 => "boot archive",
            0xEE80_0000..USER_TOP => "stack",
            UENVS..UPAGES => "UENVS: processes",
            UPAGES..UVPT => "UPAGES: frames",
            UVPT.. => "UVPT: the window",
            _ => "mapped by the program",
        }
    }

    /// The class of cell `at`, 0 to 1,023. In a row whose entries cannot be read it is that of the
    /// whole row.
    #[must_use]
    pub fn cell(&self, at: u32) -> Cell {
        match self.words {
            Some(words) if self.is_window() => {
                Cell::of_directory_entry(at, Entry::from_bits(words[at as usize]))
            }
            Some(words) => Cell::of_leaf(Entry::from_bits(words[at as usize])),
            None => Cell::of_directory_entry(self.index, self.entry),
        }
    }

    /// The row's cells can be read.
    #[must_use]
    pub const fn has_cells(&self) -> bool {
        self.words.is_some()
    }

    /// How many cells are of a class.
    #[must_use]
    pub fn count(&self, class: Cell) -> u32 {
        (0..ENTRIES).filter(|at| self.cell(*at) == class).count() as u32
    }

    /// How many entries are present. 0 in a row whose entries cannot be read.
    #[must_use]
    pub fn present(&self) -> u32 {
        let words = self.words.into_iter().flatten();
        words.filter(|word| Entry::from_bits(**word).is_present()).count() as u32
    }
}
