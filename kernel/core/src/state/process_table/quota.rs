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

use abi::Error;
use abi::layout::PROCESSES;

use crate::state::process::{Index, Quota};

use super::Processes;

/// Accounts of which one counts for the next. Each charge takes a step for each of them.
const NESTING: u8 = 16;

/// The number of an account, `0..1024`. `Option<AccountName>` is two bytes, and all zero for `None`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct AccountName(NonZeroU16);

impl AccountName {
    const fn new(number: usize) -> Self {
        match NonZeroU16::new(number as u16 + 1) {
            Some(number) => Self(number),
            None => unreachable!(),
        }
    }

    const fn number(self) -> usize {
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

    const fn has_room(&self, by: Quota) -> bool {
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
    closed: Option<AccountName>,
    /// Accounts from here on were never opened.
    fresh: u32,
    /// The account whose bound was met last.
    met: Option<AccountName>,
}

impl Accounts {
    pub(super) const fn new() -> Self {
        Self { all: [Account::CLOSED; PROCESSES as usize], closed: None, fresh: 0, met: None }
    }

    fn get(&self, name: AccountName) -> &Account {
        &self.all[name.number()]
    }

    fn get_mut(&mut self, name: AccountName) -> &mut Account {
        &mut self.all[name.number()]
    }

    /// Opens an account for one process; `None` if there are too many, or too many above it.
    fn open(
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
    fn for_each(&mut self, first: Option<AccountName>, mut step: impl FnMut(&mut Account)) {
        let mut at = first;
        while let Some(name) = at {
            let account = self.get_mut(name);
            step(account);
            at = account.above;
        }
    }

    /// The first of this account and those above it of which `wanted` is true.
    fn find(
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

impl Processes {
    /// Charges `frames` mapped frames to a process and to every account that it counts for.
    ///
    /// # Errors
    /// `QuotaExceeded`: one of the bounds; nothing was charged.
    #[inline(always)]
    pub fn charge(&mut self, index: Index, frames: u32) -> Result<(), Error> {
        if self[index].account.is_some() {
            self.charge_account(self[index].account, Quota { frames, processes: 0 })?;
        }
        self[index].mapped += frames;
        Ok(())
    }

    /// Is there a bound on what this process uses?
    #[must_use]
    pub fn is_bounded(&self, index: Index) -> bool {
        self[index].account.is_some()
    }

    /// An account.
    #[must_use]
    pub fn account(&self, name: AccountName) -> &Account {
        self.accounts.get(name)
    }

    /// What a process uses with its descendants and what it may use, if it was given a bound; otherwise what it uses
    /// itself, and no bound.
    #[must_use]
    pub fn usage(&self, index: Index) -> (Quota, Quota) {
        let process = &self[index];
        match process.account {
            Some(account) if process.bounded => {
                (self.account(account).used, self.account(account).bound)
            }
            _ => (Quota { frames: process.mapped, processes: 1 }, Quota::default()),
        }
    }

    /// Takes a charge back.
    #[inline(always)]
    pub fn credit(&mut self, index: Index, frames: u32) {
        if self[index].account.is_some() {
            self.credit_account(self[index].account, Quota { frames, processes: 0 });
        }
        self[index].mapped -= frames;
    }

    #[cold]
    pub(super) fn charge_account(
        &mut self,
        account: Option<AccountName>,
        by: Quota,
    ) -> Result<(), Error> {
        let full = self.accounts.find(account, |account| !account.has_room(by));
        if full.is_some() {
            self.accounts.met = full;
            return Err(Error::QuotaExceeded);
        }
        self.accounts.for_each(account, |account| {
            account.used.frames += by.frames;
            account.used.processes += by.processes;
        });
        Ok(())
    }

    /// Takes a charge back, and closes accounts that have no processes any more.
    #[cold]
    pub(super) fn credit_account(&mut self, account: Option<AccountName>, by: Quota) {
        let mut at = account;
        while let Some(name) = at {
            let closed = self.accounts.closed;
            let account = self.accounts.get_mut(name);
            at = account.above;
            account.used.frames -= by.frames;
            account.used.processes -= by.processes;
            if account.used.processes == 0 {
                debug_assert!(account.used.frames == 0 && account.dying == 0);
                account.above = closed;
                self.accounts.closed = Some(name);
            }
        }
    }

    /// Notes that what a process uses is being given back.
    pub fn begin_dying(&mut self, index: Index) {
        self.accounts.for_each(self[index].account, |account| account.dying += 1);
    }

    /// Notes that a process has given back all its memory.
    pub fn finish_dying(&mut self, index: Index) {
        self.accounts.for_each(self[index].account, |account| account.dying -= 1);
    }

    /// After `QuotaExceeded`: are processes dying that the bound counts?
    #[must_use]
    pub fn met_bound_gives_way(&self) -> bool {
        self.accounts.met.is_some_and(|met| self.accounts.get(met).dying > 0)
    }

    /// After `QuotaExceeded` for a new process: was it the bound on processes alone that was met?
    #[must_use]
    pub fn met_bound_on_processes(&self) -> bool {
        let directory = Quota { frames: 1, processes: 0 };
        self.accounts.met.is_some_and(|met| self.accounts.get(met).has_room(directory))
    }

    /// Would a charge of `frames` meet a bound now that will give way, since processes are dying that it counts?
    #[must_use]
    pub fn meets_bound_that_gives_way(&self, index: Index, frames: u32) -> bool {
        let by = Quota { frames, processes: 0 };
        let gives_way = |account: &Account| account.dying > 0 && !account.has_room(by);
        self.accounts.find(self[index].account, gives_way).is_some()
    }

    /// Gives a childless process a bound, or changes the one it has.
    ///
    /// # Errors
    /// - `Busy`: it has children and no bound yet, so what they use was never counted.
    /// - `Refused`: 16 bounds are on it already, or there are as many accounts as there can be processes.
    pub fn set_quota(&mut self, index: Index, quota: Quota) -> Result<(), Error> {
        let process = &self[index];
        let account = match process.account {
            Some(account) if process.bounded => account,
            above => {
                if process.first_child.is_some() || process.awaited > 0 {
                    return Err(Error::Busy);
                }
                let mapped = process.mapped;
                self.accounts.open(above, quota, mapped).ok_or(Error::Refused)?
            }
        };
        self.accounts.get_mut(account).bound = quota;
        (self[index].account, self[index].bounded) = (Some(account), true);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use abi::Frame;
    use alloc::boxed::Box;
    use alloc::vec::Vec;

    const UNBOUNDED: Quota = Quota { frames: 0, processes: 0 };

    fn child(processes: &mut Processes, parent: Index) -> Index {
        processes.create(Some(parent), Frame::from_number(1), true).expect("a slot is free")
    }

    /// An empty table, which is about a megabyte: too much for the stack of a test's thread.
    fn no_processes() -> Box<Processes> {
        let build = || Box::new(Processes::new());
        std::thread::Builder::new().stack_size(16 << 20).spawn(build).unwrap().join().unwrap()
    }

    /// The end of a process, its teardown, and its parent's wait for it.
    fn end(processes: &mut Processes, index: Index) {
        processes.begin_dying(index);
        processes.orphan(index);
        processes.mourn(index);
        processes.credit(index, 1);
        processes.finish_dying(index);
        processes.free(index);
    }

    /// Each of [`NESTING`] generations gets a bound, has a child, and ends: many accounts count the last one.
    fn chain(processes: &mut Processes, root: Index) -> Result<Index, Error> {
        let mut last = child(processes, root);
        processes.set_quota(last, UNBOUNDED)?;
        for _ in 1..NESTING {
            let next = child(processes, last);
            processes.set_quota(next, UNBOUNDED)?;
            end(processes, last);
            last = next;
        }
        Ok(last)
    }

    #[test]
    fn accounts_run_out_without_harm_and_come_back_with_their_last_process() {
        let mut processes = no_processes();
        let root = processes.create(None, Frame::from_number(1), false).unwrap();
        let chains = PROCESSES / u32::from(NESTING);
        let leaves: Vec<Index> =
            (0..chains).map(|_| chain(&mut processes, root).unwrap()).collect();
        let refused = child(&mut processes, root);
        assert_eq!(processes.set_quota(refused, UNBOUNDED), Err(Error::Refused));
        assert!(!processes.is_bounded(refused));
        for leaf in leaves {
            end(&mut processes, leaf);
            assert!(chain(&mut processes, root).is_ok());
            assert_eq!(processes.set_quota(refused, UNBOUNDED), Err(Error::Refused));
        }
    }
}
