//! What must hold whenever the kernel has returned to a program.

use std::collections::{HashMap, HashSet};

use abi::layout::{ENTRIES, UENVS, USER_TOP, UVPT, WINDOWS, directory_index};
use abi::{DirectoryEntry, Entry, EntryFlags, Frame, Page, Slot};

use super::Model;

/// What a directory maps below UTOP.
#[derive(Clone, Debug, Default)]
pub struct Space {
    /// Tables, by directory index.
    pub tables: Vec<(u32, Frame)>,
    /// Present leaves.
    pub leaves: Vec<(Page, Entry)>,
    /// Absent leaves that carry marks.
    pub backed: Vec<(Page, Entry)>,
}

impl Space {
    /// Frames mapped, as a process is charged for them: leaves, tables and the directory.
    pub fn charged(&self) -> u32 {
        (self.leaves.len() + self.tables.len() + 1) as u32
    }
}

/// The marks of an absent leaf.
const BACKED: u32 = EntryFlags::MARKS.bits();
/// The first directory entry that programs cannot map anything under.
const SHARED: u32 = directory_index(USER_TOP);

impl Model {
    /// Panics unless memory is as it must be between a trap and the next: `directories` are all live ones, the
    /// kernel's first; `free` are the frames that may be given out; `reserved` have one mapping that no directory
    /// shows; `count` is what the kernel has counted.
    pub fn audit(
        &self, directories: &[Frame], free: &HashSet<Frame>, reserved: &HashSet<Frame>,
        count: impl Fn(Frame) -> Option<u32>,
    ) {
        self.audit_cache(free);
        let mut expected: HashMap<Frame, u32> = HashMap::new();
        for &directory in directories {
            assert!(!free.contains(&directory), "{directory:?} is a directory, and free");
            self.audit_shared_half(directory, directories[0]);
            let space = self.space(directory);
            let leaves = space.leaves.iter().map(|(_, leaf)| leaf.frame());
            let tables = space.tables.iter().map(|(_, table)| *table);
            for frame in leaves.chain(tables).chain([directory]) {
                assert!(!free.contains(&frame), "{frame:?} is mapped by {directory:?}, and free");
                *expected.entry(frame).or_default() += 1;
            }
        }
        expected.remove(&directories[0]);
        for frame in reserved {
            *expected.entry(*frame).or_default() += 1;
        }
        for number in 0..self.ram.len() as u32 {
            let frame = Frame::from_number(number);
            if let Some(counted) = count(frame) {
                let mapped = expected.get(&frame).copied().unwrap_or(0);
                assert_eq!(counted, mapped, "{frame:?} is counted {counted} times and mapped {mapped} times");
                assert_eq!(counted == 0, free.contains(&frame), "{frame:?} has count {counted}");
            }
        }
    }

    /// What a directory maps below UTOP, each entry checked on the way.
    pub fn space(&self, directory: Frame) -> Space {
        let mut space = Space::default();
        for upper in 0..SHARED {
            let entry = self.entry(directory, upper);
            let table = match DirectoryEntry::classify(entry, directory) {
                DirectoryEntry::Absent => {
                    assert_eq!(entry, Entry::ABSENT, "absent directory entry {upper:#x}");
                    continue;
                }
                DirectoryEntry::Table(table) => table,
                other => panic!("{other:?} at directory entry {upper:#x} of {directory:?}"),
            };
            let flags = entry.flags() - EntryFlags::ACCESSED_DIRTY;
            assert_eq!(flags, EntryFlags::FRESH, "directory entry {upper:#x}");
            space.tables.push((upper, table));
            for lower in 0..ENTRIES {
                let leaf = self.entry(table, lower);
                let page = Page::containing(upper << 22 | lower << 12);
                if leaf.is_present() {
                    assert_user_leaf(page, leaf);
                    space.leaves.push((page, leaf));
                } else if leaf != Entry::ABSENT {
                    assert_eq!(leaf.bits() & !BACKED, 0, "absent leaf of {page:?}: {leaf:?}");
                    space.backed.push((page, leaf));
                }
            }
        }
        space
    }

    /// The upper entries: three carry U, none of those W; two name the directory itself; the rest are the kernel's.
    fn audit_shared_half(&self, directory: Frame, kernel: Frame) {
        for index in SHARED..ENTRIES {
            let entry = self.entry(directory, index);
            let flags = entry.flags() - EntryFlags::ACCESSED_DIRTY;
            let readable = (directory_index(UENVS)..=directory_index(UVPT)).contains(&index);
            assert_eq!(flags.contains(EntryFlags::USER), readable, "U of {index:#x} of {directory:?}: {entry:?}");
            assert!(!(readable && entry.is_writable()), "W of {index:#x} of {directory:?}: {entry:?}");
            if index == Slot::ALTERNATE.index() {
                assert!(!entry.is_present() || directory == self.cr3, "{directory:?} has an alternate map left");
                assert!(!entry.is_present() || flags == EntryFlags::PRESENT | EntryFlags::WRITE);
            } else if [Slot::WINDOW.index(), Slot::CURRENT.index()].contains(&index) {
                assert_eq!(entry.frame(), directory, "self map {index:#x} of {directory:?}");
                let right = if readable { EntryFlags::USER } else { EntryFlags::WRITE };
                assert_eq!(flags, EntryFlags::PRESENT | right, "self map {index:#x} of {directory:?}");
            } else {
                let shared = self.entry(kernel, index);
                let theirs = shared.with_flags(shared.flags() - EntryFlags::ACCESSED_DIRTY);
                assert_eq!(entry.with_flags(flags), theirs, "shared entry {index:#x} of {directory:?}");
            }
        }
    }

    /// No cached translation may give more than the tables do: another frame, a right, or a mark that is not there.
    fn audit_cache(&self, free: &HashSet<Frame>) {
        assert!(!free.contains(&self.cr3), "the loaded directory is free");
        for (&index, cached) in &self.tables {
            let entry = self.entry(self.cr3, index);
            let first = Page::containing(index << 22);
            assert!(!free.contains(&cached.table), "a cached table is free\n{}", self.explain(first));
            assert!(entry.is_present() && entry.frame() == cached.table, "stale table\n{}", self.explain(first));
            assert!(entry.is_accessed(), "A was cleared without a flush\n{}", self.explain(first));
        }
        for (&number, cached) in &self.tlb {
            let page = Page::containing(number << 12);
            if page.directory_index() == directory_index(WINDOWS) {
                continue;
            }
            assert!(!free.contains(&cached.frame), "a cached translation maps a free frame\n{}", self.explain(page));
            let (upper, Some(leaf)) = self.entries_of(page) else {
                panic!("stale: the table is gone\n{}", self.explain(page));
            };
            let both = Entry::from_bits(upper.bits() & leaf.bits());
            assert!(leaf.is_present() && leaf.frame() == cached.frame, "stale\n{}", self.explain(page));
            assert!(both.is_writable() || !cached.write, "stale: W was dropped\n{}", self.explain(page));
            let user = both.flags().contains(EntryFlags::USER);
            assert!(user || !cached.user, "stale: U was dropped\n{}", self.explain(page));
            assert!(leaf.is_accessed(), "A was cleared without a flush\n{}", self.explain(page));
            assert!(leaf.is_dirty() || !cached.dirty, "D was cleared without a flush\n{}", self.explain(page));
        }
    }
}

fn assert_user_leaf(page: Page, leaf: Entry) {
    let never = EntryFlags::WRITE_THROUGH | EntryFlags::NO_CACHE | EntryFlags::LARGE;
    assert!(leaf.flags().contains(EntryFlags::USER_LEAF), "leaf of {page:?}: {leaf:?}");
    assert!(!leaf.flags().intersects(never), "leaf of {page:?}: {leaf:?}");
    assert!(!(leaf.is_sealed() && leaf.is_writable()), "sealed and writable: {page:?}: {leaf:?}");
}
