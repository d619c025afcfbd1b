//! Which pages go next: a hand goes round all clients' tables, 16 pages at a time; a page that was used since it came by
//! last gets a second chance.
//!
//! The tables of a client are read in a view. A client that views something itself cannot be viewed; its leaves are asked for
//! by calls, in the tables that its account knows ([`Tables`](crate::accounts::Tables)).

use libsys::abi::layout::{ENTRIES, PAGE_SIZE, USER_TOP};
use libsys::{Entry, Page, Permissions, ProcessId};

use crate::CLUSTER;
use crate::accounts::Accounts;
use crate::backend::{Backend, PageClass};

/// Where the hand stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Hand {
    slot: usize,
    page: u32,
}

/// Neighbouring pages of one client.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Whose they are.
    pub client: ProcessId,
    /// The first one, a multiple of [`CLUSTER`].
    pub first: Page,
    /// Their leaves.
    pub leaves: [Entry; CLUSTER],
    /// Bit `i`: page `i` may go.
    pub chosen: u32,
    /// Bit `i`: page `i` is dirty, or was and its leaf does not say so any more.
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

/// The first page that is no process's.
const END: u32 = USER_TOP / PAGE_SIZE;
/// The first directory entry that is no process's.
const TABLES: u32 = USER_TOP / (PAGE_SIZE * ENTRIES);
/// Turns of the hand that were begun anywhere: what all pages had been used for shows after the second whole one.
const TURNS: u32 = 4;
/// Turns in which the pages that other clients were given last are spared.
const SPARING: u32 = 3;

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    /// Pages of one client only.
    only: Option<ProcessId>,
    /// What this client was given last stays.
    spared: ProcessId,
    turn: u32,
}

impl Search {
    /// A search among all clients, or `only` in one, on behalf of `spared`.
    #[must_use]
    pub const fn new(only: Option<ProcessId>, spared: ProcessId) -> Self {
        Self { only, spared, turn: 0 }
    }
}

/// Moves the hand on to the next pages of which some may go, or that were found dirty. `None`: the search is over,
/// after several turns.
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
        let leaves = backend.leaves(client, first);
        let mut group = Group { client, first, leaves, chosen: 0, dirty: 0 };
        let mut used = false;
        for (index, leaf) in leaves.into_iter().enumerate() {
            let page = group.page(index);
            if !leaf.is_present() {
                continue;
            }
            used |= leaf.is_accessed();
            group.dirty |= u32::from(leaf.is_dirty()) << index;
            let recent = (search.turn < SPARING || client == search.spared)
                && accounts.get(client).is_some_and(|account| account.is_recent(page));
            let may_go = !leaf.is_accessed()
                && !leaf.permissions().contains(Permissions::SHARED)
                && backend.page_class(client, page) != PageClass::Foreign;
            if may_go && !recent {
                group.chosen |= 1 << index;
            }
        }
        if used {
            group.dirty |= backend.clear_accessed(client, first);
        }
        if group.chosen | group.dirty != 0 {
            return Some(group);
        }
    }
    None
}

/// The next pages of any client; `None` after the last one.
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

/// The next pages of this client; `None` after the last one.
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

/// The first pages from number `from` on that have a table.
fn group_from<B: Backend>(
    backend: &mut B,
    accounts: &Accounts,
    client: ProcessId,
    from: u32,
) -> Option<Page> {
    let index = table_from(backend, accounts, client, from / ENTRIES)?;
    let page = from.max(index * ENTRIES);
    (page < END).then(|| Page::numbered(page))
}

/// The first directory index from `index` on below which the client may have pages that are the pager's business.
pub fn table_from<B: Backend>(
    backend: &mut B,
    accounts: &Accounts,
    client: ProcessId,
    index: u32,
) -> Option<u32> {
    if index >= TABLES {
        None
    } else if backend.attach_view(client) {
        backend.table_from(client, index).filter(|index| *index < TABLES)
    } else {
        accounts.get(client)?.tables.from(index)
    }
}
