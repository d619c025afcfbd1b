//! The records of all pages of all clients: a table of 1,024 records for each 4 MiB of a client in
//! which at least one page has a record.

use libsys::abi::layout::{ENTRIES, PROCESSES};
use libsys::{Page, ProcessId};

use crate::page::{PackedRecord, PageRecord};
use crate::pool::{Full, Memory, Pool};

/// A table of records. The tables of a client form a list, and so do the free tables, and those of a
/// bucket.
#[derive(Clone, Debug)]
struct Table {
    /// The client's process slot.
    slot: u32,
    /// The directory entry of the pages.
    directory_index: u32,
    next: Option<Number>,
    next_in_bucket: Option<Number>,
    /// Records that are not `Unknown`.
    used: u32,
    records: [PackedRecord; ENTRIES as usize],
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Number(u16);

/// All records, by the process slot of the client. The caller knows which process is in a slot.
#[derive(Debug)]
pub struct PageRecords {
    tables: Pool<Table>,
    free: Option<Number>,
    free_count: usize,
    first: [Option<Number>; PROCESSES as usize],
    buckets: [Option<Number>; BUCKETS],
}

/// Lists in which a table is found without a walk over those of its client: that took 50 of the 110
/// instructions of [`PageRecords::get`], and for a page without a table more.
const BUCKETS: usize = 1024;

const fn bucket(slot: u32, directory_index: u32) -> usize {
    (slot.wrapping_mul(61).wrapping_add(directory_index)) as usize % BUCKETS
}

impl PageRecords {
    /// Addresses for `tables` tables, at most 65,536.
    #[must_use]
    pub fn new(tables: usize) -> Self {
        Self {
            tables: Pool::new(tables.min(1 << 16)),
            free: None,
            free_count: 0,
            first: [None; PROCESSES as usize],
            buckets: [None; BUCKETS],
        }
    }

    /// The record of a page.
    pub fn get(&self, client: ProcessId, page: Page) -> PageRecord {
        match self.find(client, page.directory_index()) {
            Some(table) => self.table(table).records[page.table_index() as usize].into(),
            None => PageRecord::Unknown,
        }
    }

    /// Makes sure that the record of a page, and of all others under the same table, can be set.
    ///
    /// # Errors
    /// `Full`: there is no memory for a table, or the bound is reached.
    pub fn prepare(
        &mut self,
        client: ProcessId,
        page: Page,
        memory: &mut impl Memory,
    ) -> Result<(), Full> {
        if self.find(client, page.directory_index()).is_some() {
            return Ok(());
        }
        self.reserve(1, memory)?;
        let number = self.free.ok_or(Full)?;
        self.free = self.table(number).next;
        self.free_count -= 1;
        let (slot, directory_index) = (client.index(), page.directory_index());
        let next = self.first[slot as usize].replace(number);
        let next_in_bucket = self.buckets[bucket(slot, directory_index)].replace(number);
        let table = self.table_mut(number);
        (table.slot, table.directory_index) = (slot, directory_index);
        (table.next, table.next_in_bucket) = (next, next_in_bucket);
        Ok(())
    }

    /// Makes sure that `count` tables are free, for times when there is no memory for more.
    ///
    /// # Errors
    /// `Full`: there is no memory now, or the bound is reached.
    pub fn reserve(&mut self, count: usize, memory: &mut impl Memory) -> Result<(), Full> {
        while self.free_count < count {
            let number = Number(u16::try_from(self.tables.all().len()).map_err(|_| Full)?);
            let records = [PackedRecord::default(); ENTRIES as usize];
            let next = self.free;
            let table =
                Table { slot: 0, directory_index: 0, next, next_in_bucket: None, used: 0, records };
            self.tables.grow(1, &table, memory)?;
            self.free = Some(number);
            self.free_count += 1;
        }
        Ok(())
    }

    /// Sets the record of a page, and returns the old one.
    ///
    /// # Panics
    /// If [`PageRecords::prepare`] did not succeed for it.
    pub fn set(&mut self, client: ProcessId, page: Page, record: PageRecord) -> PageRecord {
        let found = self.find(client, page.directory_index());
        if found.is_none() && record == PageRecord::Unknown {
            return PageRecord::Unknown;
        }
        let table = self.table_mut(found.expect("the table was prepared"));
        let packed = &mut table.records[page.table_index() as usize];
        let old = core::mem::replace(packed, record.into());
        table.used += u32::from(*packed != PackedRecord::default());
        table.used -= u32::from(old != PackedRecord::default());
        old.into()
    }

    /// The first page from `from` on whose record is not `Unknown`.
    ///
    /// A walk over all records asks for the table of the last page again. With a search for the next
    /// table each time, the walk at the end of a client of 32,768 pages took 780 instructions a page.
    pub fn next(&self, client: ProcessId, from: Page) -> Option<(Page, PageRecord)> {
        let mut from = from.number();
        loop {
            let table = match self.find(client, from / ENTRIES) {
                Some(same) => self.table(same),
                None => self.table_from(client, from / ENTRIES)?,
            };
            let start = table.directory_index * ENTRIES;
            from = from.max(start);
            let rest = &table.records[(from - start) as usize..];
            if let Some(at) = rest.iter().position(|record| *record != PackedRecord::default()) {
                return Some((Page::numbered(from + at as u32), rest[at].into()));
            }
            from = start + ENTRIES;
        }
    }

    /// The client's table of the lowest directory entry from `index` on.
    fn table_from(&self, client: ProcessId, index: u32) -> Option<&Table> {
        let first = self.first[client.index() as usize];
        let tables = core::iter::successors(first, |number| self.table(*number).next);
        tables
            .map(|number| self.table(number))
            .filter(|table| table.directory_index >= index)
            .min_by_key(|table| table.directory_index)
    }

    /// Frees the tables of a client in which all records are `Unknown`.
    pub fn tidy(&mut self, client: ProcessId) {
        let mut keep = None;
        let mut next = self.first[client.index() as usize];
        while let Some(number) = next {
            next = self.table(number).next;
            let empty = self.table(number).used == 0;
            if empty {
                self.leave_bucket(number);
                self.free_count += 1;
            }
            let before = if empty { &mut self.free } else { &mut keep }.replace(number);
            self.table_mut(number).next = before;
        }
        self.first[client.index() as usize] = keep;
    }

    /// The client's table for a directory index.
    fn find(&self, client: ProcessId, directory_index: u32) -> Option<Number> {
        let slot = client.index();
        let mut next = self.buckets[bucket(slot, directory_index)];
        while let Some(number) = next {
            let table = self.table(number);
            if table.slot == slot && table.directory_index == directory_index {
                break;
            }
            next = table.next_in_bucket;
        }
        next
    }

    /// Takes a table out of its bucket.
    fn leave_bucket(&mut self, number: Number) {
        let Table { slot, directory_index, next_in_bucket: behind, .. } = *self.table(number);
        let bucket = bucket(slot, directory_index);
        let mut at = self.buckets[bucket];
        if at == Some(number) {
            self.buckets[bucket] = behind;
        }
        while let Some(before) = at {
            at = self.table(before).next_in_bucket;
            if at == Some(number) {
                self.table_mut(before).next_in_bucket = behind;
            }
        }
    }

    fn table(&self, Number(number): Number) -> &Table {
        &self.tables.all()[number as usize]
    }

    fn table_mut(&mut self, Number(number): Number) -> &mut Table {
        &mut self.tables.all_mut()[number as usize]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::page::{Contents, Rights};
    use crate::pool::Plenty;
    use libsys::Permissions;

    const ZEROS: PageRecord = PageRecord::PagedOut {
        contents: Contents::Zeros,
        rights: Rights { permissions: Permissions::WRITE, sealed: false },
    };

    fn pages(records: &PageRecords, client: ProcessId) -> Vec<u32> {
        let mut from = Page::numbered(0);
        core::iter::from_fn(|| {
            let (page, _) = records.next(client, from)?;
            from = Page::numbered(page.number() + 1);
            Some(page.number())
        })
        .collect()
    }

    #[test]
    fn pages_are_found_in_order_whichever_came_first() {
        let (mut records, client) = (PageRecords::new(4), ProcessId::first(3));
        for number in [5000, 17, 2048, 18, 1023] {
            let page = Page::numbered(number);
            records.prepare(client, page, &mut Plenty).unwrap();
            assert_eq!(records.set(client, page, ZEROS), PageRecord::Unknown);
        }
        assert_eq!(pages(&records, client), [17, 18, 1023, 2048, 5000]);
        assert_eq!(pages(&records, ProcessId::first(4)), []);
        assert_eq!(records.get(client, Page::numbered(18)), ZEROS);
        assert_eq!(records.get(client, Page::numbered(19)), PageRecord::Unknown);
    }

    #[test]
    fn the_tables_of_16_clients_of_240_mib_have_a_bucket_each() {
        let tables = (0..16).flat_map(|slot| (0x40..0x7C).map(move |index| bucket(slot, index)));
        let buckets: BTreeSet<usize> = tables.collect();
        assert_eq!(buckets.len(), 16 * 60);
    }

    #[test]
    fn tables_of_one_bucket_are_told_apart_and_any_of_them_may_go() {
        // The bucket of directory entry 61 of one client is that of entry 0 of the next one.
        let places = [(1, 122), (2, 61), (3, 0)].map(|(client, index)| {
            assert_eq!(bucket(client, index), bucket(3, 0));
            (ProcessId::first(client), Page::numbered(index * ENTRIES))
        });
        for gone in 0..3 {
            let mut records = PageRecords::new(3);
            for (client, page) in places {
                records.prepare(client, page, &mut Plenty).unwrap();
                records.set(client, page, ZEROS);
            }
            let (client, page) = places[gone];
            records.set(client, page, PageRecord::Unknown);
            records.tidy(client);
            for (at, (client, page)) in places.into_iter().enumerate() {
                let expected = if at == gone { PageRecord::Unknown } else { ZEROS };
                assert_eq!(records.get(client, page), expected, "{at}, without {gone}");
            }
        }
    }

    #[test]
    fn tables_in_which_nothing_is_noted_serve_others() {
        let mut records = PageRecords::new(2);
        let (one, other) = (ProcessId::first(1), ProcessId::first(2));
        for page in [0, 1024].map(Page::numbered) {
            records.prepare(one, page, &mut Plenty).unwrap();
            records.set(one, page, ZEROS);
        }
        let page = Page::numbered(7);
        assert_eq!(records.prepare(other, page, &mut Plenty), Err(Full));
        records.set(one, Page::numbered(0), PageRecord::Unknown);
        records.tidy(one);
        records.prepare(other, page, &mut Plenty).unwrap();
        assert_eq!(records.get(other, page), PageRecord::Unknown, "a used table comes blank");
        records.set(other, page, ZEROS);
        assert_eq!((pages(&records, one), pages(&records, other)), (vec![1024], vec![7]));
    }
}
