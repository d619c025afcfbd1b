//! How a client's fault is served: a page comes back, or comes for the first time.
//!
//! 1. A fault on a page with a record [`PageRecord::PagedOut`] whose leaf still has the pager's
//!    mark is served from the store: the bytes are written to the scratch page, and the scratch
//!    page is moved into the client. From the disk come, in the same request, pages that the client
//!    will touch soon ([`crate::ahead`], `batch.rs`).
//! 2. If the access was not a write and the contents are on the disk, the contents stay stored
//!    and the record becomes [`PageRecord::Copied`]: if nobody writes the page, it can go again
//!    without a write to the disk (see [`crate::eviction`]).
//! 3. A fault on a page without such a record is not the store's: it may be possible by now, or a
//!    write to a copy-on-write page for which the client's own handler found no frame, or a first
//!    touch, for which the client gets the page that its program has there
//!    ([`Backend::give_first`]).
//!
//! Assumed: the client waits for the answer, so its leaf does not change, except by its parent or
//! another process that may change its mappings. Such a process may map a page of its own there at
//! any time, and that page may even go before this fault is served. So a page is only ever given
//! where nothing is present, and after pages went for want of a frame the fault is served from the
//! beginning: what was true of the leaf before need not be true any more.

use libsys::abi::fault::Access;
use libsys::{Entry, Permissions, ProcessId, UserPage};

use crate::ahead::Streams;
use crate::backend::{Backend, GiveError};
use crate::items::Item;
use crate::page::{Contents, PageRecord, Rights, is_paged_out};
use crate::room::PagingError;
use crate::state::Swap;

/// The result of [`Swap::serve`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Served {
    /// The access is possible now.
    Resume,
    /// The client's program has no page there, or none for this access.
    Refused,
    /// The page cannot be given.
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
    /// Serves a client's fault at a page. Before that, pages go if the client is at its limit or
    /// frames are few.
    pub fn serve<B: Backend>(
        &mut self,
        backend: &mut B,
        client: ProcessId,
        page: UserPage,
        access: Access,
    ) -> Served {
        self.make_room(backend, client);
        let fault = Fault { client, page, access };
        loop {
            let error = match self.serve_once(backend, fault) {
                Ok(served) => return served,
                Err(error) => error,
            };
            if let Err(error) = self.relieve(backend, client, error) {
                return Served::Failed(error);
            }
        }
    }

    /// Serves a fault by what the page's leaf and record are now.
    ///
    /// # Errors
    /// A [`GiveError`]; the fault is to be served from the beginning if it can be relieved.
    fn serve_once<B: Backend>(
        &mut self,
        backend: &mut B,
        fault: Fault,
    ) -> Result<Served, GiveError> {
        let Fault { client, page, access } = fault;
        let lost_pages = self.accounts.get(client).is_some_and(|account| account.has_lost_pages);
        if !lost_pages && !access.contains(Access::PROTECTION) {
            return self.give_first(backend, fault);
        }
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
        fault: Fault,
        leaf: Entry,
    ) -> Result<Served, GiveError> {
        let Fault { client, page, access } = fault;
        if !leaf.is_present() {
            self.forget(client, page.page());
            return self.give_first(backend, fault);
        }
        let allowed = leaf.is_writable() || !access.contains(Access::WRITE);
        if allowed || !access.contains(Access::PROTECTION) {
            // The page was absent when it was touched, and is present now. If the access is not
            // allowed, the next fault has `PROTECTION`.
            return Ok(Served::Resume);
        }
        if !leaf.permissions().contains(Permissions::COPY_ON_WRITE) {
            return Ok(Served::Refused);
        }
        backend.copy(client, page).map(|()| Served::Resume)
    }

    /// Gives the client the page that its program has there.
    fn give_first<B: Backend>(
        &mut self,
        backend: &mut B,
        Fault { client, page, access }: Fault,
    ) -> Result<Served, GiveError> {
        // Whatever was present when the client touched the page is not any more.
        let access = access.difference(Access::PROTECTION);
        match backend.give_first(client, page, access) {
            Ok(true) => {}
            Ok(false) => return Ok(Served::Refused),
            // Another process has put a page there meanwhile.
            Err(GiveError::Occupied) => return Ok(Served::Resume),
            Err(error) => return Err(error),
        }
        if let Some(account) = self.accounts.get_mut(client) {
            account.given(page.page());
        }
        Ok(Served::Resume)
    }

    fn bring_back<B: Backend>(
        &mut self,
        backend: &mut B,
        fault: Fault,
        contents: Contents,
        rights: Rights,
    ) -> Result<Served, GiveError> {
        let Fault { client, page, access } = fault;
        let mut streams = self.accounts.get(client).map_or(Streams::NONE, |it| it.streams);
        let expected = streams.touch(page.page().number());
        let item = match contents {
            Contents::Stored(item) => item,
            Contents::Zeros => {
                backend.scratch()?.fill(0);
                self.give_touched(backend, fault, rights, None, streams)?;
                return Ok(Served::Resume);
            }
            Contents::File => {
                self.forget(client, page.page());
                return self.give_first(backend, fault);
            }
            Contents::Lost => return Ok(Served::Failed(PagingError::Lost)),
        };
        let Some(slot) = self.store.slot(item) else {
            // A compressed copy would occupy the memory that it could save.
            self.store.expand(item, backend.scratch()?);
            self.give_touched(backend, fault, rights, None, streams)?;
            return Ok(Served::Resume);
        };
        // Without a frame for the page, the disk need not be asked.
        backend.scratch()?;
        let mut batch = self.batch(backend, (client, page), slot, expected);
        if batch.read(backend).is_err() {
            return Ok(Served::Failed(PagingError::DiskRead));
        }
        backend.scratch_from_buffer(batch.index())?;
        // A copy on disk may save a write.
        let may_save = !access.contains(Access::WRITE) && backend.attach_view(client);
        let copy = Some(item).filter(|_| may_save);
        if self.give_touched(backend, fault, rights, copy, streams)? {
            self.give_ahead(backend, client, &batch);
        }
        Ok(Served::Resume)
    }

    /// Moves the scratch page into the client that has touched the page. Returns `false` if another
    /// page is present there by now.
    ///
    /// # Errors
    /// A [`GiveError`]; nothing was changed.
    fn give_touched<B: Backend>(
        &mut self,
        backend: &mut B,
        Fault { client, page, .. }: Fault,
        rights: Rights,
        copy: Option<Item>,
        streams: Streams,
    ) -> Result<bool, GiveError> {
        let is_given = self.give_scratch(backend, (client, page), rights, copy)?;
        if is_given && let Some(account) = self.accounts.get_mut(client) {
            account.given(page.page());
            // Noted now, because a fault that is served anew for want of a frame is one touch.
            account.streams = streams;
        }
        Ok(is_given)
    }
}
