//! Authority: which process may name which other one in a call.
//!
//! ARCHITECTURE.md has the table of rights. The functions here check the rights that come from the
//! relation of two processes (self, child, descendant, client); `driver.rs` checks those of
//! drivers. Every refusal here is `NoSuchProcess`, so a caller cannot find out whether a process
//! exists that it has no right to.

use abi::process::Target;
use abi::{Error, ProcessId};

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::state::process::{Index, Right};

impl<H: Hardware> Kernel<H> {
    /// The process whose memory the caller wants to change: the caller itself, a child or a client.
    pub(crate) fn memory_of(&self, caller: Index, target: Target) -> Result<Index, Error> {
        match target {
            Target::Caller => Ok(caller),
            Target::Process(id) => self.memory_target(caller, id),
        }
    }

    /// As [`Kernel::memory_of`], with an id in place of a target.
    pub(crate) fn memory_target(&self, caller: Index, id: ProcessId) -> Result<Index, Error> {
        let index = self.processes.find(id)?;
        let is_pager = self.is_client(caller, index);
        self.allow(index, index == caller || self.is_child(caller, index) || is_pager)
    }

    /// The process that the caller wants to view, and the right to do so: as the parent, or else as
    /// the pager.
    pub(crate) fn viewed_by(&self, caller: Index, target: Target) -> Result<(Index, Right), Error> {
        let index = self.processes.resolve(caller, target)?;
        let is_child = self.is_child(caller, index);
        let right = if is_child { Right::Parent } else { Right::Pager };
        let allowed = index != caller && (is_child || self.is_client(caller, index));
        Ok((self.allow(index, allowed)?, right))
    }

    /// The process that is named, if it is a child of the caller.
    pub(crate) fn child(&self, caller: Index, target: Target) -> Result<Index, Error> {
        let index = self.processes.resolve(caller, target)?;
        self.allow(index, self.is_child(caller, index))
    }

    /// The process that is named, if it is the caller itself or its child. This is JOS's rule.
    pub(crate) fn self_or_child(&self, caller: Index, target: Target) -> Result<Index, Error> {
        let index = self.processes.resolve(caller, target)?;
        self.allow(index, index == caller || self.is_child(caller, index))
    }

    /// The process that is named, if it is the caller itself or a descendant of it.
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
