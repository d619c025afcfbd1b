//! What a client has where: pages in memory, compressed, on disk.

use libsys::abi::layout::ENTRIES;
use libsys::{Page, ProcessId};

use crate::CLUSTER;
use crate::backend::{Backend, PageClass};
use crate::clock;
use crate::page::{Contents, PageRecord, is_paged_out};
use crate::state::Swap;

/// The pages of a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Pages in memory.
    pub resident: u32,
    /// Pages on disk.
    pub swapped: u32,
    /// Pages that are compressed in memory.
    pub compressed: u32,
    /// Pages that are paged out and take no room: zeros, and pages of the program's file.
    pub unstored: u32,
}

impl Swap {
    /// Counts a client's pages; those in memory one by one. Returns `None` if the process is not a
    /// client.
    pub fn report<B: Backend>(&mut self, backend: &mut B, client: ProcessId) -> Option<Report> {
        self.accounts.get(client)?;
        let mut report = Report::default();
        let mut from = Page::numbered(0);
        while let Some((page, record)) = self.records.next(client, from) {
            from = Page::numbered(page.number() + 1);
            match record {
                // The client has replaced or unmapped the page, and the record is stale.
                PageRecord::PagedOut { .. }
                    if backend.attach_view(client)
                        && !is_paged_out(backend.snapshot(client, page)) => {}
                PageRecord::PagedOut { contents: Contents::Stored(item), .. } => {
                    if self.store.is_compressed(item) {
                        report.compressed += 1;
                    } else {
                        report.swapped += 1;
                    }
                }
                PageRecord::PagedOut { .. } => report.unstored += 1,
                PageRecord::Unknown | PageRecord::Copied { .. } => {}
            }
        }
        report.resident = self.resident(backend, client);
        if let Some(account) = self.accounts.get_mut(client) {
            account.resident = report.resident;
        }
        Some(report)
    }

    /// Counts the pages of a client that are in memory, except those of class `Foreign`.
    pub(crate) fn resident<B: Backend>(&self, backend: &mut B, client: ProcessId) -> u32 {
        let mut count = 0;
        let mut index = 0;
        while let Some(table) = clock::table_from(backend, &self.accounts, client, index) {
            index = table + 1;
            for first in (table * ENTRIES..index * ENTRIES).step_by(CLUSTER) {
                let leaves = backend.leaves(client, Page::numbered(first));
                for (page, _) in (first..).zip(leaves).filter(|(_, leaf)| leaf.is_present()) {
                    let class = backend.page_class(client, Page::numbered(page));
                    count += u32::from(class != PageClass::Foreign);
                }
            }
        }
        count
    }
}
