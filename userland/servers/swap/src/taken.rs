//! Pages that were taken from clients and are mapped in the pager, until it is decided whether they
//! go.

use libsys::{Entry, ProcessId, UserPage};

use crate::CLUSTER;
use crate::page::Contents;

/// A page that was taken.
#[derive(Clone, Copy)]
pub(crate) struct TakenPage {
    /// The client that it was taken from.
    pub client: ProcessId,
    /// Its page in the client.
    pub page: UserPage,
    /// The client's leaf at the moment when the page was taken.
    pub leaf: Entry,
    pub disposition: Disposition,
}

/// What is done with a page that was taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// Not decided; the page must be stored before it can go.
    Undecided,
    /// It goes, and these are its contents.
    PageOut(Contents),
    /// It goes, and is the same frame as the taken page of this index.
    SameAs(usize),
    /// It is given back to its client.
    Return,
}

/// The pages that were taken in one eviction. The backend maps the page of index `i` as its taken
/// page `i`.
pub(crate) struct TakenPages {
    pages: [Option<TakenPage>; CLUSTER],
    count: usize,
}

impl TakenPages {
    pub const fn new() -> Self {
        Self { pages: [None; CLUSTER], count: 0 }
    }

    /// How many pages were taken. The next one gets this index.
    pub const fn count(&self) -> usize {
        self.count
    }

    pub fn add(&mut self, page: TakenPage) {
        self.pages[self.count] = Some(page);
        self.count += 1;
    }

    pub const fn get(&self, index: usize) -> Option<TakenPage> {
        self.pages[index]
    }

    /// The taken pages with their indices.
    pub fn iter(&self) -> impl Iterator<Item = (usize, TakenPage)> + '_ {
        self.pages.iter().enumerate().filter_map(|(index, page)| Some((index, (*page)?)))
    }

    /// All taken pages with this page's frame: one for each client that mapped it.
    pub fn sharers(&self, of: TakenPage) -> impl Iterator<Item = (usize, TakenPage)> + '_ {
        self.iter().filter(move |(_, page)| page.leaf.frame() == of.leaf.frame())
    }

    pub fn set(&mut self, index: usize, disposition: Disposition) {
        if let Some(page) = &mut self.pages[index] {
            page.disposition = disposition;
        }
    }

    /// The contents of a page that goes, and whether this page is the one that they were stored or
    /// found for; `None` if the page does not go.
    pub fn contents(&self, page: TakenPage) -> Option<(Contents, bool)> {
        match page.disposition {
            Disposition::PageOut(contents) => Some((contents, true)),
            // The page that is referred to does not refer to another one.
            Disposition::SameAs(index) => match self.pages[index]?.disposition {
                Disposition::PageOut(contents) => Some((contents, false)),
                Disposition::Undecided | Disposition::SameAs(_) | Disposition::Return => None,
            },
            Disposition::Undecided | Disposition::Return => None,
        }
    }

    /// If one of the clients that map a frame has a good copy of it in the store, the pages of the
    /// other clients need not be stored.
    pub fn share_copies(&mut self) {
        for index in 0..self.count {
            let Some(page) = self.pages[index] else { continue };
            let mut sharers = self.sharers(page);
            let copied = sharers.find_map(|(index, page)| {
                let has_copy =
                    matches!(page.disposition, Disposition::PageOut(Contents::Stored(_)));
                has_copy.then_some(index)
            });
            if let Disposition::Undecided | Disposition::SameAs(_) = page.disposition
                && let Some(copied) = copied
            {
                drop(sharers);
                self.set(index, Disposition::SameAs(copied));
            }
        }
    }
}
