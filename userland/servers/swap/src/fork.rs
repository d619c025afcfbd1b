//! How a forked child inherits the pages of its parent that are paged out.
//!
//! The kernel asks the pager about a fork before the child has any page. The parent waits for the
//! answer, so its paged-out pages stay as they are. For each of them the child gets the pager's
//! mark in its leaf, a record, and a reference to the contents. Pages in memory are not the pager's
//! part: the parent shares them with the child by calls of its own, after this. A page that goes
//! between now and then has to go for the child as well; the `unstarted` module does that.

use libsys::abi::layout::EXCEPTION_STACK;
use libsys::{Page, ProcessId, UserPage};

use crate::accounts::Account;
use crate::backend::{Backend, GiveError};
use crate::page::{PageRecord, is_paged_out};
use crate::pool::Full;
use crate::room::PagingError;
use crate::state::Swap;

impl Swap {
    /// Makes a client of a forked child: what is paged out in the parent is paged out in the child.
    ///
    /// # Errors
    /// A [`PagingError`]: the child is no client, and has no records.
    pub fn fork<B: Backend>(
        &mut self,
        backend: &mut B,
        parent: ProcessId,
        child: ProcessId,
    ) -> Result<(), PagingError> {
        self.vacate_slot(child);
        let Some(account) = self.accounts.get(parent).copied() else { return Ok(()) };
        let copy = Account::forked(child, &account);
        self.accounts.insert(copy, backend).map_err(|Full| PagingError::NoMemory)?;
        let inherited = self.inherit(backend, parent, child);
        if inherited.is_err() {
            self.remove_client(child);
        }
        inherited
    }

    fn inherit<B: Backend>(
        &mut self,
        backend: &mut B,
        parent: ProcessId,
        child: ProcessId,
    ) -> Result<(), PagingError> {
        let mut from = Page::numbered(0);
        while let Some((page, record)) = self.records.next(parent, from) {
            from = Page::numbered(page.number() + 1);
            let Some(user_page) = UserPage::containing(page.address()) else { break };
            let PageRecord::PagedOut { contents, .. } = record else { continue };
            // The child gets a fresh exception stack.
            if page == Page::containing(EXCEPTION_STACK) {
                continue;
            }
            if !is_paged_out(backend.leaf(parent, user_page)) {
                self.forget(parent, page);
                continue;
            }
            loop {
                let prepared = self.records.prepare(child, page, backend);
                let marked = prepared
                    .map_err(|Full| GiveError::NoFrame)
                    .and_then(|()| backend.mark_paged_out(child, user_page));
                match marked {
                    Ok(()) => break,
                    Err(error) => self.relieve(backend, parent, error)?,
                }
            }
            // An eviction in `relieve` records its pages for the child as well, and then this loop
            // comes to them.
            if self.records.get(child, page) == PageRecord::Unknown {
                self.store.retain(contents);
                self.records.set(child, page, record);
            }
        }
        Ok(())
    }
}
