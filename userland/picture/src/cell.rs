//! What one entry means: the classes that the picture has a colour and a letter for.
//!
//! The colours are those of Okabe and Ito, which people with any kind of colour vision tell apart;
//! where two of them are alike in grey, the letter (in the terminal) or the pattern (in a file)
//! differs.

use abi::layout::{UVPT, directory_index};
use abi::{Entry, EntryFlags};

/// The class of an entry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Cell {
    /// The word is 0.
    Absent,
    /// Absent, and the pager has the page.
    PagedOut,
    /// Absent, with marks of the program's own.
    Marked,
    /// Present; not used since the bits were last cleared.
    Clean,
    /// Present and A is set.
    Accessed,
    /// Present, and the page may only be read for good.
    Sealed,
    /// Present, and a fork shares it.
    Shared,
    /// Present, and the first write makes a copy.
    CopyOnWrite,
    /// Present and D is set.
    Dirty,
    /// Present: a device's memory, or memory that a device is told of.
    Device,
    /// In row 0x3BD: a page table of the process's own.
    Table,
    /// In row 0x3BD: another process's directory.
    View,
    /// In row 0x3BD: what only the kernel may read.
    Kernel,
    /// In row 0x3BD: the entry that names the directory itself.
    Window,
}

impl Cell {
    /// All of them, in the order of the legend.
    pub const ALL: [Self; 14] = [
        Self::Absent,
        Self::Clean,
        Self::Accessed,
        Self::Dirty,
        Self::CopyOnWrite,
        Self::Shared,
        Self::Sealed,
        Self::PagedOut,
        Self::Marked,
        Self::Device,
        Self::Table,
        Self::View,
        Self::Kernel,
        Self::Window,
    ];

    /// The class of a leaf: an entry of a page table.
    #[must_use]
    pub const fn of_leaf(leaf: Entry) -> Self {
        if !leaf.is_present() {
            return if leaf.contains(EntryFlags::PAGER) {
                Self::PagedOut
            } else if leaf.bits() == 0 {
                Self::Absent
            } else {
                Self::Marked
            };
        }
        if leaf.is_drivers_own() {
            Self::Device
        } else if leaf.contains(EntryFlags::COPY_ON_WRITE) {
            Self::CopyOnWrite
        } else if leaf.contains(EntryFlags::SHARED) {
            Self::Shared
        } else if leaf.is_sealed() {
            Self::Sealed
        } else if leaf.is_dirty() {
            Self::Dirty
        } else if leaf.is_accessed() {
            Self::Accessed
        } else {
            Self::Clean
        }
    }

    /// The class of directory entry `index`, as it is seen in row 0x3BD.
    #[must_use]
    pub const fn of_directory_entry(index: u32, entry: Entry) -> Self {
        if !entry.is_present() {
            Self::Absent
        } else if index == directory_index(UVPT) {
            Self::Window
        } else if !entry.contains(EntryFlags::USER) {
            Self::Kernel
        } else if entry.contains(EntryFlags::VIEW) {
            Self::View
        } else {
            Self::Table
        }
    }

    /// One word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::PagedOut => "paged out",
            Self::Marked => "marked",
            Self::Clean => "clean",
            Self::Accessed => "accessed",
            Self::Sealed => "sealed",
            Self::Shared => "shared",
            Self::CopyOnWrite => "copy-on-write",
            Self::Dirty => "dirty",
            Self::Device => "device",
            Self::Table => "table",
            Self::View => "view",
            Self::Kernel => "kernel",
            Self::Window => "window",
        }
    }

    /// One sentence for the legend.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Absent => "no page; an access is a fault",
            Self::PagedOut => "the pager has the page, and brings it at the next access",
            Self::Marked => "absent, with marks of the program's own",
            Self::Clean => "present, not used yet",
            Self::Accessed => "read (A)",
            Self::Sealed => "may never be written here",
            Self::Shared => "a fork shares the page itself",
            Self::CopyOnWrite => "shared until the first write, which makes a copy",
            Self::Dirty => "written (D)",
            Self::Device => "a device's memory, or memory that a device is told of",
            Self::Table => "a page table: a row of its own",
            Self::View => "another process's directory",
            Self::Kernel => "the kernel's; programs cannot read what lies below",
            Self::Window => "names the directory itself",
        }
    }

    /// Its letter in a terminal. Small; a capital says that all pages of a group are of the class.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::Absent => '.',
            Self::PagedOut => 'o',
            Self::Marked => 'm',
            Self::Clean => 'c',
            Self::Accessed => 'a',
            Self::Sealed => 's',
            Self::Shared => 'h',
            Self::CopyOnWrite => 'w',
            Self::Dirty => 'd',
            Self::Device => 'i',
            Self::Table => 't',
            Self::View => 'v',
            Self::Kernel => 'k',
            Self::Window => '@',
        }
    }

    /// Its colour: red, green, blue.
    #[must_use]
    pub const fn color(self) -> (u8, u8, u8) {
        match self {
            Self::Absent => (0xF2, 0xF2, 0xF2),
            Self::PagedOut => (0xF0, 0xE4, 0x42),
            Self::Marked => (0xD9, 0xD0, 0x9C),
            Self::Clean => (0xC3, 0xE1, 0xF5),
            Self::Accessed => (0x56, 0xB4, 0xE9),
            Self::Sealed => (0x00, 0x72, 0xB2),
            Self::Shared => (0x00, 0x9E, 0x73),
            Self::CopyOnWrite => (0xCC, 0x79, 0xA7),
            Self::Dirty => (0xD5, 0x5E, 0x00),
            Self::Device => (0xE6, 0x9F, 0x00),
            Self::Table => (0x5C, 0x5C, 0x5C),
            Self::View => (0x8B, 0x5F, 0xBF),
            Self::Kernel => (0xA8, 0xA8, 0xA8),
            Self::Window => (0x00, 0x00, 0x00),
        }
    }

    /// The nearest of a terminal's 256 colours: one of its 6 × 6 × 6 cube (16 to 231).
    #[must_use]
    pub const fn terminal_color(self) -> u8 {
        const fn step(level: u8) -> u8 {
            // The cube's levels are 0, 95, 135, 175, 215, 255.
            match level {
                0..=47 => 0,
                48..=114 => 1,
                115..=154 => 2,
                // 195 is as near to 215; the lower one keeps the blue of `Clean`.
                155..=195 => 3,
                196..=234 => 4,
                235.. => 5,
            }
        }
        let (red, green, blue) = self.color();
        16 + 36 * step(red) + 6 * step(green) + step(blue)
    }

    /// A letter on this colour is readable in white, and not in black.
    #[must_use]
    pub const fn is_dark(self) -> bool {
        let (red, green, blue) = self.color();
        // The weights of ITU-R BT.601, in thousandths.
        299 * red as u32 + 587 * green as u32 + 114 * (blue as u32) < 128_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn leaf(bits: u32) -> Cell {
        Cell::of_leaf(Entry::from_bits(bits))
    }

    #[test]
    fn a_leaf_is_of_the_class_that_its_bits_say() {
        assert_eq!(leaf(0), Cell::Absent);
        assert_eq!(leaf(0x200), Cell::PagedOut);
        assert_eq!(leaf(0xE00), Cell::PagedOut);
        assert_eq!(leaf(0x400), Cell::Marked);
        assert_eq!(leaf(0x5_0007), Cell::Clean);
        assert_eq!(leaf(0x5_0025), Cell::Accessed);
        assert_eq!(leaf(0x5_0067), Cell::Dirty);
        assert_eq!(leaf(0x5_0125), Cell::Sealed);
        assert_eq!(leaf(0x5_0865), Cell::CopyOnWrite);
        assert_eq!(leaf(0x5_0467), Cell::Shared);
        assert_eq!(leaf(0x5_001F), Cell::Device);
    }

    #[test]
    fn row_0x3bd_tells_tables_views_and_the_kernels_from_the_fixed_point() {
        let entry = |index, bits| Cell::of_directory_entry(index, Entry::from_bits(bits));
        assert_eq!(entry(2, 0), Cell::Absent);
        assert_eq!(entry(2, 0x5_0027), Cell::Table);
        assert_eq!(entry(0xE0, 0x5_0225), Cell::View);
        assert_eq!(entry(0x3C0, 0x5_0023), Cell::Kernel);
        assert_eq!(entry(0x3BD, 0x5_0025), Cell::Window);
        assert_eq!(entry(0x3FF, 0x5_0023), Cell::Kernel);
    }

    #[test]
    fn no_two_classes_have_a_letter_a_name_or_a_color_in_common() {
        let count = Cell::ALL.len();
        assert_eq!(Cell::ALL.map(Cell::letter).into_iter().collect::<BTreeSet<_>>().len(), count);
        assert_eq!(Cell::ALL.map(Cell::name).into_iter().collect::<BTreeSet<_>>().len(), count);
        let colors = Cell::ALL.map(Cell::terminal_color);
        assert_eq!(colors.into_iter().collect::<BTreeSet<_>>().len(), count, "{colors:?}");
    }

    /// The order of the three parts of a colour makes its hue: light blue must not become violet.
    #[test]
    fn a_terminals_colour_has_the_hue_of_the_pictures() {
        for cell in Cell::ALL {
            let index = u32::from(cell.terminal_color() - 16);
            let (r, g, b) = cell.color();
            let (tr, tg, tb) = (index / 36, index / 6 % 6, index % 6);
            for (one, other, in_cube) in [(r, g, (tr, tg)), (g, b, (tg, tb)), (r, b, (tr, tb))] {
                let clearly = one.abs_diff(other) >= 30;
                let same = (one < other) == (in_cube.0 < in_cube.1) && in_cube.0 != in_cube.1;
                assert!(!clearly || same, "{cell:?}: {:?} is {:?}", cell.color(), (tr, tg, tb));
            }
        }
    }
}
