//! Which pages one request to the disk brings back: the page that its client has touched, and those
//! that [`crate::ahead`] expects next, as far as they lie on the disk as they lie in the client.
//!
//! The pages that come ahead are a guess. So they never take the last frames of the machine or the
//! place of a page under a limit, they come with their copy still stored, and an error concerns them
//! alone: the touched page is read by itself then.
//!
//! Assumed: the client waits for the pager, so that only its parent, or another process that may
//! change its mappings, can change its leaves. Such a process may unmap a page or map another one
//! while the disk works. So the leaf of a page that comes ahead is read after that: a page comes
//! only where the client's leaf still says that it is paged out.

use libsys::{Page, ProcessId, UserPage};

use crate::CLUSTER;
use crate::accounts::Account;
use crate::ahead::Expected;
use crate::backend::{Backend, DiskError, GiveError};
use crate::items::Item;
use crate::page::{Contents, PageRecord, Rights, is_paged_out};
use crate::state::Swap;

/// A page that comes ahead.
#[derive(Clone, Copy)]
struct Neighbour {
    page: UserPage,
    slot: u32,
    item: Item,
    rights: Rights,
}

/// The pages of one request.
pub(crate) struct Batch {
    /// The slot of the page that was touched.
    slot: u32,
    neighbours: [Option<Neighbour>; CLUSTER],
    count: usize,
    /// The first slot of the request.
    first: u32,
    /// The last one.
    last: u32,
}

impl Batch {
    /// The page in this slot alone.
    pub const fn alone(slot: u32) -> Self {
        Self { slot, neighbours: [None; CLUSTER], count: 0, first: slot, last: slot }
    }

    fn add(&mut self, neighbour: Neighbour) {
        self.neighbours[self.count] = Some(neighbour);
        self.count += 1;
        self.first = self.first.min(neighbour.slot);
        self.last = self.last.max(neighbour.slot);
    }

    /// Reads the slots into the disk's buffer, and copies the page that was touched to the scratch
    /// page.
    ///
    /// # Errors
    /// A [`DiskError`] if that page alone cannot be read.
    pub fn read<B: Backend>(&mut self, backend: &mut B) -> Result<(), DiskError> {
        let count = (self.last - self.first + 1) as usize;
        if count > 1 && backend.read(self.first, count, self.skipped()).is_err() {
            *self = Self::alone(self.slot);
        }
        if self.count == 0 {
            backend.read(self.slot, 1, 0)?;
        }
        Ok(())
    }

    /// The pages of the request that are none of the batch's: they lie between these on the disk.
    fn skipped(&self) -> u32 {
        let bit = |slot| 1_u32 << (slot - self.first);
        let pages = self.neighbours.iter().flatten().map(|neighbour| bit(neighbour.slot));
        bit(self.last + 1) - 1 - (pages.sum::<u32>() + bit(self.slot))
    }

    /// The place of the page that was touched in the disk's buffer.
    pub const fn index(&self) -> usize {
        (self.slot - self.first) as usize
    }
}

impl Swap {
    /// The pages that come together with a client's page, which lies in `slot`.
    pub(crate) fn batch<B: Backend>(
        &mut self,
        backend: &mut B,
        (client, page): (ProcessId, UserPage),
        slot: u32,
        expected: Expected,
    ) -> Batch {
        let mut batch = Batch::alone(slot);
        let mut pages = expected.pages().peekable();
        if pages.peek().is_none()
            || !backend.attach_view(client)
            || backend.free_frames() <= self.low_water
        {
            return batch;
        }
        for number in pages {
            // A stream may go on behind the last user page.
            let Some(neighbour) = UserPage::containing(Page::numbered(number).address()) else {
                continue;
            };
            let record = self.records.get(client, neighbour.page());
            let PageRecord::PagedOut { contents: Contents::Stored(item), rights } = record else {
                continue;
            };
            let distance = number.wrapping_sub(page.page().number());
            if let Some(its) = self.store.slot(item)
                && its.wrapping_sub(slot) == distance
            {
                batch.add(Neighbour { page: neighbour, slot: its, item, rights });
            }
        }
        batch
    }

    /// Gives the client the pages that were read ahead, until one cannot be given.
    pub(crate) fn give_ahead<B: Backend>(
        &mut self,
        backend: &mut B,
        client: ProcessId,
        batch: &Batch,
    ) {
        for neighbour in batch.neighbours.iter().flatten() {
            let Neighbour { page, slot, item, rights } = *neighbour;
            let index = (slot - batch.first) as usize;
            let at_limit = self.accounts.get(client).is_none_or(Account::is_at_its_limit);
            if at_limit || backend.scratch_from_buffer(index).is_err() {
                return;
            }
            if !is_paged_out(backend.leaf(client, page)) {
                self.forget(client, page.page());
                continue;
            }
            match self.give_scratch(backend, (client, page), rights, Some(item)) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(_) => return,
            }
            if let Some(account) = self.accounts.get_mut(client) {
                account.given_ahead(page.page());
                account.streams.brought(page.page().number());
            }
            self.credit = self.credit.saturating_sub(1);
        }
    }

    /// Moves the scratch page into a client for a page that is paged out. If the bytes stay stored
    /// in `copy`, the reference of the page's record becomes that of the copy's record. Returns
    /// `false` if another page is present there by now, which replaces the contents.
    ///
    /// # Errors
    /// A [`GiveError`]; nothing was changed.
    pub(crate) fn give_scratch<B: Backend>(
        &mut self,
        backend: &mut B,
        (client, page): (ProcessId, UserPage),
        rights: Rights,
        copy: Option<Item>,
    ) -> Result<bool, GiveError> {
        match backend.give_scratch(client, page, rights, copy.is_some()) {
            Ok(frame) => match copy {
                Some(item) => {
                    self.records.set(client, page.page(), PageRecord::Copied { frame, item });
                }
                None => self.forget(client, page.page()),
            },
            Err(GiveError::Occupied) => {
                self.forget(client, page.page());
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
        if let Some(account) = self.accounts.get_mut(client) {
            account.faults_in = account.faults_in.wrapping_add(1);
        }
        Ok(true)
    }
}
