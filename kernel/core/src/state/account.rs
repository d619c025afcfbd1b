//! What processes use, and the bounds on it: an *account* counts what a bounded process and all its descendants use.
//!
//! A process that gets a bound opens an account, and every descendant that it makes from then on belongs to the
//! account, or to one below it. The account outlives the process that it was opened for: it is closed when the last
//! process that it counts has given its slot back. So a bounded process does not leave its bound by ending: its
//! descendants move up to its parent, but they are still counted, and bounded, together.
//!
//! The road not taken is to end the descendants of a bounded process with it. A bound would then be more than a
//! bound: a program that starts servers and exits would work without one and not with one.
//!
//! A bound can be changed as long as the process lives that it was given to. After that its parent can only end the
//! descendants.

use core::num::NonZeroU16;

use abi::layout::PROCESSES;

/// A bound on what a process and its descendants use; 0 is no bound.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quota {
    /// Frames mapped, tables included.
    pub frames: u32,
    /// Processes.
    pub processes: u32,
}

impl Quota {
    /// No bound at all.
    #[must_use]
    pub const fn is_unbounded(self) -> bool {
        self.frames == 0 && self.processes == 0
    }
}

/// Accounts of which one counts for the next. Each charge takes a step for each of them.
pub(super) const NESTING: u8 = 16;

/// The number of an account, `0..1024`. `Option<AccountName>` is two bytes, and all zero for `None`.
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

/// A bound and what is used of it.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    /// The bound.
    pub bound: Quota,
    /// What its processes use, those of accounts below included. An account without processes is closed.
    pub used: Quota,
    /// How many of its processes are dying: what these use will come back without anybody's doing.
    pub dying: u32,
    /// The account that it counts for as well; of a closed account, the next closed one.
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

    pub(super) const fn has_room(&self, by: Quota) -> bool {
        const fn fits(bound: u32, used: u32, by: u32) -> bool {
            by == 0 || bound == 0 || used + by <= bound
        }
        fits(self.bound.frames, self.used.frames, by.frames)
            && fits(self.bound.processes, self.used.processes, by.processes)
    }
}

/// All accounts. Nothing looks at all of them.
pub struct Accounts {
    all: [Account; PROCESSES as usize],
    /// Closed accounts, last closed first.
    pub(super) closed: Option<AccountName>,
    /// Accounts from here on were never opened.
    fresh: u32,
    /// The account whose bound was met last.
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

    /// Opens an account for one process; `None` if there are too many, or too many above it.
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

    /// Calls `step` with this account and each above it.
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

    /// The first of this account and those above it of which `wanted` is true.
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
