//! Who may do what to whom. The table is in ARCHITECTURE.md; this is all the code that reads it.

use abi::process::Target;
use abi::{Error, ProcessId};

use crate::kernel::Kernel;
use crate::process::Index;

impl Kernel {
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
        let is_pager = self.processes[index].pager.is_some()
            && self.processes[index].pager == self.processes[caller].id;
        self.allow(index, index == caller || self.is_child(caller, index) || is_pager)
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
        self.processes[child].parent == Some(parent)
    }

    fn allow(&self, index: Index, allowed: bool) -> Result<Index, Error> {
        if allowed { Ok(index) } else { Err(Error::NoSuchProcess) }
    }
}
