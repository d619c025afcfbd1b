//! When pages go: how much memory is kept free, and what is done when there is none.
//!
//! Pages go for three reasons:
//! - before a fault is served, if the client has reached its limit of pages in memory or the
//!   machine has fewer free frames than the low-water mark ([`Swap::make_room`]);
//! - because a call of a client found no frame ([`Swap::free_frames`]);
//! - because giving a client its page failed, by frames or by its quota (`relieve`).
//!
//! The first reason is a precaution: that no page can go is no error yet. The others end in a
//! [`PagingError`] if no page can go.

use libsys::ProcessId;

use crate::CLUSTER;
use crate::accounts::Account;
use crate::backend::{Backend, GiveError};
use crate::state::Swap;
use crate::store::StoreError;

/// Why a page cannot be brought back, or given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PagingError {
    /// There is no free frame, and no page can go.
    NoMemory,
    /// There is no free frame, and no room for the contents of a page that would have to go.
    NoRoom,
    /// There is no free frame, and the disk cannot write a page that would have to go.
    DiskWrite,
    /// The disk cannot read the page.
    DiskRead,
    /// The client's quota is used up, and no page of its own can go.
    Quota,
    /// The client has ended.
    Gone,
    /// The client has a view at the page's address.
    View,
    /// The contents are lost: when the page was taken, it could neither be stored nor given back,
    /// because the client had used up its quota meanwhile.
    Lost,
}

impl core::fmt::Display for PagingError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NoMemory => "out of frames",
            Self::NoRoom => "out of frames, and the swap space is full",
            Self::DiskWrite => "out of frames, and the disk cannot be written",
            Self::DiskRead => "the disk cannot be read",
            Self::Quota => "quota exceeded",
            Self::Gone => "the client has ended",
            Self::View => "a view is in its place",
            Self::Lost => "quota exceeded, and there was no room to keep it",
        })
    }
}

impl Swap {
    /// Has pages go while the client is at its limit, or the machine has too few free frames. If no
    /// page can go, this changes nothing: the fault may be served all the same.
    pub fn make_room<B: Backend>(&mut self, backend: &mut B, client: ProcessId) {
        while self.accounts.get(client).is_some_and(Account::is_at_its_limit) {
            if !matches!(self.evict(backend, Some(client), client), Ok(1..)) {
                let resident = self.resident(backend, client);
                if let Some(account) = self.accounts.get_mut(client) {
                    account.resident = resident;
                }
                break;
            }
        }
        if self.credit > 0 {
            self.credit -= 1;
            return;
        }
        // One request's pages above the mark, and no more: the backend gives the frames of the pages
        // that went last to the next ones that come, and has no use for those of earlier ones.
        let wanted = self.low_water + CLUSTER as u32;
        let mut free = backend.free_frames();
        if free < wanted {
            self.remove_ended(backend);
            free = backend.free_frames();
            while free < wanted && matches!(self.evict(backend, None, client), Ok(1..)) {
                free = backend.free_frames();
            }
        }
        // Clients take frames by calls of their own meanwhile, so many free ones are no more credit.
        self.credit = free.saturating_sub(self.low_water).min(64);
    }

    /// Has pages go because there is no frame.
    ///
    /// # Errors
    /// A [`PagingError`]: no page can go.
    fn free_some<B: Backend>(
        &mut self,
        backend: &mut B,
        client: ProcessId,
    ) -> Result<(), PagingError> {
        self.credit = 0;
        self.remove_ended(backend);
        match self.evict(backend, None, client) {
            Ok(0) => Err(PagingError::NoMemory),
            Ok(_) => Ok(()),
            Err(StoreError::Full) if self.drop_copies() => Ok(()),
            Err(StoreError::Full) if backend.slots() == 0 => Err(PagingError::NoMemory),
            Err(StoreError::Full) => Err(PagingError::NoRoom),
            Err(StoreError::Disk) => Err(PagingError::DiskWrite),
        }
    }

    /// Has pages go because a call of a client needs `frames` frames: until so many are free and
    /// the low-water mark is reached, or until no page can go. Returns how many frames are free.
    pub fn free_frames<B: Backend>(
        &mut self,
        backend: &mut B,
        client: ProcessId,
        frames: u32,
    ) -> u32 {
        let wanted = frames.max(self.low_water);
        // The rounds are bounded: other clients may take frames while pages are written to the
        // disk, so a round need not leave more of them free than the one before.
        for _ in 0..wanted {
            if backend.free_frames() >= wanted || self.free_some(backend, client).is_err() {
                break;
            }
        }
        backend.free_frames()
    }

    /// Has pages go because of an error of the backend, so that the caller can try again.
    ///
    /// # Errors
    /// A [`PagingError`]: a second try would fail, too.
    pub(crate) fn relieve<B: Backend>(
        &mut self,
        backend: &mut B,
        client: ProcessId,
        error: GiveError,
    ) -> Result<(), PagingError> {
        match error {
            GiveError::Gone => Err(PagingError::Gone),
            GiveError::Refused => Err(PagingError::View),
            GiveError::Occupied => Ok(()),
            // The call needs a frame of the kernel's, for a table or for a copy.
            GiveError::NoFrame if backend.drop_spares() => Ok(()),
            GiveError::NoFrame => self.free_some(backend, client),
            GiveError::Quota => match self.evict(backend, Some(client), client) {
                Ok(1..) => Ok(()),
                Ok(0) | Err(_) => Err(PagingError::Quota),
            },
        }
    }
}
