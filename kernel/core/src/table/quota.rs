//! What processes use, and the bounds on it: each is charged, and so is every bounded process above it.

use abi::Error;

use crate::process::{Index, Quota};

use super::Processes;

impl Processes {
    /// Charges `frames` mapped frames to a process and to every bounded ancestor.
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
        account: Option<Index>,
        by: Quota,
    ) -> Result<(), Error> {
        let exceeds = |bound: u32, used: u32, by: u32| by > 0 && bound != 0 && used + by > bound;
        let mut at = account;
        while let Some(index) = at {
            let process = &self[index];
            if exceeds(process.quota.frames, process.subtree.frames, by.frames)
                || exceeds(process.quota.processes, process.subtree.processes, by.processes)
            {
                return Err(Error::QuotaExceeded);
            }
            at = self.account_above(index);
        }
        let mut at = account;
        while let Some(index) = at {
            self[index].subtree.frames += by.frames;
            self[index].subtree.processes += by.processes;
            at = self.account_above(index);
        }
        Ok(())
    }

    #[cold]
    pub(super) fn credit_account(&mut self, account: Option<Index>, by: Quota) {
        let mut at = account;
        while let Some(index) = at {
            self[index].subtree.frames -= by.frames;
            self[index].subtree.processes -= by.processes;
            at = self.account_above(index);
        }
    }

    pub(super) fn account_above(&self, index: Index) -> Option<Index> {
        self[index].parent.and_then(|parent| self[parent].account)
    }

    /// Gives a childless process a bound, or changes the one it has.
    ///
    /// # Errors
    /// `Busy`: it has children and no bound yet, so what they use was never counted.
    pub fn set_quota(&mut self, index: Index, quota: Quota) -> Result<(), Error> {
        if self[index].account != Some(index) {
            if self[index].first_child.is_some() || self[index].awaited > 0 {
                return Err(Error::Busy);
            }
            self[index].subtree = Quota { frames: self[index].mapped, processes: 1 };
            self[index].account = Some(index);
        }
        self[index].quota = quota;
        Ok(())
    }
}
