//! How a process reads page tables, its own and those that it views, by ordinary loads.
//!
//! One directory entry of every process points back at the directory, without W. Through it the
//! process finds all its tables in 4 MiB of its own space, the *window*: the entry of page `p` is
//! the word at `UVPT + 4 * p` ([`abi::self_map`] has the arithmetic). A *view* is the same 4 MiB of
//! another process.
//!
//! The order of a read is always the same: first the directory entry, then the leaf. The window
//! page of a table exists only if the directory entry is present, and can be read only if that
//! entry carries U; otherwise the load is a page fault. A load gives a snapshot. The kernel does
//! not believe it: each call checks the tables again.
//!
//! The types:
//!
//! - [`TableReader`] is where words come from: the live tables, or a model in tests.
//! - [`Window`] finds the entry of a page, and [`Step`] says how far the translation could be
//!   followed.
//! - [`Present`], [`Groups`], [`Dirty`] and [`Runs`] walk over pages. A space has 786,432 pages, of which few
//!   are present, so a walk looks at 32 entries of either level together, or at eight, and steps
//!   over them if none is present. An absent table costs one load and not 1,024.
//!
//! Assumed: the tables of a living process are not freed, so a table that a walk has entered stays.
//! Entries may change during a walk, by a fault handler or, in a view, by the other process.
//!
//! Not done: 4 MiB pages. The kernel makes none; [`Step::Large`] names them, and walks do not enter
//! them.

#[cfg(target_os = "none")]
pub mod live;
mod runs;
#[cfg(test)]
mod tests;
mod walk;

use abi::layout::ENTRIES;
use abi::{Entry, EntryFlags, Page, Slot, ViewSlot};

pub use runs::{Run, Runs};
pub use walk::{Dirty, Groups, Present};

/// Reads the words of a self map.
pub trait TableReader {
    /// The word at `address`, a multiple of 4 in the self map's 4 MiB; its page is one that can be
    /// read.
    fn word(&self, address: u32) -> u32;

    /// Bit `i`: D is set in word `i` of the 32 from `address` on, a multiple of 128.
    fn dirty_of_32(&self, address: u32) -> u32 {
        (0..DIRTY_GROUP).fold(0, |dirty, index| {
            let entry = Entry::from_bits(self.word(address + 4 * index));
            dirty | u32::from(entry.is_dirty()) << index
        })
    }

    /// The bits in which any of `WORDS` words is not like `model`: a power of two, at most 1,024.
    /// `address` is a multiple of what they take.
    fn unlike<const WORDS: u32>(&self, address: u32, model: u32) -> u32 {
        (0..WORDS).fold(0, |bits, index| bits | (self.word(address + 4 * index) ^ model))
    }

    /// Whether any of `WORDS` entries is present. `address` as for [`TableReader::unlike`].
    #[inline(always)]
    fn any_present<const WORDS: u32>(&self, address: u32) -> bool {
        Entry::from_bits(self.unlike::<WORDS>(address, 0)).is_present()
    }
}

/// Pages that [`Window::dirty`] looks at together.
const DIRTY_GROUP: u32 = 32;

/// How far the translation of a page can be followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// The directory entry is absent: there is no table.
    NoTable(Entry),
    /// The directory entry lacks U: the table is the kernel's, and its window page cannot be read.
    Hidden(Entry),
    /// The directory entry is a 4 MiB page.
    Large(Entry),
    /// The directory entry is a view: the tables below are another process's.
    View(Entry),
    /// The leaf in the page's table: present or not.
    Leaf(Entry),
}

/// A self map, or a view, read entry by entry.
#[derive(Clone, Copy, Debug)]
pub struct Window<R> {
    slot: Slot,
    /// The directory entry under which the directory itself lies in the 4 MiB.
    directory: Slot,
    reader: R,
}

impl<R: TableReader> Window<R> {
    /// The self map at `slot`, read by `reader`.
    pub const fn new(slot: Slot, reader: R) -> Self {
        Self { slot, directory: slot, reader }
    }

    /// The tables that a view shows: its directory lies where the other process's own window has
    /// it.
    pub const fn of_view(view: ViewSlot, reader: R) -> Self {
        Self { slot: view.slot(), directory: Slot::WINDOW, reader }
    }

    /// Where the words come from.
    pub const fn reader(&self) -> &R {
        &self.reader
    }

    /// Directory entry `index` (`0..1024`). The directory can always be read.
    ///
    /// # Panics
    /// If `index` is 1,024 or more.
    pub fn directory_entry(&self, index: u32) -> Entry {
        assert!(index < ENTRIES, "a directory has 1,024 entries");
        Entry::from_bits(self.reader.word(self.directory_entry_address(index)))
    }

    /// Whether tables are shown here: a view that is lost shows none. The directory of a process is
    /// never empty, because it holds the process's own window.
    pub fn shows_a_process(&self) -> bool {
        self.directory_entry(Slot::WINDOW.index()).is_present()
    }

    #[inline(always)]
    const fn directory_entry_address(&self, index: u32) -> u32 {
        self.slot.table_address(self.directory.index()) + index * 4
    }

    /// Follows the translation of a page as far as it can be followed.
    pub fn walk(&self, page: Page) -> Step {
        let directory_entry = self.directory_entry(page.directory_index());
        match self.table_below(directory_entry) {
            Ok(()) => Step::Leaf(self.leaf(page)),
            Err(step) => step,
        }
    }

    /// The entry of a page, if the page is present.
    pub fn entry_of(&self, page: Page) -> Option<Entry> {
        match self.walk(page) {
            Step::Leaf(entry) if entry.is_present() => Some(entry),
            Step::Leaf(_) | Step::NoTable(_) | Step::Hidden(_) | Step::Large(_) | Step::View(_) => {
                None
            }
        }
    }

    /// The leaves of `PAGES` pages from `first` on, absent where there is no table that can be read.
    /// `PAGES` is a power of two, at most 1,024, and `first` a multiple of it.
    pub fn leaves<const PAGES: usize>(&self, first: Page) -> [Entry; PAGES] {
        let first = first.number() & !(PAGES as u32 - 1);
        let directory_entry = self.directory_entry(first / ENTRIES);
        if self.table_below(directory_entry).is_err() {
            return [Entry::ABSENT; PAGES];
        }
        core::array::from_fn(|index| self.leaf(Page::numbered(first + index as u32)))
    }

    fn table_below(&self, directory_entry: Entry) -> Result<(), Step> {
        const KIND: EntryFlags =
            EntryFlags::USER_LEAF.union(EntryFlags::LARGE).union(EntryFlags::VIEW);
        let kind = directory_entry.flags() & KIND;
        if kind == EntryFlags::USER_LEAF {
            Ok(())
        } else if !kind.contains(EntryFlags::PRESENT) {
            Err(Step::NoTable(directory_entry))
        } else if kind.contains(EntryFlags::LARGE) {
            Err(Step::Large(directory_entry))
        } else if !kind.contains(EntryFlags::USER) {
            Err(Step::Hidden(directory_entry))
        } else {
            Err(Step::View(directory_entry))
        }
    }

    /// The leaf of a page whose table can be read.
    pub(crate) fn leaf(&self, page: Page) -> Entry {
        Entry::from_bits(self.reader.word(self.slot.entry_address(page)))
    }
}
