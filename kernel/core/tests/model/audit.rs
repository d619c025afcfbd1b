//! What must hold whenever the kernel has returned to a program.

use abi::layout::{ENTRIES, FRAME_SLOTS, UENVS, USER_TOP, UVPT, directory_index};
use abi::{DirectoryEntry, Entry, EntryFlags, Frame, Page, Slot};

use super::Model;

/// Frames that may be given out, and what the kernel has counted for each.
pub struct Counts<'a> {
    /// By frame number: `None` is not RAM of the kernel's.
    pub counts: &'a [Option<u32>],
    /// Frames with one mapping that no directory shows.
    pub reserved: &'a [Frame],
    /// What lost views name.
    pub empty_view: Frame,
    /// Those of them that are in the DMA pool.
    pub pool: &'a [Frame],
}

impl Counts<'_> {
    fn is_free(&self, frame: Frame) -> bool {
        self.counts.get(frame.number() as usize) == Some(&Some(0))
    }
}

/// What a directory maps below UTOP.
#[derive(Clone, Debug, Default)]
pub struct Space {
    /// Whose directory it is.
    pub directory: Option<Frame>,
    /// Tables, by directory index.
    pub tables: Vec<(u32, Frame)>,
    /// The directories that views name, by directory index.
    pub views: Vec<(u32, Frame)>,
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
    /// Panics unless memory is as it must be between a trap and the next. `spaces` are all live
    /// ones, and `kernel` is the kernel's directory.
    pub fn audit(&self, kernel: Frame, spaces: &[Space], counts: &Counts<'_>) {
        self.audit_cache(counts);
        self.audit_shared_half(kernel, kernel);
        let mut mapped = vec![0; counts.counts.len()];
        for space in spaces {
            let directory = space.directory.expect("a space of `Model::space`");
            self.audit_shared_half(directory, kernel);
            self.audit_views(space, spaces, counts);
            let leaves = space.leaves.iter().map(|(_, leaf)| leaf.frame());
            let tables = space.tables.iter().map(|(_, table)| *table);
            for frame in leaves.chain(tables).chain([directory]) {
                assert!(!counts.is_free(frame), "{frame:?} is mapped by {directory:?}, and free");
                // Device memory beyond the last RAM has no count.
                if let Some(mapped) = mapped.get_mut(frame.number() as usize) {
                    *mapped += 1;
                }
            }
        }
        for (page, leaf) in spaces.iter().flat_map(|space| &space.leaves) {
            let flags = if counts.pool.contains(&leaf.frame()) {
                EntryFlags::DRIVERS_OWN
            } else if self.is_ram(leaf.frame()) {
                EntryFlags::empty()
            } else {
                EntryFlags::DEVICE
            };
            assert_eq!(leaf.flags() & EntryFlags::DEVICE, flags, "leaf of {page:?}: {leaf:?}");
        }
        for frame in counts.pool {
            assert!(mapped[frame.number() as usize] < 2, "{frame:?} of the DMA pool is shared");
        }
        for frame in counts.reserved {
            mapped[frame.number() as usize] += 1;
        }
        for (number, (counted, mapped)) in counts.counts.iter().zip(mapped).enumerate() {
            if let Some(counted) = *counted {
                assert_eq!(
                    counted, mapped,
                    "frame {number:#x}: what is counted, and the mappings that there are"
                );
            }
        }
    }

    /// Views name the directory of a space that views nothing itself, or what never changes.
    fn audit_views(&self, space: &Space, spaces: &[Space], counts: &Counts<'_>) {
        for (upper, viewed) in space.views.iter().filter(|view| view.1 != counts.empty_view) {
            let other = spaces.iter().find(|other| other.directory == Some(*viewed));
            let other = other.unwrap_or_else(|| panic!("{viewed:?} at {upper:#x} is no directory"));
            let views = other.views.iter().filter(|view| view.1 != counts.empty_view);
            assert_eq!(views.count(), 0, "a view of a view at {upper:#x}");
        }
    }

    /// What a directory maps below UTOP, each entry checked on the way.
    pub fn space(&self, directory: Frame) -> Space {
        let mut space = Space { directory: Some(directory), ..Space::default() };
        let upper_entries = &self.contents(directory)[..SHARED as usize];
        for (upper, &bits) in (0..).zip(upper_entries).filter(|(_, bits)| **bits != 0) {
            let entry = Entry::from_bits(bits);
            let flags = entry.flags() - EntryFlags::ACCESSED_DIRTY;
            let table = match DirectoryEntry::classify(entry, directory) {
                DirectoryEntry::Table(table) => table,
                DirectoryEntry::View(viewed) => {
                    assert_eq!(flags.bits(), 0x205, "view at directory entry {upper:#x}");
                    space.views.push((upper, viewed));
                    continue;
                }
                DirectoryEntry::Absent | DirectoryEntry::Shared(_) | DirectoryEntry::SelfMap => {
                    panic!("{entry:?} at directory entry {upper:#x} of {directory:?}")
                }
            };
            assert_eq!(flags, EntryFlags::FRESH, "directory entry {upper:#x}");
            space.tables.push((upper, table));
            for (lower, &bits) in (0..).zip(self.contents(table)).filter(|(_, bits)| **bits != 0) {
                let leaf = Entry::from_bits(bits);
                let page = Page::containing(upper << 22 | lower << 12);
                if leaf.is_present() {
                    assert_user_leaf(page, leaf);
                    space.leaves.push((page, leaf));
                } else {
                    assert_eq!(leaf.bits() & !BACKED, 0, "absent leaf of {page:?}: {leaf:?}");
                    space.backed.push((page, leaf));
                }
            }
        }
        space
    }

    /// The upper entries: three carry U, none of those W; two name the directory itself; the rest
    /// are the kernel's.
    fn audit_shared_half(&self, directory: Frame, kernel: Frame) {
        for index in SHARED..ENTRIES {
            let entry = self.entry(directory, index);
            let flags = entry.flags() - EntryFlags::ACCESSED_DIRTY;
            let readable = (directory_index(UENVS)..=directory_index(UVPT)).contains(&index);
            assert_eq!(
                flags.contains(EntryFlags::USER),
                readable,
                "U of {index:#x} of {directory:?}: {entry:?}"
            );
            assert!(
                !(readable && entry.is_writable()),
                "W of {index:#x} of {directory:?}: {entry:?}"
            );
            if index == Slot::ALTERNATE.index() {
                assert!(
                    !entry.is_present() || directory == self.cr3,
                    "{directory:?} has an alternate map left"
                );
                assert!(!entry.is_present() || flags == EntryFlags::PRESENT | EntryFlags::WRITE);
            } else if [Slot::WINDOW.index(), Slot::CURRENT.index()].contains(&index) {
                assert_eq!(entry.frame(), directory, "self map {index:#x} of {directory:?}");
                let right = if readable { EntryFlags::USER } else { EntryFlags::WRITE };
                assert_eq!(
                    flags,
                    EntryFlags::PRESENT | right,
                    "self map {index:#x} of {directory:?}"
                );
            } else {
                let shared = self.entry(kernel, index);
                let theirs = shared.with_flags(shared.flags() - EntryFlags::ACCESSED_DIRTY);
                assert_eq!(
                    entry.with_flags(flags),
                    theirs,
                    "shared entry {index:#x} of {directory:?}"
                );
            }
        }
    }

    /// The audit of the TLB alone, for runs that make it after each step.
    pub fn audit_tlb(&self) {
        self.audit_cache(&Counts {
            counts: &[],
            reserved: &[],
            empty_view: self.loaded(),
            pool: &[],
        });
    }

    /// No cached translation may give more than the tables do: another frame, a right, or a mark
    /// that is not there.
    fn audit_cache(&self, counts: &Counts<'_>) {
        assert!(!counts.is_free(self.cr3), "the loaded directory is free");
        for (&index, cached) in &self.tables {
            let entry = self.entry(self.cr3, index);
            let first = Page::containing(index << 22);
            assert!(
                !counts.is_free(cached.table),
                "a cached table is free\n{}",
                self.explain(first)
            );
            assert!(
                entry.is_present() && entry.frame() == cached.table,
                "stale table\n{}",
                self.explain(first)
            );
            assert!(entry.is_accessed(), "A was cleared without a flush\n{}", self.explain(first));
        }
        for (&number, cached) in &self.tlb {
            let page = Page::containing(number << 12);
            if page.directory_index() == directory_index(FRAME_SLOTS) {
                continue;
            }
            assert!(
                !counts.is_free(cached.frame),
                "a cached translation maps a free frame\n{}",
                self.explain(page)
            );
            let (upper, Some(leaf)) = self.entries_of(page) else {
                panic!("stale: the table is gone\n{}", self.explain(page));
            };
            let both = Entry::from_bits(upper.bits() & leaf.bits());
            assert!(
                leaf.is_present() && leaf.frame() == cached.frame,
                "stale\n{}",
                self.explain(page)
            );
            assert!(
                both.is_writable() || !cached.write,
                "stale: W was dropped\n{}",
                self.explain(page)
            );
            let user = both.flags().contains(EntryFlags::USER);
            assert!(user || !cached.user, "stale: U was dropped\n{}", self.explain(page));
            assert!(leaf.is_accessed(), "A was cleared without a flush\n{}", self.explain(page));
            assert!(
                leaf.is_dirty() || !cached.dirty,
                "D was cleared without a flush\n{}",
                self.explain(page)
            );
        }
    }
}

fn assert_user_leaf(page: Page, leaf: Entry) {
    assert!(leaf.flags().contains(EntryFlags::USER_LEAF), "leaf of {page:?}: {leaf:?}");
    assert!(!leaf.flags().contains(EntryFlags::LARGE), "leaf of {page:?}: {leaf:?}");
    assert!(!(leaf.is_sealed() && leaf.is_drivers_own()), "leaf of {page:?}: {leaf:?}");
    assert!(!(leaf.is_sealed() && leaf.is_writable()), "sealed and writable: {page:?}: {leaf:?}");
}
