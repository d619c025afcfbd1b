//! What the pager counts for each client, and what it bounds.

use libsys::abi::layout::{ENTRIES, PAGE_SIZE, USER_TOP};
use libsys::{Page, ProcessId};

use crate::pool::{Full, Memory, Pool};

/// The pages that a client was given last stay with it, so that an instruction or a call that needs several at once
/// gets on, however small the limit: 2 of instructions, 2 and 2 of operands or buffers, 2 of stack.
pub const RECENT: usize = 8;

/// What is counted for a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Account {
    /// Who it is.
    pub id: ProcessId,
    /// The most pages that it should have in memory; 0 for no bound. Fewer than [`RECENT`] are as many.
    pub limit: u32,
    /// Pages given to it less pages taken from it: an estimate, as it may help itself, and part with pages.
    pub resident: u32,
    /// Pages that came back; wraps.
    pub faults_in: u32,
    /// Pages that went; wraps.
    pub faults_out: u32,
    /// Whose copy it is to become, until it runs: a fork that is under way.
    pub copy_of: Option<ProcessId>,
    /// A page was taken from it once, so that what it finds absent may be here.
    pub has_lost_pages: bool,
    /// The tables in which it was ever given a page.
    pub tables: Tables,
    /// Where the hand stands that looks for its pages alone: a page's number.
    pub hand: u32,
    recent: [u32; RECENT],
    next_recent: usize,
}

/// A page number that no page has.
const NO_PAGE: u32 = u32::MAX;

impl Account {
    /// A new client.
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
            recent: [NO_PAGE; RECENT],
            next_recent: 0,
        }
    }

    /// The client was given a page.
    pub fn given(&mut self, page: Page) {
        self.resident += 1;
        self.tables.add(page.directory_index());
        if !self.is_recent(page) {
            self.recent[self.next_recent] = page.number();
            self.next_recent = (self.next_recent + 1) % RECENT;
        }
    }

    /// A page was taken from the client.
    pub const fn taken(&mut self) {
        self.resident = self.resident.saturating_sub(1);
        self.faults_out = self.faults_out.wrapping_add(1);
    }

    /// Is this page one of those that were given last?
    #[must_use]
    pub fn is_recent(&self, page: Page) -> bool {
        self.recent.contains(&page.number())
    }

    /// Has it as many pages as it should have at most?
    #[must_use]
    pub const fn is_at_its_limit(&self) -> bool {
        const LEAST: u32 = RECENT as u32;
        self.limit != 0 && self.resident >= if self.limit > LEAST { self.limit } else { LEAST }
    }
}

/// A set of user directory entries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tables([u32; Self::WORDS]);

impl Tables {
    /// Directory entries that may be a process's own.
    const COUNT: u32 = USER_TOP / (PAGE_SIZE * ENTRIES);
    const WORDS: usize = Self::COUNT.div_ceil(u32::BITS) as usize;
    /// None of them.
    pub const NONE: Self = Self([0; Self::WORDS]);

    /// Adds directory entry `index`, if it may be a process's own.
    pub const fn add(&mut self, index: u32) {
        if index < Self::COUNT {
            self.0[(index / u32::BITS) as usize] |= 1 << (index % u32::BITS);
        }
    }

    /// The first one from `index` on.
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
}

impl Accounts {
    /// Nobody.
    #[must_use]
    pub fn new() -> Self {
        Self { by_slot: Pool::new(libsys::abi::layout::PROCESSES as usize) }
    }

    /// A new client.
    ///
    /// # Errors
    /// `Full`: there is no memory for its account.
    pub fn insert(&mut self, account: Account, memory: &mut impl Memory) -> Result<(), Full> {
        let slot = account.id.index() as usize;
        let missing = (slot + 1).saturating_sub(self.by_slot.len());
        self.by_slot.grow(missing, &None, memory)?;
        self.by_slot.all_mut()[slot] = Some(account);
        Ok(())
    }

    /// The client has ended.
    pub fn remove(&mut self, id: ProcessId) {
        if self.get(id).is_some() {
            self.by_slot.all_mut()[id.index() as usize] = None;
        }
    }

    /// A client's account.
    #[must_use]
    pub fn get(&self, id: ProcessId) -> Option<&Account> {
        self.at(id.index() as usize).filter(|account| account.id == id)
    }

    /// A client's account.
    pub fn get_mut(&mut self, id: ProcessId) -> Option<&mut Account> {
        let slot = self.by_slot.all_mut().get_mut(id.index() as usize)?;
        slot.as_mut().filter(|account| account.id == id)
    }

    /// The account of the client in a slot.
    #[must_use]
    pub fn at(&self, slot: usize) -> Option<&Account> {
        self.by_slot.all().get(slot)?.as_ref()
    }

    /// Slots that may have a client.
    #[must_use]
    pub const fn slots(&self) -> usize {
        self.by_slot.len()
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
}
