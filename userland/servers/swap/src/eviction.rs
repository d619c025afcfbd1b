//! How pages go: one eviction takes a few neighbouring pages from a client, stores their contents,
//! records where they are, and gives up their frames.
//!
//! # The order of events
//!
//! 1. The clock ([`crate::clock`]) proposes a group of neighbouring pages that were not accessed
//!    lately.
//! 2. Everything that later steps could lack is prepared: room in the store, records for all pages.
//! 3. Each page is *taken* (`taken.rs`): one call moves it into the pager and leaves the
//!    pager's mark in the client's absent leaf. From then on the client cannot change the page. If
//!    it touches the page, it faults and waits until the pager has finished.
//! 4. Each taken page gets a *disposition*: it goes as it is, because its contents are stored or
//!    in the program's file already; it must be stored; or it is given back.
//! 5. Contents are stored, records are made, frames are given up. A page that cannot be stored is
//!    given back.
//!
//! Taking comes before reading because a client runs between any two calls: a page that was read
//! first and taken later could be written in between, and that write would be lost.
//!
//! # Frames with several mappings
//!
//! After a fork, several clients map a frame without W. Such a frame goes as a whole or not at all:
//! it is taken from all of them and stored once. A frame that can be written through one of several
//! mappings stays, because its contents could change after they were read. A frame that another
//! process maps stays too, because taking it would free nothing.
//!
//! # When a page need not be stored
//!
//! A page that goes without being stored must have its bytes in another place. There are two ways
//! to know that, and neither believes a client.
//!
//! - *Text* is compared with the program's file, byte by byte, after the page was taken. Its entry
//!   proves nothing: a relative may have put another page there, without W, and a fork gives a
//!   child whatever its parent has written.
//! - *A copy in the store* is good if all of these hold for the leaf at the moment of taking:
//!   1. The page's record is [`PageRecord::Copied`] with this frame.
//!   2. The leaf has the mark `PAGER` and no D. The kernel guarantees that then nobody has written
//!      the frame since a pager of the client set the mark, through whatever mapping: only the
//!      client's pager can set the mark, and the kernel drops it when the page moves or is
//!      replaced, when a call clears its D, and when its frame is mapped where it can be written
//!      (`kernel/core/src/memory/clean.rs`).
//!   3. This pager has been the client's only pager since the record was made: its view of the
//!      client was never lost ([`Backend::view_was_lost`]). If it was, all records of copies of
//!      that client are dropped.
//!
//!   The record is made in the same step in which the page is given with the mark. By 2 and 3 the
//!   mark is the one of that step or of a later one, which made a later record. So the bytes are
//!   those of the item in the record.
//!
//! So a page is dirty if it was written through any of its mappings, and a page without the mark
//! counts as dirty. Pages of a client that cannot be viewed come back without the mark, so they are
//! stored anew each time.
//!
//! # Not done
//!
//! Nothing is written ahead of need: a page is stored when it goes.

use libsys::{Entry, EntryFlags, Page, Permissions, ProcessId, UserPage};

use crate::CLUSTER;
use crate::backend::{Backend, GiveError, PageClass};
use crate::clock::{self, Group, Search};
use crate::page::{Contents, PageRecord, Rights};
use crate::state::Swap;
use crate::store::StoreError;
use crate::taken::{Disposition, TakenPage, TakenPages};

/// How many groups may fail to be stored before an eviction gives up.
const MOST_FAILURES: u32 = 8;

impl Swap {
    /// Has some pages go, of all clients or `only` of one; the pages that `spared` was given last
    /// stay. Returns how many pages went: 0 if none can.
    ///
    /// # Errors
    /// A [`StoreError`]: no page went, and at least one could have gone but could not be stored.
    pub fn evict<B: Backend>(
        &mut self,
        backend: &mut B,
        only: Option<ProcessId>,
        spared: ProcessId,
    ) -> Result<u32, StoreError> {
        let mut search = Search::new(only, spared);
        let mut result = Ok(0);
        let mut failures = 0;
        loop {
            let Self { hand, accounts, .. } = self;
            let Some(group) = clock::next(backend, hand, accounts, &mut search) else {
                return result;
            };
            for index in Group::indices(group.dirty) {
                self.forget_copy(group.client, group.page(index));
            }
            if group.chosen == 0 {
                continue;
            }
            match self.evict_group(backend, &group, spared) {
                // The pages are mapped by others, or in use by them.
                Ok(0) => {}
                Ok(count) => return Ok(count),
                // Pages of another group may need no room: text, or zeros.
                Err(error) => {
                    result = Err(error);
                    failures += 1;
                    if failures == MOST_FAILURES {
                        return result;
                    }
                }
            }
        }
    }

    fn evict_group<B: Backend>(
        &mut self,
        backend: &mut B,
        group: &Group,
        spared: ProcessId,
    ) -> Result<u32, StoreError> {
        let prepared = self
            .store
            .prepare(backend)
            .and_then(|()| self.records.prepare(group.client, group.first, backend));
        if prepared.is_err() {
            return Err(StoreError::Full);
        }
        let mut pages = TakenPages::new();
        for index in Group::indices(group.chosen) {
            let (page, leaf) = (group.page(index), group.leaves[index]);
            self.take(backend, &mut pages, (group.client, page, leaf), spared);
        }
        self.decide(backend, &mut pages);
        let error = self.save(backend, &mut pages);
        let count = self.finish(backend, &pages);
        if count == 0 {
            // Gives back the tables of records that were prepared for nothing.
            self.records.tidy(group.client);
        }
        self.reserve(backend);
        match (count, error) {
            (0, Some(error)) => Err(error),
            (count, _) => Ok(count),
        }
    }

    /// Takes a page from every client that maps its frame. Takes nothing if a mapping is not found,
    /// may be written by one of several, or cannot be recorded.
    fn take<B: Backend>(
        &mut self,
        backend: &mut B,
        pages: &mut TakenPages,
        (client, page, leaf): (ProcessId, Page, Entry),
        spared: ProcessId,
    ) {
        let references = backend.references(leaf.frame()) as usize;
        let mut sharers = [client; CLUSTER];
        let room = CLUSTER - pages.count();
        if references.max(1) > room {
            return;
        }
        // A mapping with W is none of the sharers.
        if references > 1 && self.find_sharers(backend, page, leaf, &mut sharers) != references {
            return;
        }
        let Some(page) = UserPage::containing(page.address()) else { return };
        let sharers = &sharers[..references.max(1)];
        for sharer in sharers {
            let prepared = self.records.prepare(*sharer, page.page(), backend).is_ok();
            if !prepared || !self.prepare_unstarted_children(backend, *sharer, page, spared) {
                return;
            }
        }
        for sharer in sharers {
            if let Some(account) = self.accounts.get_mut(*sharer) {
                account.has_lost_pages = true;
            }
            if let Some(leaf) = backend.take_page(*sharer, page, pages.count()) {
                let disposition = Disposition::Undecided;
                pages.add(TakenPage { client: *sharer, page, leaf, disposition });
            }
        }
    }

    /// Finds the clients that map this frame at this page, without W, without `SHARED`, and not
    /// accessed lately. Returns how many.
    fn find_sharers<B: Backend>(
        &self,
        backend: &mut B,
        page: Page,
        leaf: Entry,
        sharers: &mut [ProcessId; CLUSTER],
    ) -> usize {
        const BUSY: EntryFlags =
            EntryFlags::WRITE.union(EntryFlags::ACCESSED).union(EntryFlags::SHARED);
        let mut count = 0;
        for client in self.accounts.ids() {
            let other = backend.snapshot(client, page);
            let same = other.is_present() && other.frame() == leaf.frame();
            if same
                && !other.flags().intersects(BUSY)
                && let Some(sharer) = sharers.get_mut(count)
            {
                *sharer = client;
                count += 1;
            }
        }
        count
    }

    /// Decides which of the taken pages go as they are, are given back, or have to be stored.
    fn decide<B: Backend>(&mut self, backend: &mut B, pages: &mut TakenPages) {
        let mut any_shared = false;
        for index in 0..pages.count() {
            let Some(taken) = pages.get(index) else { continue };
            let references = backend.references(taken.leaf.frame()) as usize;
            // A single mapping is that of the taken page. Among the others nobody need look for
            // more: that took 400 instructions a page.
            let is_shared = references != 1;
            any_shared |= is_shared;
            let mappings = if is_shared { pages.sharers(taken).count() } else { 1 };
            let writable =
                is_shared && pages.sharers(taken).any(|(_, sharer)| sharer.leaf.is_writable());
            // The leaves may have changed between the clock's look and the taking.
            let must_return = taken.leaf.permissions().contains(Permissions::SHARED)
                || writable
                || references != mappings;
            let disposition = if must_return {
                Disposition::Return
            } else if let Some(contents) = self.clean_copy(backend, &taken, index) {
                Disposition::PageOut(contents)
            } else if is_shared {
                // The file of one client's program says nothing about another client's page.
                let mut earlier = pages.sharers(taken).take_while(|(other, _)| *other < index);
                earlier
                    .find(|(_, other)| other.disposition != Disposition::PageOut(Contents::File))
                    .map_or(Disposition::Undecided, |(other, _)| Disposition::SameAs(other))
            } else {
                Disposition::Undecided
            };
            pages.set(index, disposition);
        }
        if any_shared {
            pages.share_copies();
        }
    }

    /// Where the bytes of a taken page are already, if they are; the module's head has the proof.
    fn clean_copy<B: Backend>(
        &mut self,
        backend: &mut B,
        taken: &TakenPage,
        index: usize,
    ) -> Option<Contents> {
        if backend.view_was_lost(taken.client) {
            self.forget_copies(taken.client);
        }
        let leaf = taken.leaf;
        match self.records.get(taken.client, taken.page.page()) {
            PageRecord::Copied { frame, item }
                if frame == leaf.frame()
                    && leaf.permissions().contains(Permissions::PAGER)
                    && !leaf.is_dirty() =>
            {
                Some(Contents::Stored(item))
            }
            _ if has_rights_of_text(backend, taken)
                && backend.matches_the_file(taken.client, taken.page, index) =>
            {
                Some(Contents::File)
            }
            PageRecord::Unknown | PageRecord::Copied { .. } | PageRecord::PagedOut { .. } => None,
        }
    }

    /// Stores the undecided pages; one that cannot be stored is to be given back. Returns the last
    /// error.
    fn save<B: Backend>(&mut self, backend: &mut B, pages: &mut TakenPages) -> Option<StoreError> {
        let mut indices = [0; CLUSTER];
        let mut count = 0;
        for (index, taken) in pages.iter() {
            if taken.disposition == Disposition::Undecided {
                indices[count] = index;
                count += 1;
            }
        }
        let saved = self.store.save(backend, &indices[..count]);
        let mut error = None;
        for (index, saved) in indices.into_iter().zip(saved).take(count) {
            pages.set(
                index,
                match saved {
                    Ok(contents) => Disposition::PageOut(contents),
                    Err(why) => {
                        error = Some(why);
                        Disposition::Return
                    }
                },
            );
        }
        error
    }

    /// Records the pages that go and gives up their frames; gives back the others. Returns how many
    /// went.
    fn finish<B: Backend>(&mut self, backend: &mut B, pages: &TakenPages) -> u32 {
        let mut count = 0;
        for (index, taken) in pages.iter() {
            let Some((contents, is_new)) = pages.contents(taken) else {
                self.forget_copy(taken.client, taken.page.page());
                self.give_back(backend, &taken, index);
                continue;
            };
            self.record_paged_out(backend, &taken, contents, is_new);
            backend.drop_taken(index);
            count += 1;
        }
        count
    }

    /// Gives a taken page back. If the client has used up its quota meanwhile, the page is stored
    /// instead. If that fails too, its contents are recorded as lost, and the client ends when it
    /// touches the page: to give it zeros would be worse.
    fn give_back<B: Backend>(&mut self, backend: &mut B, taken: &TakenPage, index: usize) {
        match backend.give_back(taken.client, taken.page, index) {
            Ok(()) => return,
            // The client has put another page there, or has ended.
            Err(GiveError::Occupied | GiveError::Gone) => {}
            Err(GiveError::NoFrame | GiveError::Quota | GiveError::Refused) => {
                let contents = self.save_one(backend, index);
                self.record_paged_out(backend, taken, contents, true);
            }
        }
        backend.drop_taken(index);
    }

    fn save_one<B: Backend>(&mut self, backend: &mut B, index: usize) -> Contents {
        if self.store.prepare(backend).is_err() {
            return Contents::Lost;
        }
        let saved = self.store.save(backend, &[index]);
        saved[0].unwrap_or(Contents::Lost)
    }

    /// Records the contents of a page that was taken. If `is_new`, the reference that the record
    /// holds has been counted when the contents were stored.
    fn record_paged_out<B: Backend>(
        &mut self,
        backend: &mut B,
        taken: &TakenPage,
        contents: Contents,
        is_new: bool,
    ) {
        if !is_new {
            self.store.retain(contents);
        }
        let record = PageRecord::PagedOut { contents, rights: Rights::of(taken.leaf) };
        match self.records.set(taken.client, taken.page.page(), record) {
            // The reference of the copy's record is now that of the page's record.
            PageRecord::Copied { item, .. } if contents == Contents::Stored(item) && is_new => {}
            PageRecord::Copied { item, .. } => self.store.release(Contents::Stored(item)),
            PageRecord::PagedOut { contents, .. } => self.store.release(contents),
            PageRecord::Unknown => {}
        }
        if let Some(account) = self.accounts.get_mut(taken.client) {
            account.taken();
        }
        let (client, page) = (taken.client, taken.page);
        self.record_for_unstarted_children(backend, client, page, (contents, record));
    }
}

/// Whether a page has the rights with which the pager gives text, so that it can come back from the
/// file with the same rights.
fn has_rights_of_text(backend: &impl Backend, taken: &TakenPage) -> bool {
    backend.page_class(taken.client, taken.page.page()) == PageClass::Text
        && Rights::of(taken.leaf) == Rights { permissions: Permissions::empty(), sealed: true }
}
