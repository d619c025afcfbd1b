//! Accounts: an *account* counts what a process with a quota and all its descendants use, and holds
//! the quota.
//!
//! A process that gets a quota opens an account. Every descendant that it makes from then on is
//! charged to that account, or to one below it. The account outlives its process: it is closed when
//! the last process that is charged to it has freed its slot. So a process cannot leave its quota
//! by ending. Its descendants are reparented, but they are still counted and bounded together.
//!
//! The road not taken is to end the descendants together with the process. Then a quota would
//! change what a program does, and not only how much it may use: a program that starts servers and
//! exits would work without a quota and fail with one.
//!
//! A quota can be changed while the process to which it was given lives. After that, the parent can
//! only end the descendants.

use core::num::NonZeroU16;

use abi::layout::PROCESSES;

/// A bound on what a process and its descendants use, or such a use. As a bound, 0 means none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quota {
    /// Mapped frames, directories and page tables included.
    pub frames: u32,
    /// Processes.
    pub processes: u32,
}

/// The most nested accounts. Each charge takes one step for each account above.
pub(super) const NESTING: u8 = 16;

/// The number of an account, `0..1024`. `Option<AccountName>` is two bytes, and `None` is all
/// zeros.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct AccountName(NonZeroU16);

impl AccountName {
    pub(super) const fn new(number: usize) -> Self {
        match NonZeroU16::new(number as u16 + 1) {
            Some(number) => Self(number),
            None => unreachable!(),
        }
    }

    pub(super) const fn number(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// A quota and the use that is charged to it.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    /// The quota.
    pub bound: Quota,
    /// What the charged processes use, those of the accounts below included. An account with no
    /// process is closed.
    pub used: Quota,
    /// How many of the charged processes are dying. The kernel takes their charges back without any
    /// call of a process.
    pub dying: u32,
    /// The account to which each charge is charged as well. In a closed account: the next closed
    /// account.
    pub above: Option<AccountName>,
    /// How many accounts are above it.
    depth: u8,
}

impl Account {
    const CLOSED: Self = Self {
        bound: Quota { frames: 0, processes: 0 },
        used: Quota { frames: 0, processes: 0 },
        dying: 0,
        above: None,
        depth: 0,
    };

    /// Whether the quota allows `by` more. What `by` does not ask for is not checked: a process
    /// whose quota was lowered below its use can still be charged the other kind.
    pub(super) const fn has_room(&self, by: Quota) -> bool {
        const fn fits(bound: u32, used: u32, by: u32) -> bool {
            by == 0 || bound == 0 || used + by <= bound
        }
        fits(self.bound.frames, self.used.frames, by.frames)
            && fits(self.bound.processes, self.used.processes, by.processes)
    }
}

/// All accounts. No function visits all of them.
pub struct Accounts {
    all: [Account; PROCESSES as usize],
    /// The account that was closed last. Closed accounts are linked by `above`.
    pub(super) closed: Option<AccountName>,
    /// Accounts from this number on have never been opened.
    fresh: u32,
    /// The account whose quota refused a charge last.
    pub(super) met: Option<AccountName>,
}

impl Accounts {
    pub(super) const fn new() -> Self {
        Self { all: [Account::CLOSED; PROCESSES as usize], closed: None, fresh: 0, met: None }
    }

    pub(super) fn get(&self, name: AccountName) -> &Account {
        &self.all[name.number()]
    }

    pub(super) fn get_mut(&mut self, name: AccountName) -> &mut Account {
        &mut self.all[name.number()]
    }

    /// Opens an account for one process. `None`: 1,024 accounts are open, or [`NESTING`] accounts
    /// are nested already.
    pub(super) fn open(
        &mut self,
        above: Option<AccountName>,
        bound: Quota,
        frames: u32,
    ) -> Option<AccountName> {
        let depth = above.map_or(0, |above| self.get(above).depth + 1);
        if depth >= NESTING {
            return None;
        }
        let name = match self.closed {
            Some(name) => {
                self.closed = self.get(name).above;
                name
            }
            None if self.fresh < PROCESSES => {
                self.fresh += 1;
                AccountName::new(self.fresh as usize - 1)
            }
            None => return None,
        };
        let used = Quota { frames, processes: 1 };
        *self.get_mut(name) = Account { bound, used, dying: 0, above, depth };
        Some(name)
    }

    /// Calls `step` for this account and for each account above.
    pub(super) fn for_each(
        &mut self,
        first: Option<AccountName>,
        mut step: impl FnMut(&mut Account),
    ) {
        let mut at = first;
        while let Some(name) = at {
            let account = self.get_mut(name);
            step(account);
            at = account.above;
        }
    }

    /// The first account, from this one upwards, for which `wanted` is true.
    pub(super) fn find(
        &self,
        first: Option<AccountName>,
        wanted: impl Fn(&Account) -> bool,
    ) -> Option<AccountName> {
        let mut at = first;
        while let Some(name) = at {
            if wanted(self.get(name)) {
                return at;
            }
            at = self.get(name).above;
        }
        None
    }
}
