//! The walks over present and over dirty pages, in order.

use core::ops::Range;

use abi::layout::{ENTRIES, PAGE_SIZE, USER_TOP};
use abi::{Entry, EntryFlags, Page};

use super::{DIRTY_GROUP, TableReader, Window};

impl<R: TableReader> Window<R> {
    /// The present pages from `first` up to, but not with, `end`. What views show is not among
    /// them.
    pub fn present(&self, first: Page, end: Page) -> Present<'_, R> {
        Present { window: self, next: first.number(), table_end: 0, end: end.number() }
    }

    /// The present pages below [`USER_TOP`]: all that the process has.
    pub fn present_user(&self) -> Present<'_, R> {
        self.present(Page::containing(0), Page::containing(USER_TOP))
    }

    /// The groups of pages from `first` up to, but not with, `end`, in which something may be
    /// present: the numbers of eight pages, of which the first is a multiple of eight. The first
    /// and the last group may be cut.
    pub fn groups(&self, first: Page, end: Page) -> Groups<'_, R> {
        Groups(self.present(first, end))
    }

    /// The dirty pages from `first` up to, but not with, `end`, 32 at a time: a page whose number
    /// is a multiple of 32, and bit `i` for the page `i` further on. Groups without a dirty page
    /// are left out.
    pub fn dirty(&self, first: Page, end: Page) -> Dirty<'_, R> {
        let next = first.number() / DIRTY_GROUP * DIRTY_GROUP;
        let present = Present { window: self, next, table_end: 0, end: end.number() };
        Dirty { present, asked: u32::MAX << (first.number() % DIRTY_GROUP) }
    }
}

/// A walk over present pages, in order.
#[derive(Debug)]
pub struct Present<'a, R> {
    pub(super) window: &'a Window<R>,
    pub(super) next: u32,
    /// The page after the table that was last entered. Tables of a process stay for as long as it
    /// lives.
    pub(super) table_end: u32,
    end: u32,
}

/// Entries that are looked at together where something may be.
pub(super) const GROUP: u32 = 8;
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

/// A walk over groups of pages in which something may be present, in order.
#[derive(Debug)]
pub struct Groups<'a, R>(Present<'a, R>);

impl<R: TableReader> Groups<'_, R> {
    /// How many pages from the beginning of `group` on, the last group of the walk, have entries
    /// like `model` in these bits: whole groups under one table. The walk goes on behind them.
    #[inline(always)]
    pub fn alike(&mut self, group: &Range<u32>, model: Entry, bits: EntryFlags) -> u32 {
        let (pages, mut end) = (&mut self.0, group.start);
        while end.is_multiple_of(GROUP) && end + GROUP <= pages.table_end {
            let address = pages.window.slot.entry_address(Page::numbered(end));
            let unlike = pages.window.reader.unlike::<GROUP>(address, model.bits());
            if unlike & bits.bits() != 0 {
                break;
            }
            end += GROUP;
        }
        pages.next = pages.next.max(end);
        end - group.start
    }
}

impl<R: TableReader> Iterator for Groups<'_, R> {
    /// The numbers of the pages.
    type Item = Range<u32>;

    #[inline(always)]
    fn next(&mut self) -> Option<Range<u32>> {
        let pages = &mut self.0;
        loop {
            if pages.next >= pages.table_end && !pages.enter_table() {
                return None;
            }
            pages.skip_absent_groups();
            if pages.next < pages.table_end {
                let first = pages.next;
                pages.next = pages.table_end.min((first / GROUP + 1) * GROUP);
                return Some(first..pages.next);
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
