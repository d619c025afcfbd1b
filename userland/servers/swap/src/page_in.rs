//! How pages come back: the pager's part of a client's fault.
//!
//! 1. A fault on a page with a record [`PageRecord::PagedOut`] whose leaf still has the pager's
//!    mark is served from the store: the bytes are read, copied to the scratch page, and the
//!    scratch page is moved into the client.
//! 2. If the access was not a write and the contents are on the disk, the contents stay stored
//!    and the record becomes [`PageRecord::Copied`]: if nobody writes the page, it can go again
//!    without a write to the disk (see [`crate::eviction`]).
//! 3. A fault on a page without such a record is not the store's: it may be possible by now, or a
//!    write to a copy-on-write page for which the client's own handler found no frame, or a first
//!    touch, which the regions of the client's program decide.
//!
//! Assumed: the client waits for the answer, so its leaf does not change, except by its parent or
//! another process that may change its mappings.

use libsys::abi::fault::Access;
use libsys::{Entry, Permissions, ProcessId, UserPage};

use crate::Bytes;
use crate::backend::{Backend, GiveError};
use crate::items::Item;
use crate::page::{Contents, PageRecord, Rights, is_paged_out};
use crate::room::PagingError;
use crate::state::Swap;

/// The result of [`Swap::serve`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Served {
    /// The page is not paged out: the regions of the client's program decide.
    NotPagedOut,
    /// The access is possible now.
    Resume,
    /// The page cannot be brought back.
    Failed(PagingError),
}

/// A fault that is being served.
#[derive(Clone, Copy)]
struct Fault {
    client: ProcessId,
    page: UserPage,
    access: Access,
}

impl Swap {
    /// Serves a client's fault at a page.
    pub fn serve<B: Backend>(
        &mut self,
        backend: &mut B,
        client: ProcessId,
        page: UserPage,
        access: Access,
    ) -> Served {
        let Some(account) = self.accounts.get(client) else { return Served::NotPagedOut };
        if !account.has_lost_pages && !access.contains(Access::PROTECTION) {
            return Served::NotPagedOut;
        }
        let fault = Fault { client, page, access };
        let leaf = backend.leaf(client, page);
        match self.records.get(client, page.page()) {
            PageRecord::PagedOut { contents, rights } if is_paged_out(leaf) => {
                self.bring_back(backend, fault, contents, rights)
            }
            // The client has put another page there, or has given the page up.
            PageRecord::PagedOut { .. } => {
                self.forget(client, page.page());
                self.look_again(backend, fault, leaf)
            }
            PageRecord::Unknown | PageRecord::Copied { .. } => {
                self.look_again(backend, fault, leaf)
            }
        }
    }

    /// Serves a fault on a page that is not paged out. The access may be possible by now. Or it is
    /// a write to a copy-on-write page, which the client's own handler could not copy for want of a
    /// frame: then the pager makes the copy.
    fn look_again<B: Backend>(
        &mut self,
        backend: &mut B,
        Fault { client, page, access }: Fault,
        leaf: Entry,
    ) -> Served {
        if !leaf.is_present() {
            self.forget(client, page.page());
            return Served::NotPagedOut;
        }
        let allowed = leaf.is_writable() || !access.contains(Access::WRITE);
        if allowed || !access.contains(Access::PROTECTION) {
            // The page was absent when it was touched, and is present now. If the access is not
            // allowed, the next fault has `PROTECTION`.
            return Served::Resume;
        }
        if !leaf.permissions().contains(Permissions::COPY_ON_WRITE) {
            return Served::NotPagedOut;
        }
        loop {
            match backend.copy(client, page) {
                Ok(()) => return Served::Resume,
                Err(error) => {
                    if let Err(error) = self.relieve(backend, client, error) {
                        return Served::Failed(error);
                    }
                }
            }
        }
    }

    fn bring_back<B: Backend>(
        &mut self,
        backend: &mut B,
        fault: Fault,
        contents: Contents,
        rights: Rights,
    ) -> Served {
        let Fault { client, page, access } = fault;
        let mut bytes: Bytes = [0; size_of::<Bytes>()];
        let mut copy = None;
        match contents {
            Contents::Zeros => {}
            Contents::File => {
                self.forget(client, page.page());
                return Served::NotPagedOut;
            }
            Contents::Lost => return Served::Failed(PagingError::Lost),
            Contents::Stored(item) => {
                if self.store.fetch(backend, item, &mut bytes).is_err() {
                    return Served::Failed(PagingError::DiskRead);
                }
                // A copy on disk may save a write; a compressed one would occupy the memory that it
                // could save.
                let may_save = !access.contains(Access::WRITE) && !self.store.is_compressed(item);
                copy = Some(item).filter(|_| may_save && backend.attach_view(client));
            }
        }
        match self.deliver(backend, fault, (&bytes, rights), copy) {
            Ok(true) => {}
            Ok(false) => return Served::Resume,
            Err(error) => return Served::Failed(error),
        }
        if let Some(account) = self.accounts.get_mut(client) {
            account.given(page.page());
            account.faults_in = account.faults_in.wrapping_add(1);
        }
        Served::Resume
    }

    /// Moves a page with these bytes and rights into a client, with the pager's mark if a copy
    /// stays stored, and updates its record. Returns `false` if another page is there already.
    fn deliver<B: Backend>(
        &mut self,
        backend: &mut B,
        Fault { client, page, .. }: Fault,
        (bytes, rights): (&Bytes, Rights),
        copy: Option<Item>,
    ) -> Result<bool, PagingError> {
        loop {
            let filled = backend.scratch().map(|scratch| *scratch = *bytes);
            let frame =
                filled.and_then(|()| backend.give_scratch(client, page, rights, copy.is_some()));
            match (frame, copy) {
                (Ok(frame), Some(item)) => {
                    self.records.set(client, page.page(), PageRecord::Copied { frame, item });
                    return Ok(true);
                }
                (Ok(_), None) => {
                    self.forget(client, page.page());
                    return Ok(true);
                }
                // The client's parent has put a page there meanwhile, which replaces the contents.
                (Err(GiveError::Occupied), _) => {
                    self.forget(client, page.page());
                    return Ok(false);
                }
                (Err(error), _) => self.relieve(backend, client, error)?,
            }
        }
    }
}
