//! How the frames and processes that a process uses are charged to its account and to the accounts
//! above ([`crate::state::account`]).

use abi::Error;

use crate::state::account::{Account, AccountName, Quota};
use crate::state::process::Index;

use super::Processes;

impl Processes {
    /// Charges `frames` mapped frames to a process, to its account, and to every account above.
    ///
    /// # Errors
    /// `QuotaExceeded`: the charge would exceed the quota of one of these accounts; nothing was
    /// charged.
    // Inlined: see `frames.rs`.
    #[inline(always)]
    pub fn charge(&mut self, index: Index, frames: u32) -> Result<(), Error> {
        if self[index].memory.account.is_some() {
            self.charge_account(self[index].memory.account, Quota { frames, processes: 0 })?;
        }
        self[index].memory.mapped += frames;
        Ok(())
    }

    /// Whether a quota applies to this process.
    #[must_use]
    pub fn is_bounded(&self, index: Index) -> bool {
        self[index].memory.account.is_some()
    }

    /// The account with this name.
    #[must_use]
    pub fn account(&self, name: AccountName) -> &Account {
        self.accounts.get(name)
    }

    /// What a process uses, and its quota.
    ///
    /// If the process has a quota of its own, the use includes that of its descendants. Otherwise
    /// it is the process's own use, and the quota is none.
    #[must_use]
    pub fn usage(&self, index: Index) -> (Quota, Quota) {
        let process = &self[index];
        match process.memory.account {
            Some(account) if process.memory.bounded => {
                (self.account(account).used, self.account(account).bound)
            }
            _ => (Quota { frames: process.memory.mapped, processes: 1 }, Quota::default()),
        }
    }

    /// Takes back a charge of `frames` mapped frames.
    #[inline(always)]
    pub fn credit(&mut self, index: Index, frames: u32) {
        if self[index].memory.account.is_some() {
            self.credit_account(self[index].memory.account, Quota { frames, processes: 0 });
        }
        self[index].memory.mapped -= frames;
    }

    /// Charges `by` to an account and to every account above.
    ///
    /// All of them are checked before any is charged, so nothing has to be taken back on an error.
    /// The account whose quota refused is kept in `met`.
    ///
    /// # Errors
    /// `QuotaExceeded`: the charge would exceed the quota of one of these accounts; nothing was
    /// charged.
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

    /// Takes back a charge from an account and those above, and closes the accounts that have no
    /// process any more.
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

    /// Records in the accounts that a process is dying: its charges will be taken back.
    pub fn begin_dying(&mut self, index: Index) {
        self.accounts.for_each(self[index].memory.account, |account| account.dying += 1);
    }

    /// Records in the accounts that a dying process has freed all its memory.
    pub fn finish_dying(&mut self, index: Index) {
        self.accounts.for_each(self[index].memory.account, |account| account.dying -= 1);
    }

    /// After `QuotaExceeded`: whether a process that is charged to the account whose quota was
    /// reached is dying. A second try may then succeed.
    #[must_use]
    pub fn met_bound_gives_way(&self) -> bool {
        self.accounts.met.is_some_and(|met| self.accounts.get(met).dying > 0)
    }

    /// After `QuotaExceeded` for a new process: whether only the quota on processes was reached,
    /// and not the one on frames.
    #[must_use]
    pub fn met_bound_on_processes(&self) -> bool {
        let directory = Quota { frames: 1, processes: 0 };
        self.accounts.met.is_some_and(|met| self.accounts.get(met).has_room(directory))
    }

    /// Whether a charge of `frames` would exceed a quota now and may not exceed it later, because a
    /// process that is charged to that account is dying.
    #[must_use]
    pub fn meets_bound_that_gives_way(&self, index: Index, frames: u32) -> bool {
        let by = Quota { frames, processes: 0 };
        let gives_way = |account: &Account| account.dying > 0 && !account.has_room(by);
        self.accounts.find(self[index].memory.account, gives_way).is_some()
    }

    /// Gives a process a quota, or changes the one that it has.
    ///
    /// # Errors
    /// Nothing was changed.
    /// - `Busy`: the process has no quota yet and has children, or ended children that it can wait
    ///   for. Their use was never counted in an account of the process's.
    /// - `Refused`: 16 accounts are nested already, or 1,024 accounts are open.
    pub fn set_quota(&mut self, index: Index, quota: Quota) -> Result<(), Error> {
        let process = &self[index];
        let account = match process.memory.account {
            Some(account) if process.memory.bounded => account,
            above => {
                if process.family.first_child.is_some() || process.family.awaited > 0 {
                    return Err(Error::Busy);
                }
                let mapped = process.memory.mapped;
                self.accounts.open(above, quota, mapped).ok_or(Error::Refused)?
            }
        };
        self.accounts.get_mut(account).bound = quota;
        (self[index].memory.account, self[index].memory.bounded) = (Some(account), true);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::account::NESTING;
    use abi::Frame;
    use abi::layout::PROCESSES;
    use alloc::boxed::Box;
    use alloc::vec::Vec;

    const UNBOUNDED: Quota = Quota { frames: 0, processes: 0 };

    fn child(processes: &mut Processes, parent: Index) -> Index {
        processes.create(Some(parent), Frame::from_number(1), true).expect("a slot is free")
    }

    /// An empty table. It takes about a megabyte, which is too much for the stack of a test's
    /// thread.
    fn no_processes() -> Box<Processes> {
        let build = || Box::new(Processes::new());
        std::thread::Builder::new().stack_size(16 << 20).spawn(build).unwrap().join().unwrap()
    }

    /// Ends a process, frees its memory, and lets its parent reap it.
    fn end(processes: &mut Processes, index: Index) {
        processes.begin_dying(index);
        processes.reparent_children(index);
        processes.move_to_gone(index);
        processes.credit(index, 1);
        processes.finish_dying(index);
        processes.free(index);
    }

    /// Makes [`NESTING`] generations. Each gets a quota, has a child, and ends, so that many nested
    /// accounts count the last process.
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
