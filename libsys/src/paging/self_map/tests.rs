//! Tests of the walks, on tables that are a model: a read of a page that is not there panics.

use super::*;
use abi::Frame;
use abi::layout::USER_TOP;
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
        let table = self.tables.get(&table).unwrap_or_else(|| panic!("page fault at {address:#x}"));
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
    assert_eq!(window.walk(Page::containing(0xF000_0000)), Step::Hidden(Entry::from_bits(0x7003)));
    assert_eq!(window.walk(Page::containing(0xC0_0000)), Step::Large(Entry::from_bits(0x40_0087)));
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
    assert_eq!(window.present_user().collect::<Vec<_>>(), [(page, Entry::from_bits(0x12_3067))]);
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
    let pages: Vec<u32> = model.window().present_user().map(|(page, _)| page.address()).collect();
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

proptest! {
    #[test]
    fn a_walk_over_runs_goes_on_behind_a_group(
        pages in proptest::collection::btree_map(0u32..0x1800, any::<bool>(), 0..400),
    ) {
        let mut model = Model::new(Slot::WINDOW);
        for (page, writable) in &pages {
            model.map(page << 12, if *writable { 0x10_0007 } else { 0x10_0005 });
        }
        let window = model.window();
        let end = Page::numbered(0x17F5);
        let runs = window.runs(Page::containing(0), end, 1024, |_, it| Some(it.is_writable()));
        let mut runs = runs.alike_in(EntryFlags::WRITE);
        let mut found = Vec::new();
        while let Some(run) = runs.next() {
            let first = run.first.number();
            let behind = ((first / 32 + 1) * 32).min(end.number());
            if run.pages < 3 {
                found.extend((first..behind).filter(|page| pages.contains_key(page)));
                runs.go_on_at(&run, Page::numbered(behind));
            } else {
                found.extend(first..first + run.pages);
            }
        }
        let expected = pages.into_keys().filter(|page| *page < end.number());
        prop_assert_eq!(found, expected.collect::<Vec<_>>());
    }
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
