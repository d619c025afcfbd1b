//! Who may do what to whom. The table is in ARCHITECTURE.md; this is all the code that reads it.

use abi::process::Target;
use abi::{Error, ProcessId};

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::state::process::{Index, Right};

impl<H: Hardware> Kernel<H> {
    /// A process whose memory the caller may change: itself, its child, its client.
    #[inline(always)]
    pub(crate) fn memory_of(&self, caller: Index, target: Target) -> Result<Index, Error> {
        match target {
            Target::Caller => Ok(caller),
            Target::Process(id) => self.memory_target(caller, id),
        }
    }

    /// As [`Kernel::memory_of`], by the id.
    pub(crate) fn memory_target(&self, caller: Index, id: ProcessId) -> Result<Index, Error> {
        let index = self.processes.find(id)?;
        let is_pager = self.is_client(caller, index);
        self.allow(index, index == caller || self.is_child(caller, index) || is_pager)
    }

    /// A process that the caller may view, and by what right: its child, or else its client.
    pub(crate) fn viewed_by(&self, caller: Index, target: Target) -> Result<(Index, Right), Error> {
        let index = self.processes.resolve(caller, target)?;
        let is_child = self.is_child(caller, index);
        let right = if is_child { Right::Parent } else { Right::Pager };
        let allowed = index != caller && (is_child || self.is_client(caller, index));
        Ok((self.allow(index, allowed)?, right))
    }

    /// A child of the caller.
    pub(crate) fn child(&self, caller: Index, target: Target) -> Result<Index, Error> {
        let index = self.processes.resolve(caller, target)?;
        self.allow(index, self.is_child(caller, index))
    }

    /// The caller itself or a child: JOS's rule.
    pub(crate) fn self_or_child(&self, caller: Index, target: Target) -> Result<Index, Error> {
        let index = self.processes.resolve(caller, target)?;
        self.allow(index, index == caller || self.is_child(caller, index))
    }

    /// The caller itself or any descendant.
    pub(crate) fn descendant(&self, caller: Index, target: Target) -> Result<Index, Error> {
        let index = self.processes.resolve(caller, target)?;
        self.allow(index, self.processes.is_descendant(index, caller))
    }

    fn is_child(&self, parent: Index, child: Index) -> bool {
        self.processes[child].family.parent == Some(parent)
    }

    fn is_client(&self, pager: Index, client: Index) -> bool {
        self.processes[client].paging.pager.is_some()
            && self.processes[client].paging.pager == self.processes[pager].id
    }

    fn allow(&self, index: Index, allowed: bool) -> Result<Index, Error> {
        if allowed { Ok(index) } else { Err(Error::NoSuchProcess) }
    }
}
