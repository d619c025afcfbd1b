//! Forked children that have not started: a page that their parent loses goes for them as well.
//!
//! Between the pager's answer to a fork and the child's start, the parent shares its pages in
//! memory with the child, run by run. The pager may evict a page of the parent in that time, for
//! instance because the sharing itself finds no frame. If the page has been shared already, the
//! child maps the same frame and is found as one of its sharers. If not, the child's leaf is
//! absent, and the child would later get zeros. So the child gets the pager's mark and a record of
//! its own.
//!
//! That is done only while the parent itself waits for the pager: then the parent does not share
//! the page in the middle of the eviction. Otherwise the page does not go.

use libsys::{Entry, ProcessId, UserPage};

use crate::backend::Backend;
use crate::page::{Contents, PageRecord, is_paged_out};
use crate::state::Swap;

impl Swap {
    /// The client in a process slot, if it is a child of `parent` that has not started.
    fn unstarted_child<B: Backend>(
        &mut self,
        backend: &B,
        parent: ProcessId,
        slot: usize,
    ) -> Option<ProcessId> {
        let account = self.accounts.at(slot).filter(|account| account.copy_of() == Some(parent))?;
        let child = account.id;
        if !backend.has_started(child) {
            return Some(child);
        }
        self.accounts.started(child);
        None
    }

    /// The process slots in which an unstarted child may be: none if there is no such child at all,
    /// which is so most of the time.
    fn slots_of_unstarted(&self) -> core::ops::Range<usize> {
        0..if self.accounts.has_unstarted() { self.accounts.slots() } else { 0 }
    }

    /// Makes sure that a page of a client can be recorded as paged out for its unstarted children,
    /// and leaves the pager's mark in their absent leaves. Returns `false` if the page cannot go.
    pub(crate) fn prepare_unstarted_children<B: Backend>(
        &mut self,
        backend: &mut B,
        client: ProcessId,
        page: UserPage,
        spared: ProcessId,
    ) -> bool {
        self.slots_of_unstarted().all(|slot| {
            let Some(child) = self.unstarted_child(backend, client, slot) else { return true };
            if client != spared {
                return false;
            }
            let leaf = backend.leaf(child, page);
            // An eviction that took nothing may have left the mark, and the table of the record may
            // be gone again.
            let is_recorded = leaf == Entry::ABSENT || is_paged_out(leaf);
            (!is_recorded || self.records.prepare(child, page.page(), backend).is_ok())
                && (leaf != Entry::ABSENT || backend.mark_paged_out(child, page).is_ok())
        })
    }

    /// Records a page that a client has lost for its unstarted children, whose leaves
    /// [`Swap::prepare_unstarted_children`] has marked.
    pub(crate) fn record_for_unstarted_children<B: Backend>(
        &mut self,
        backend: &mut B,
        client: ProcessId,
        page: UserPage,
        (contents, record): (Contents, PageRecord),
    ) {
        for slot in self.slots_of_unstarted() {
            let Some(child) = self.unstarted_child(backend, client, slot) else { continue };
            let is_marked = is_paged_out(backend.leaf(child, page));
            if is_marked && self.records.get(child, page.page()) == PageRecord::Unknown {
                self.store.retain(contents);
                self.records.set(child, page.page(), record);
                if let Some(account) = self.accounts.get_mut(child) {
                    account.has_lost_pages = true;
                }
            }
        }
    }
}
