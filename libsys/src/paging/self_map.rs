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
//! - [`Present`], [`Dirty`] and [`Runs`] walk over pages. A space has 786,432 pages, of which few
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

use abi::layout::{ENTRIES, PAGE_SIZE, USER_TOP};
use abi::{Entry, EntryFlags, Page, Slot, ViewSlot};

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

    /// The present pages from `first` up to, but not with, `end`. What views show is not among
    /// them.
    pub fn present(&self, first: Page, end: Page) -> Present<'_, R> {
        Present { window: self, next: first.number(), table_end: 0, end: end.number() }
    }

    /// The present pages below [`USER_TOP`]: all that the process has.
    pub fn present_user(&self) -> Present<'_, R> {
        self.present(Page::containing(0), Page::containing(USER_TOP))
    }

    /// The dirty pages from `first` up to, but not with, `end`, 32 at a time: a page whose number
    /// is a multiple of 32, and bit `i` for the page `i` further on. Groups without a dirty page
    /// are left out.
    pub fn dirty(&self, first: Page, end: Page) -> Dirty<'_, R> {
        let next = first.number() / DIRTY_GROUP * DIRTY_GROUP;
        let present = Present { window: self, next, table_end: 0, end: end.number() };
        Dirty { present, asked: u32::MAX << (first.number() % DIRTY_GROUP) }
    }

    /// Neighbouring present pages of equal policy, from `first` up to, but not with, `end`. Pages
    /// for which `policy` says `None` are in no run. No run is longer than `limit` pages.
    pub fn runs<P, F>(&self, first: Page, end: Page, limit: u32, policy: F) -> Runs<'_, R, P, F>
    where
        P: Copy + PartialEq,
        F: FnMut(Page, Entry) -> Option<P>,
    {
        Runs { pages: self.present(first, end), policy, limit, alike: None, open: None }
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
    fn leaf(&self, page: Page) -> Entry {
        Entry::from_bits(self.reader.word(self.slot.entry_address(page)))
    }
}

/// A walk over present pages, in order.
#[derive(Debug)]
pub struct Present<'a, R> {
    window: &'a Window<R>,
    next: u32,
    /// The page after the table that was last entered. Tables of a process stay for as long as it
    /// lives.
    table_end: u32,
    end: u32,
}

/// Entries that are looked at together where something may be.
const GROUP: u32 = 8;
/// Entries that are looked at together where nothing is.
const LARGE_GROUP: u32 = 32;
const _: () = assert!(
    ENTRIES.is_multiple_of(LARGE_GROUP)
        && LARGE_GROUP.is_multiple_of(GROUP)
        && ENTRIES.is_multiple_of(DIRTY_GROUP),
    "no group of entries reaches into the next table"
);

impl<R: TableReader> Present<'_, R> {
    /// Moves on to the next table that can be read; `false` if there is none.
    fn enter_table(&mut self) -> bool {
        while self.next < self.end {
            let index = self.next / ENTRIES;
            self.table_end = self.end.min((index + 1) * ENTRIES);
            if index.is_multiple_of(LARGE_GROUP) {
                let address = self.window.directory_entry_address(index);
                if !self.window.reader.any_present::<LARGE_GROUP>(address) {
                    self.next = (index + LARGE_GROUP) * ENTRIES;
                    continue;
                }
            }
            if self.window.table_below(self.window.directory_entry(index)).is_ok() {
                return true;
            }
            self.next = (index + 1) * ENTRIES;
        }
        false
    }

    /// Moves on to a group in which there is something, or out of the table.
    #[inline(always)]
    fn skip_absent_groups(&mut self) {
        while self.skip_absent::<LARGE_GROUP>() {}
        while self.skip_absent::<GROUP>() {
            while self.skip_absent::<LARGE_GROUP>() {}
        }
    }

    /// Steps over the next group, if the walk stands before one and nothing is in it.
    #[inline(always)]
    fn skip_absent<const PAGES: u32>(&mut self) -> bool {
        let before_a_group = self.next.is_multiple_of(PAGES) && self.next + PAGES <= self.table_end;
        if !before_a_group {
            return false;
        }
        let address = self.window.slot.entry_address(Page::numbered(self.next));
        let absent = !self.window.reader.any_present::<PAGES>(address);
        if absent {
            self.next += PAGES;
        }
        absent
    }
}

impl<R: TableReader> Iterator for Present<'_, R> {
    type Item = (Page, Entry);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.next >= self.table_end && !self.enter_table() {
                return None;
            }
            self.skip_absent_groups();
            while self.next < self.table_end {
                let page = Page::containing(self.next * PAGE_SIZE);
                self.next += 1;
                let entry = self.window.leaf(page);
                if entry.is_present() {
                    return Some((page, entry));
                }
                if self.next.is_multiple_of(GROUP) {
                    self.skip_absent_groups();
                }
            }
        }
    }
}

/// A walk over dirty pages, in order.
#[derive(Debug)]
pub struct Dirty<'a, R> {
    present: Present<'a, R>,
    /// The pages of the next group that were asked for: not all of the first one.
    asked: u32,
}

impl<R: TableReader> Dirty<'_, R> {
    /// The dirty ones of the group that is next, and that were asked for.
    #[inline(always)]
    fn group(&mut self) -> (Page, u32) {
        let page = Page::numbered(self.present.next);
        self.present.next += DIRTY_GROUP;
        let window = self.present.window;
        let dirty = window.reader.dirty_of_32(window.slot.entry_address(page)) & self.asked;
        self.asked = u32::MAX;
        (page, dirty)
    }
}

impl<R: TableReader> Iterator for Dirty<'_, R> {
    type Item = (Page, u32);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            while self.present.next + DIRTY_GROUP <= self.present.table_end {
                let (page, dirty) = self.group();
                if dirty != 0 {
                    return Some((page, dirty));
                }
            }
            let rest = self.present.table_end.saturating_sub(self.present.next);
            if rest > 0 {
                // A table is whole groups, so this is where the walk ends.
                self.asked &= !(u32::MAX << rest);
                let (page, dirty) = self.group();
                if dirty != 0 {
                    return Some((page, dirty));
                }
            }
            let before = self.present.next;
            if !self.present.enter_table() {
                return None;
            }
            if self.present.next != before {
                self.asked = u32::MAX;
            }
        }
    }
}

/// Neighbouring pages of equal policy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run<P> {
    /// The first page.
    pub first: Page,
    /// Pages: at least 1.
    pub pages: u32,
    /// The policy of each of them.
    pub policy: P,
}

/// A walk over [`Run`]s, in order.
#[derive(Debug)]
pub struct Runs<'a, R, P, F> {
    pages: Present<'a, R>,
    policy: F,
    limit: u32,
    alike: Option<EntryFlags>,
    open: Option<Run<P>>,
}

impl<R: TableReader, P, F> Runs<'_, R, P, F> {
    /// The same, where entries that agree in these bits have the same policy, wherever they are: it
    /// is then asked once for a run.
    #[must_use]
    pub fn alike_in(self, bits: EntryFlags) -> Self {
        Self { alike: Some(bits | EntryFlags::PRESENT), ..self }
    }

    /// Extends a run that ends before the next page by the pages under the same table that are like
    /// its last one.
    #[inline(always)]
    fn extend(&mut self, run: &mut Run<P>, last: Entry) {
        let Some(alike) = self.alike else { return };
        let room = self.pages.next + (self.limit - run.pages);
        let (start, end) = (self.pages.next, self.pages.table_end.min(room));
        let window = self.pages.window;
        let mut next = start;
        while next < end {
            if next.is_multiple_of(GROUP) && next + GROUP <= end {
                let address = window.slot.entry_address(Page::numbered(next));
                if window.reader.unlike::<GROUP>(address, last.bits()) & alike.bits() == 0 {
                    next += GROUP;
                    continue;
                }
            }
            let entry = window.leaf(Page::numbered(next));
            if (entry.bits() ^ last.bits()) & alike.bits() != 0 {
                break;
            }
            next += 1;
        }
        run.pages += next - start;
        self.pages.next = next;
    }
}

impl<R, P, F> Iterator for Runs<'_, R, P, F>
where
    R: TableReader,
    P: Copy + PartialEq,
    F: FnMut(Page, Entry) -> Option<P>,
{
    type Item = Run<P>;

    fn next(&mut self) -> Option<Run<P>> {
        while let Some((page, entry)) = self.pages.next() {
            let Some(policy) = (self.policy)(page, entry) else { continue };
            let (mut run, closed) = match self.open.take() {
                Some(run) if extends(&run, page, policy) && run.pages < self.limit => {
                    (Run { pages: run.pages + 1, ..run }, None)
                }
                closed => (Run { first: page, pages: 1, policy }, closed),
            };
            self.extend(&mut run, entry);
            self.open = Some(run);
            if closed.is_some() {
                return closed;
            }
        }
        self.open.take()
    }
}

fn extends<P: PartialEq>(run: &Run<P>, page: Page, policy: P) -> bool {
    run.first.number() + run.pages == page.number() && run.policy == policy
}

#[cfg(test)]
mod tests {
    use super::*;
    use abi::Frame;
    use proptest::prelude::*;
    use std::cell::Cell;
    use std::collections::BTreeMap;

    /// Tables by directory index, the directory among them at the slot; reading any other page is a
    /// page fault.
    struct Model {
        slot: Slot,
        tables: BTreeMap<u32, Vec<u32>>,
        loads: Cell<usize>,
    }

    impl TableReader for &Model {
        fn word(&self, address: u32) -> u32 {
            assert!(
                address.is_multiple_of(4) && address >> 22 == self.slot.index(),
                "{address:#x} is outside"
            );
            self.loads.set(self.loads.get() + 1);
            let (table, index) = (address >> 12 & 0x3FF, address >> 2 & 0x3FF);
            let table =
                self.tables.get(&table).unwrap_or_else(|| panic!("page fault at {address:#x}"));
            table[index as usize]
        }
    }

    const USER: u32 = 0x007;

    impl Model {
        fn new(slot: Slot) -> Self {
            let mut directory = vec![0; 1024];
            directory[slot.index() as usize] = 0x9_9005;
            Self { slot, tables: BTreeMap::from([(slot.index(), directory)]), loads: Cell::new(0) }
        }

        fn directory(&mut self, index: u32, entry: u32) {
            self.tables.get_mut(&self.slot.index()).unwrap()[index as usize] = entry;
        }

        fn map(&mut self, address: u32, entry: u32) {
            let page = Page::containing(address);
            self.tables.entry(page.directory_index()).or_insert_with(|| vec![0; 1024])
                [page.table_index() as usize] = entry;
            self.directory(page.directory_index(), 0x5_5000 | USER);
        }

        fn window(&self) -> Window<&Self> {
            Window::new(self.slot, self)
        }
    }

    const SLOTS: [Slot; 3] = [Slot::new(0x3FF), Slot::new(0x300), Slot::new(0x3BD)];

    #[test]
    fn the_entry_of_a_mapped_page_is_found_on_every_slot() {
        for slot in SLOTS {
            let mut model = Model::new(slot);
            model.map(0x80_0000, 0x12_3067);
            let window = model.window();
            let entry = window.entry_of(Page::containing(0x80_0123)).unwrap();
            assert_eq!(entry.frame(), Frame::containing(0x12_3000));
            assert_eq!(window.entry_of(Page::containing(0x80_1000)), None);
        }
    }

    #[test]
    fn a_table_that_is_not_there_is_never_read() {
        let model = Model::new(Slot::WINDOW);
        let window = model.window();
        assert_eq!(window.entry_of(Page::containing(0x80_0000)), None);
        assert_eq!(window.walk(Page::containing(0x80_0000)), Step::NoTable(Entry::ABSENT));
        assert_eq!(window.present_user().count(), 0);
    }

    #[test]
    fn kernel_tables_and_large_pages_are_never_read() {
        let mut model = Model::new(Slot::WINDOW);
        model.directory(0x3C0, 0x7003);
        model.directory(3, 0x40_0087);
        let window = model.window();
        assert_eq!(
            window.walk(Page::containing(0xF000_0000)),
            Step::Hidden(Entry::from_bits(0x7003))
        );
        assert_eq!(
            window.walk(Page::containing(0xC0_0000)),
            Step::Large(Entry::from_bits(0x40_0087))
        );
        assert_eq!(
            window.present(Page::containing(0xC0_0000), Page::containing(0x100_0000)).count(),
            0
        );
    }

    #[test]
    fn the_directory_shows_itself_as_a_page_of_the_window() {
        let model = Model::new(Slot::WINDOW);
        let entry = model.window().entry_of(Page::containing(0xEF7B_D000)).unwrap();
        assert_eq!(entry.bits(), 0x9_9005);
    }

    #[test]
    fn the_same_tables_are_found_through_a_view() {
        let view = ViewSlot::new(0x0E0).unwrap();
        let mut directory = vec![0; 1024];
        (directory[2], directory[0x3BD]) = (0x5_5000 | USER, 0x9_9005);
        let mut table = vec![0; 1024];
        table[0x123] = 0x12_3067;
        let tables = BTreeMap::from([(2, table), (0x3BD, directory)]);
        let model = Model { slot: view.slot(), tables, loads: Cell::new(0) };
        let window = Window::of_view(view, &model);
        assert_eq!(window.directory_entry(0x3BD).bits(), 0x9_9005);
        let page = Page::containing(0x92_3000);
        assert_eq!(window.entry_of(page), Some(Entry::from_bits(0x12_3067)));
        assert_eq!(
            window.present_user().collect::<Vec<_>>(),
            [(page, Entry::from_bits(0x12_3067))]
        );
        let dirty = window.dirty(Page::containing(0), Page::containing(USER_TOP));
        assert_eq!(dirty.collect::<Vec<_>>(), [(Page::containing(0x92_0000), 1 << 3)]);
    }

    #[test]
    fn pages_of_a_view_are_none_of_the_viewers() {
        let mut model = Model::new(Slot::WINDOW);
        model.map(0x3800_0000, 0x12_3007);
        model.directory(0x0E0, 0x5_5225);
        model.map(0x3840_0000, 0x12_4007);
        let window = model.window();
        let (view, step) = (Page::containing(0x3800_0000), Step::View(Entry::from_bits(0x5_5225)));
        assert_eq!((window.walk(view), window.entry_of(view)), (step, None));
        let pages: Vec<_> = window.present_user().map(|(page, _)| page.address()).collect();
        assert_eq!(pages, [0x3840_0000]);
    }

    #[test]
    fn a_paged_out_page_is_a_leaf_but_not_present() {
        let mut model = Model::new(Slot::WINDOW);
        model.map(0x1000, 0x200);
        let page = Page::containing(0x1000);
        assert_eq!(model.window().walk(page), Step::Leaf(Entry::from_bits(0x200)));
        assert_eq!(model.window().entry_of(page), None);
    }

    #[test]
    fn walking_costs_one_load_for_each_absent_table() {
        let mut model = Model::new(Slot::WINDOW);
        model.map(0x80_0000, 0x12_3007);
        let pages: Vec<u32> =
            model.window().present_user().map(|(page, _)| page.address()).collect();
        assert_eq!(pages, [0x80_0000]);
        // Where there is something, a large group is read again: group by group, and a group entry
        // by entry.
        assert!(model.loads.get() <= 0x3C0 + 1024 + 3 * 32 + 8, "{} loads", model.loads.get());
    }

    #[test]
    fn dirty_pages_are_found_32_at_a_time_and_none_beside_those_asked_for() {
        let mut model = Model::new(Slot::WINDOW);
        let number = |address: u32| Page::containing(address).number();
        for address in [0x80_0000, 0x80_5000, 0x82_0000, 0xBF_F000, 0x123_4000] {
            model.map(address, 0x10_0047);
            model.map(address + 0x1000, 0x10_0027);
        }
        let window = model.window();
        let found = |first, end| {
            let groups = window.dirty(Page::containing(first), Page::containing(end));
            let pages = groups.flat_map(|(page, bits)| {
                (0..32).filter(move |bit| bits >> bit & 1 != 0).map(move |bit| page.number() + bit)
            });
            pages.collect::<Vec<_>>()
        };
        let all = [0x80_0000, 0x80_5000, 0x82_0000, 0xBF_F000, 0x123_4000].map(number);
        assert_eq!(found(0, USER_TOP), all);
        assert_eq!(found(0x80_1000, 0xBF_F000), all[1..3]);
        assert_eq!(found(0x40_1000, USER_TOP), all, "the first page has no table");
        assert_eq!(found(0x80_5000, 0x80_6000), all[1..2]);
        assert_eq!(found(0x80_6000, 0x80_7000), []);
    }

    #[test]
    fn runs_of_entries_that_are_alike_are_the_same_runs() {
        let mut model = Model::new(Slot::WINDOW);
        for index in 0..40 {
            let bits = if index % 7 < 3 { 0x10_0005 } else { 0x10_0067 } + index * 0x1000;
            model.map(0xBF_0000 + index * 0x1000, bits);
        }
        model.map(0x123_4000, 0x10_0005);
        let window = model.window();
        let end = Page::containing(USER_TOP);
        for limit in [1, 2, 3, 1024] {
            let runs = || {
                let policy = |_: Page, entry: Entry| Some(entry.is_writable());
                window.runs(Page::containing(0), end, limit, policy)
            };
            let quick: Vec<_> = runs().alike_in(EntryFlags::WRITE).collect();
            assert_eq!(quick, runs().collect::<Vec<_>>(), "limit {limit}");
        }
    }

    #[test]
    fn runs_end_at_gaps_at_other_policies_and_at_the_limit() {
        let mut model = Model::new(Slot::WINDOW);
        for index in 0..5 {
            model.map(0x80_0000 + index * 0x1000, 0x10_0007);
        }
        model.map(0x80_5000, 0x10_0005);
        model.map(0x80_7000, 0x10_0005);
        model.map(0xBF_F000, 0x10_0005);
        model.map(0xC0_0000, 0x10_0005);
        let window = model.window();
        let end = Page::containing(USER_TOP);
        let runs = window.runs(Page::containing(0), end, 3, |_, entry| Some(entry.is_writable()));
        let runs: Vec<_> = runs.map(|run| (run.first.address(), run.pages, run.policy)).collect();
        let expected = [
            (0x80_0000, 3, true),
            (0x80_3000, 2, true),
            (0x80_5000, 1, false),
            (0x80_7000, 1, false),
            (0xBF_F000, 2, false),
        ];
        assert_eq!(runs, expected);
    }

    #[test]
    fn pages_without_a_policy_are_in_no_run() {
        let mut model = Model::new(Slot::WINDOW);
        for index in 0..3 {
            model.map(0x1000 * index, 0x10_0007);
        }
        let window = model.window();
        let runs = window.runs(Page::containing(0), Page::containing(0x3000), 1024, |page, _| {
            (page.number() != 1).then_some(())
        });
        assert_eq!(runs.map(|run| run.first.number()).collect::<Vec<_>>(), [0, 2]);
    }

    proptest! {
        #[test]
        fn runs_cover_each_present_page_once(
            slot in 0usize..3, pages in proptest::collection::btree_map(0u32..0x1800, 0u32..16, 0..80), limit in 1u32..9,
        ) {
            let mut model = Model::new(SLOTS[slot]);
            for (number, bits) in &pages {
                model.map(number << 12, 0x10_0000 | bits);
            }
            let window = model.window();
            let runs = window.runs(Page::containing(0), Page::containing(0x200_0000), limit, |_, entry| Some(entry.is_writable()));
            let mut covered = Vec::new();
            for run in runs {
                prop_assert!(run.pages <= limit);
                covered.extend((0..run.pages).map(|index| (run.first.number() + index, run.policy)));
            }
            let present = pages.iter().filter(|(_, bits)| *bits & 1 != 0);
            prop_assert_eq!(covered, present.map(|(number, bits)| (*number, bits & 2 != 0)).collect::<Vec<_>>());
        }
    }
}
