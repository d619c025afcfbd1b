//! All that the pager knows about its clients' pages: [`Swap`], and the changes that keep its parts
//! consistent.
//!
//! Three parts refer to each other. A page's record names an item of the store, and each record
//! that does so holds one reference to the item; a client's account says that the client exists.
//! The functions here are the only ones that drop a record: they release its item. The functions
//! that make records are in `eviction`, `page_in` and `fork`, which each take a reference first.

use libsys::abi::layout::{ENTRIES, PAGE_SIZE};
use libsys::{Page, ProcessId};

use crate::accounts::{Account, Accounts};
use crate::backend::Backend;
use crate::clock::Hand;
use crate::page::{Contents, PageRecord};
use crate::page_records::PageRecords;
use crate::pool::Full;
use crate::store::Store;

/// Records of pages, stored contents, and accounts of clients.
#[derive(Debug)]
pub struct Swap {
    pub(crate) records: PageRecords,
    pub(crate) store: Store,
    pub(crate) accounts: Accounts,
    pub(crate) hand: Hand,
    /// Frames: so many stay free, and one request's pages more when a fault is served.
    pub(crate) low_water: u32,
    /// Faults that may pass until the free frames are counted again.
    pub(crate) credit: u32,
}

impl Swap {
    /// For a machine of `frames` frames with a disk of `slots` slots. Compressed pages get at most
    /// a quarter of memory, and 64 MiB.
    #[must_use]
    pub fn new(frames: u32, slots: u32) -> Self {
        const MOST: u32 = 64 << 20;
        let arena = (frames / 4).min(MOST / PAGE_SIZE) as usize * PAGE_SIZE as usize;
        // A table has the records of 1,024 pages; a small client has four that are nearly empty.
        let tables = (frames + slots).div_ceil(ENTRIES) * 2 + 64;
        Self {
            records: PageRecords::new(tables as usize),
            store: Store::new(arena, slots),
            accounts: Accounts::new(),
            hand: Hand::default(),
            low_water: (frames / 64).max(48),
            credit: 0,
        }
    }

    /// Takes the memory that the next eviction will need, as far as there is any. When memory has
    /// run out, the pager is asked to free some, and it has no pager of its own that it could ask.
    pub fn reserve<B: Backend>(&mut self, backend: &mut B) {
        const TABLES: usize = 4;
        // What is missing now may be there the next time; until then, fewer pages can go.
        let _ = self.records.reserve(TABLES, backend);
        let _ = self.store.prepare(backend);
    }

    /// Opens an account for a new client.
    ///
    /// # Errors
    /// `Full`: there is no memory for its account. The client is served, but its pages never go.
    pub fn add_client<B: Backend>(
        &mut self,
        backend: &mut B,
        client: ProcessId,
    ) -> Result<(), Full> {
        self.vacate_slot(client);
        self.accounts.insert(Account::new(client), backend)
    }

    /// Bounds the pages that a client has in memory; 0 for no bound. Returns `false` if the process
    /// is not a client.
    pub fn set_limit(&mut self, client: ProcessId, pages: u32) -> bool {
        let account = self.accounts.get_mut(client);
        account.map(|account| account.limit = pages).is_some()
    }

    /// The account of a client.
    #[must_use]
    pub fn account(&self, client: ProcessId) -> Option<&Account> {
        self.accounts.get(client)
    }

    /// What is stored for all clients together.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// Removes the clients that have ended.
    pub fn remove_ended<B: Backend>(&mut self, backend: &B) {
        for slot in 0..self.accounts.slots() {
            let client = self.accounts.at(slot).map(|account| account.id);
            if let Some(client) = client.filter(|client| !backend.is_alive(*client)) {
                self.remove_client(client);
            }
        }
    }

    /// Removes the previous client of a new client's process slot: that process has ended.
    pub(crate) fn vacate_slot(&mut self, client: ProcessId) {
        if let Some(before) = self.accounts.at(client.index() as usize) {
            let before = before.id;
            self.remove_client(before);
        }
    }

    /// Drops all records of a client, and its account.
    pub(crate) fn remove_client(&mut self, client: ProcessId) {
        let mut from = Page::numbered(0);
        while let Some((page, _)) = self.records.next(client, from) {
            from = Page::numbered(page.number() + 1);
            self.forget(client, page);
        }
        self.records.tidy(client);
        self.accounts.remove(client);
    }

    /// Drops the record of a page.
    pub(crate) fn forget(&mut self, client: ProcessId, page: Page) {
        match self.records.set(client, page, PageRecord::Unknown) {
            PageRecord::Unknown => {}
            PageRecord::Copied { item, .. } => self.store.release(Contents::Stored(item)),
            PageRecord::PagedOut { contents, .. } => self.store.release(contents),
        }
    }

    /// Drops the record of a page's copy: the page is no longer the same as its copy.
    pub(crate) fn forget_copy(&mut self, client: ProcessId, page: Page) {
        if matches!(self.records.get(client, page), PageRecord::Copied { .. }) {
            self.forget(client, page);
        }
    }

    /// Drops all copies of a client's pages that are in memory.
    pub(crate) fn forget_copies(&mut self, client: ProcessId) {
        let mut from = Page::numbered(0);
        while let Some((page, _)) = self.records.next(client, from) {
            from = Page::numbered(page.number() + 1);
            self.forget_copy(client, page);
        }
    }

    /// Drops all copies of pages that are in memory, for the room they take. Returns whether there
    /// were any.
    pub(crate) fn drop_copies(&mut self) -> bool {
        let before = self.store.items();
        for slot in 0..self.accounts.slots() {
            let Some(client) = self.accounts.at(slot).map(|account| account.id) else { continue };
            self.forget_copies(client);
        }
        self.store.items() < before
    }
}
