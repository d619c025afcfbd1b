//! What the pager counts for each client, and what it bounds.

use libsys::abi::layout::{ENTRIES, PAGE_SIZE, USER_TOP};
use libsys::{Page, ProcessId};

use crate::ahead::Streams;
use crate::pool::{Full, Memory, Pool};

/// How many of the pages that a client was given last stay with it, however small its limit. One
/// instruction or call can need that many pages at once: 2 of code, 2 and 2 of operands or buffers,
/// 2 of stack.
pub const RECENT: usize = 8;

/// What is counted for a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Account {
    /// The client.
    pub id: ProcessId,
    /// The most pages that the client should have in memory; 0 for no bound. A limit below
    /// [`RECENT`] is raised to it.
    pub limit: u32,
    /// Pages given to the client less pages taken from it. This is an estimate: the client may
    /// allocate and unmap pages itself.
    pub resident: u32,
    /// Pages that came back; wraps.
    pub faults_in: u32,
    /// Pages that went; wraps.
    pub faults_out: u32,
    /// The parent of a forked child that has not started.
    copy_of: Option<ProcessId>,
    /// At least one page was taken from the client, so that a page it finds absent may be paged
    /// out.
    pub has_lost_pages: bool,
    /// The tables in which the client was ever given a page.
    pub tables: Tables,
    /// Where the search among this client's pages alone stands: a page number.
    pub hand: u32,
    /// The client's touches of paged-out pages.
    pub streams: Streams,
    recent: [u32; RECENT],
    next_recent: usize,
}

/// Not the number of any page.
const NO_PAGE: u32 = u32::MAX;

impl Account {
    /// The account of a new client.
    #[must_use]
    pub const fn new(id: ProcessId) -> Self {
        Self {
            id,
            limit: 0,
            resident: 0,
            faults_in: 0,
            faults_out: 0,
            copy_of: None,
            has_lost_pages: false,
            tables: Tables::NONE,
            hand: 0,
            streams: Streams::NONE,
            recent: [NO_PAGE; RECENT],
            next_recent: 0,
        }
    }

    /// The account of a child of `parent`, which inherits what was counted for its parent.
    #[must_use]
    pub const fn forked(id: ProcessId, parent: &Self) -> Self {
        let Self { limit, resident, has_lost_pages, tables, .. } = *parent;
        let copy_of = Some(parent.id);
        Self { limit, resident, has_lost_pages, tables, copy_of, ..Self::new(id) }
    }

    /// The parent of a forked child that has not started.
    #[must_use]
    pub const fn copy_of(&self) -> Option<ProcessId> {
        self.copy_of
    }

    /// Counts a page that the client was given before it has touched it.
    pub const fn given_ahead(&mut self, page: Page) {
        self.resident += 1;
        self.tables.add(page.directory_index());
    }

    /// Counts a page that the client was given because it has touched it.
    pub fn given(&mut self, page: Page) {
        self.given_ahead(page);
        if !self.is_recent(page) {
            self.recent[self.next_recent] = page.number();
            self.next_recent = (self.next_recent + 1) % RECENT;
        }
    }

    /// Counts a page that was taken from the client.
    pub const fn taken(&mut self) {
        self.resident = self.resident.saturating_sub(1);
        self.faults_out = self.faults_out.wrapping_add(1);
    }

    /// Whether a page is one of those that the client was given last.
    #[must_use]
    pub fn is_recent(&self, page: Page) -> bool {
        self.recent.contains(&page.number())
    }

    /// Whether the client has as many pages as its limit allows.
    #[must_use]
    pub const fn is_at_its_limit(&self) -> bool {
        const LEAST: u32 = RECENT as u32;
        self.limit != 0 && self.resident >= if self.limit > LEAST { self.limit } else { LEAST }
    }
}

/// A set of directory entries of user space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tables([u32; Self::WORDS]);

impl Tables {
    /// How many directory entries may be a process's own.
    const COUNT: u32 = USER_TOP / (PAGE_SIZE * ENTRIES);
    const WORDS: usize = Self::COUNT.div_ceil(u32::BITS) as usize;
    /// No directory entry.
    pub const NONE: Self = Self([0; Self::WORDS]);

    /// Adds directory entry `index`; does nothing if it is the kernel's.
    pub const fn add(&mut self, index: u32) {
        if index < Self::COUNT {
            self.0[(index / u32::BITS) as usize] |= 1 << (index % u32::BITS);
        }
    }

    /// The first member from `index` on.
    #[must_use]
    pub fn from(&self, index: u32) -> Option<u32> {
        (index..Self::COUNT)
            .find(|index| self.0[(index / u32::BITS) as usize] >> (index % u32::BITS) & 1 != 0)
    }
}

/// The accounts, by process slot.
#[derive(Debug)]
pub struct Accounts {
    by_slot: Pool<Option<Account>>,
    /// How many are forked children that have not started.
    unstarted: u32,
}

impl Accounts {
    /// No accounts.
    #[must_use]
    pub fn new() -> Self {
        Self { by_slot: Pool::new(libsys::abi::layout::PROCESSES as usize), unstarted: 0 }
    }

    /// Adds the account of a new client.
    ///
    /// # Errors
    /// `Full`: there is no memory for it.
    pub fn insert(&mut self, account: Account, memory: &mut impl Memory) -> Result<(), Full> {
        let slot = account.id.index() as usize;
        let missing = (slot + 1).saturating_sub(self.by_slot.all().len());
        self.by_slot.grow(missing, &None, memory)?;
        let is_unstarted = account.copy_of.is_some();
        let before = self.by_slot.all_mut()[slot].replace(account);
        self.unstarted += u32::from(is_unstarted);
        self.unstarted -= u32::from(before.is_some_and(|before| before.copy_of.is_some()));
        Ok(())
    }

    /// Removes the account of a client that has ended.
    pub fn remove(&mut self, id: ProcessId) {
        if self.get(id).is_some() {
            self.started(id);
            self.by_slot.all_mut()[id.index() as usize] = None;
        }
    }

    /// Takes note that a forked child has started.
    pub fn started(&mut self, id: ProcessId) {
        let parent = self.get_mut(id).and_then(|account| account.copy_of.take());
        self.unstarted -= u32::from(parent.is_some());
    }

    /// Whether any client is a forked child that has not started.
    #[must_use]
    pub const fn has_unstarted(&self) -> bool {
        self.unstarted > 0
    }

    /// The account of a client.
    #[must_use]
    pub fn get(&self, id: ProcessId) -> Option<&Account> {
        self.at(id.index() as usize).filter(|account| account.id == id)
    }

    /// The account of a client.
    pub fn get_mut(&mut self, id: ProcessId) -> Option<&mut Account> {
        let slot = self.by_slot.all_mut().get_mut(id.index() as usize)?;
        slot.as_mut().filter(|account| account.id == id)
    }

    /// The account of the client in a process slot.
    #[must_use]
    pub fn at(&self, slot: usize) -> Option<&Account> {
        self.by_slot.all().get(slot)?.as_ref()
    }

    /// Process slots above this number have no client.
    #[must_use]
    pub const fn slots(&self) -> usize {
        self.by_slot.all().len()
    }

    /// All clients.
    pub fn ids(&self) -> impl Iterator<Item = ProcessId> {
        self.by_slot.all().iter().flatten().map(|account| account.id)
    }
}

impl Default for Accounts {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::Plenty;

    #[test]
    fn the_last_pages_given_are_remembered_each_once() {
        let mut account = Account::new(ProcessId::first(1));
        [1, 2, 1, 3].map(Page::numbered).iter().for_each(|page| account.given(*page));
        (4..=RECENT as u32).map(Page::numbered).for_each(|page| account.given(page));
        assert!(account.is_recent(Page::numbered(1)), "eight pages, none of them twice");
        account.given(Page::numbered(100));
        assert!(!account.is_recent(Page::numbered(1)));
        assert!(account.is_recent(Page::numbered(2)));
    }

    #[test]
    fn a_set_of_tables_has_what_was_added_and_nothing_else() {
        for index in [0, 1, 31, 32, Tables::COUNT - 1] {
            let mut tables = Tables::NONE;
            tables.add(index);
            assert_eq!(tables.from(0), Some(index));
            assert_eq!((tables.from(index), tables.from(index + 1)), (Some(index), None));
        }
        let mut tables = Tables::NONE;
        tables.add(Tables::COUNT);
        assert_eq!(tables, Tables::NONE, "the kernel's tables are no client's");
    }

    #[test]
    fn a_limit_of_one_page_is_a_limit_of_the_recent_ones() {
        let mut account = Account { limit: 1, ..Account::new(ProcessId::first(1)) };
        account.resident = RECENT as u32 - 1;
        assert!(!account.is_at_its_limit());
        account.resident += 1;
        assert!(account.is_at_its_limit());
        account.limit = 0;
        assert!(!account.is_at_its_limit());
    }

    #[test]
    fn a_limit_above_the_recent_pages_is_reached_by_its_last_page() {
        for limit in [RECENT as u32, RECENT as u32 + 1, 100] {
            let mut account = Account { limit, ..Account::new(ProcessId::first(1)) };
            for (resident, expected) in [(limit - 1, false), (limit, true), (limit + 1, true)] {
                account.resident = resident;
                assert_eq!(account.is_at_its_limit(), expected, "{resident} of {limit}");
            }
        }
    }

    #[test]
    fn a_page_that_is_taken_is_one_less_in_memory_and_one_more_that_went() {
        let mut account = Account { faults_out: u32::MAX, ..Account::new(ProcessId::first(1)) };
        account.given(Page::numbered(1));
        account.taken();
        assert_eq!((account.resident, account.faults_out), (0, 0));
        account.taken();
        assert_eq!(
            (account.resident, account.faults_out),
            (0, 1),
            "the client unmapped one itself"
        );
    }

    #[test]
    fn a_forked_child_has_what_its_parent_was_given_and_no_touches_of_its_own() {
        let (parent, child) = (ProcessId::first(1), ProcessId::first(2));
        let mut of_parent = Account { limit: 40, faults_in: 5, ..Account::new(parent) };
        of_parent.has_lost_pages = true;
        of_parent.given(Page::numbered(5000));
        of_parent.given_ahead(Page::numbered(5001));
        let mut tables = Tables::NONE;
        tables.add(4);
        let inherited = Account {
            limit: 40,
            resident: 2,
            has_lost_pages: true,
            tables,
            copy_of: Some(parent),
            ..Account::new(child)
        };
        assert_eq!(Account::forked(child, &of_parent), inherited);
    }

    #[test]
    fn a_forked_child_is_unstarted_until_it_starts_or_ends_or_another_client_has_its_slot() {
        let parent = Account::new(ProcessId::first(1));
        let [child, other] = [2, 3].map(ProcessId::first);
        let mut accounts = Accounts::new();
        accounts.insert(parent, &mut Plenty).unwrap();
        assert!(!accounts.has_unstarted());
        let ends: [fn(&mut Accounts, ProcessId); 3] =
            [Accounts::started, Accounts::remove, |accounts, child| {
                accounts.insert(Account::new(child.next()), &mut Plenty).unwrap();
            }];
        for end in ends {
            for id in [child, other] {
                accounts.insert(Account::forked(id, &parent), &mut Plenty).unwrap();
            }
            end(&mut accounts, child);
            assert!(accounts.has_unstarted());
            accounts.started(parent.id);
            assert!(accounts.has_unstarted(), "the parent is no such child");
            end(&mut accounts, other);
            assert!(!accounts.has_unstarted());
        }
    }

    #[test]
    fn an_account_is_of_one_client_and_goes_with_it_alone() {
        let mut accounts = Accounts::new();
        let (client, other) = (ProcessId::first(3), ProcessId::first(1));
        let stale = ProcessId::new(client.bits() + 0x1000).unwrap();
        assert_eq!((accounts.slots(), accounts.at(3)), (0, None));
        for id in [client, other] {
            accounts.insert(Account::new(id), &mut Plenty).unwrap();
        }
        assert_eq!((accounts.slots(), accounts.ids().collect()), (4, vec![other, client]));
        assert_eq!(accounts.get(stale), None);
        assert_eq!(accounts.get_mut(stale), None);
        accounts.remove(stale);
        assert!(accounts.get(client).is_some());
        accounts.remove(client);
        assert_eq!((accounts.get(client), accounts.at(3)), (None, None));
        assert!(accounts.get(other).is_some());
    }
}
