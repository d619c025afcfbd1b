//! How what a process uses is charged to its account, and to those above ([`crate::state::account`]).

use abi::Error;

use crate::state::account::{Account, AccountName, Quota};
use crate::state::process::Index;

use super::Processes;

impl Processes {
    /// Charges `frames` mapped frames to a process and to every account that it counts for.
    ///
    /// # Errors
    /// `QuotaExceeded`: one of the bounds; nothing was charged.
    #[inline(always)]
    pub fn charge(&mut self, index: Index, frames: u32) -> Result<(), Error> {
        if self[index].memory.account.is_some() {
            self.charge_account(self[index].memory.account, Quota { frames, processes: 0 })?;
        }
        self[index].memory.mapped += frames;
        Ok(())
    }

    /// Is there a bound on what this process uses?
    #[must_use]
    pub fn is_bounded(&self, index: Index) -> bool {
        self[index].memory.account.is_some()
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
        match process.memory.account {
            Some(account) if process.memory.bounded => {
                (self.account(account).used, self.account(account).bound)
            }
            _ => (Quota { frames: process.memory.mapped, processes: 1 }, Quota::default()),
        }
    }

    /// Takes a charge back.
    #[inline(always)]
    pub fn credit(&mut self, index: Index, frames: u32) {
        if self[index].memory.account.is_some() {
            self.credit_account(self[index].memory.account, Quota { frames, processes: 0 });
        }
        self[index].memory.mapped -= frames;
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
        self.accounts.for_each(self[index].memory.account, |account| account.dying += 1);
    }

    /// Notes that a process has given back all its memory.
    pub fn finish_dying(&mut self, index: Index) {
        self.accounts.for_each(self[index].memory.account, |account| account.dying -= 1);
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
        self.accounts.find(self[index].memory.account, gives_way).is_some()
    }

    /// Gives a childless process a bound, or changes the one it has.
    ///
    /// # Errors
    /// - `Busy`: it has children and no bound yet, so what they use was never counted.
    /// - `Refused`: 16 bounds are on it already, or there are as many accounts as there can be processes.
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

    /// An empty table, which is about a megabyte: too much for the stack of a test's thread.
    fn no_processes() -> Box<Processes> {
        let build = || Box::new(Processes::new());
        std::thread::Builder::new().stack_size(16 << 20).spawn(build).unwrap().join().unwrap()
    }

    /// The end of a process, its teardown, and its parent's wait for it.
    fn end(processes: &mut Processes, index: Index) {
        processes.begin_dying(index);
        processes.reparent_children(index);
        processes.move_to_gone(index);
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
