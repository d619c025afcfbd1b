//! Which pages go next: the clock algorithm (second chance). A hand goes round the page tables of
//! all clients, [`CLUSTER`] pages at a time. It clears the A bits that it finds set, and chooses
//! pages whose A bit is still clear when it comes by again.
//!
//! The page tables of a client are read in a view. A client that has views itself cannot be viewed;
//! its leaves are read by calls, in the tables that its account knows
//! ([`Tables`](crate::accounts::Tables)).

use libsys::abi::layout::ENTRIES;
use libsys::{Entry, Page, Permissions, ProcessId};

use crate::CLUSTER;
use crate::accounts::Accounts;
use crate::backend::{Backend, PageClass};

/// Where the hand stands: a process slot and a page number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Hand {
    slot: usize,
    page: u32,
}

/// Neighbouring pages of one client.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Their client.
    pub client: ProcessId,
    /// The first page; its number is a multiple of [`CLUSTER`].
    pub first: Page,
    /// Their leaves.
    pub leaves: [Entry; CLUSTER],
    /// Bit `i`: page `i` may go.
    pub chosen: u32,
    /// Bit `i`: page `i` is dirty, or was dirty and the hand has cleared its D bit.
    pub dirty: u32,
}

impl Group {
    /// Page `index`.
    #[must_use]
    pub const fn page(&self, index: usize) -> Page {
        Page::numbered(self.first.number() + index as u32)
    }

    /// The indices of set bits.
    pub fn indices(bits: u32) -> impl Iterator<Item = usize> {
        (0..CLUSTER).filter(move |index| bits >> index & 1 != 0)
    }
}

/// How often the hand goes round in one search. The first round may begin anywhere; what the first
/// whole round clears shows in the second.
const TURNS: u32 = 4;
/// In so many rounds the pages that any client was given last stay; in the last round only those of
/// the client on whose behalf the search is.
const SPARING: u32 = 3;

/// A search for pages that may go.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    /// The client whose pages are searched; `None` for all clients.
    only: Option<ProcessId>,
    /// The pages that this client was given last stay.
    spared: ProcessId,
    turn: u32,
}

impl Search {
    /// A search among all clients, or `only` in one, on behalf of `spared`.
    #[must_use]
    pub const fn new(only: Option<ProcessId>, spared: ProcessId) -> Self {
        Self { only, spared, turn: 0 }
    }

    /// Chooses the pages of a group that may go, and clears A in the group if any page was
    /// accessed.
    fn look<B: Backend>(
        &self,
        backend: &mut B,
        accounts: &Accounts,
        client: ProcessId,
        first: Page,
    ) -> Group {
        let leaves = backend.leaves(client, first);
        let mut group = Group { client, first, leaves, chosen: 0, dirty: 0 };
        let mut accessed = false;
        for (index, leaf) in leaves.into_iter().enumerate() {
            let page = group.page(index);
            if !leaf.is_present() {
                continue;
            }
            accessed |= leaf.is_accessed();
            group.dirty |= u32::from(leaf.is_dirty()) << index;
            let is_recent = || {
                (self.turn < SPARING || client == self.spared)
                    && accounts.get(client).is_some_and(|account| account.is_recent(page))
            };
            let may_go = !leaf.is_accessed()
                && !leaf.permissions().contains(Permissions::SHARED)
                && backend.page_class(client, page) != PageClass::Foreign
                && !is_recent();
            group.chosen |= u32::from(may_go) << index;
        }
        if accessed {
            group.dirty |= backend.clear_accessed(client, first);
        }
        group
    }
}

/// Moves the hand to the next group that has pages that may go, or dirty pages. Returns `None` when
/// the search is over.
pub fn next<B: Backend>(
    backend: &mut B,
    hand: &mut Hand,
    accounts: &mut Accounts,
    search: &mut Search,
) -> Option<Group> {
    while search.turn < TURNS {
        let at = match search.only {
            Some(client) => step_within(backend, accounts, client),
            None => step(backend, hand, accounts),
        };
        let Some((client, first)) = at else {
            search.turn += 1;
            continue;
        };
        let group = search.look(backend, accounts, client, first);
        if group.chosen | group.dirty != 0 {
            return Some(group);
        }
    }
    None
}

/// The next group of any client; `None` at the end of the round.
fn step<B: Backend>(
    backend: &mut B,
    hand: &mut Hand,
    accounts: &Accounts,
) -> Option<(ProcessId, Page)> {
    while hand.slot < accounts.slots() {
        if let Some(account) = accounts.at(hand.slot)
            && let Some(page) = group_from(backend, accounts, account.id, hand.page)
        {
            hand.page = page.number() + CLUSTER as u32;
            return Some((account.id, page));
        }
        *hand = Hand { slot: hand.slot + 1, page: 0 };
    }
    *hand = Hand::default();
    None
}

/// The next group of one client; `None` at the end of the round.
fn step_within<B: Backend>(
    backend: &mut B,
    accounts: &mut Accounts,
    client: ProcessId,
) -> Option<(ProcessId, Page)> {
    let from = accounts.get(client)?.hand;
    let found = group_from(backend, accounts, client, from);
    let account = accounts.get_mut(client)?;
    account.hand = found.map_or(0, |page| page.number() + CLUSTER as u32);
    found.map(|page| (client, page))
}

/// The first group from page number `from` on that may have pages. To look at the leaves of all
/// groups took 120 instructions more for each page of `hog 128M` in 32 MiB.
fn group_from<B: Backend>(
    backend: &mut B,
    accounts: &Accounts,
    client: ProcessId,
    mut from: u32,
) -> Option<Page> {
    loop {
        let index = table_from(backend, accounts, client, from / ENTRIES)?;
        let first = Page::numbered(from.max(index * ENTRIES));
        if let Some(page) = backend.present_from(client, first) {
            return Some(Page::numbered(page.number() & !(CLUSTER as u32 - 1)));
        }
        from = (index + 1) * ENTRIES;
    }
}

/// The first directory index from `index` on below which the client may have pages in its program's
/// regions.
pub fn table_from<B: Backend>(
    backend: &mut B,
    accounts: &Accounts,
    client: ProcessId,
    index: u32,
) -> Option<u32> {
    if backend.attach_view(client) {
        backend.table_from(client, index)
    } else {
        accounts.get(client)?.tables.from(index)
    }
}
