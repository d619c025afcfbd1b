//! Pagers and clients: how a process gets a pager, and how the pager learns that its client forks.

use abi::process::Target;
use abi::{Error, ProcessId};

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::state::process::{
    Index, MessageBuffer, PAGER_CHAIN, PendingRequest, Right, State, ViewName,
};

impl<H: Hardware> Kernel<H> {
    /// Gives a child a pager, or takes its pager away.
    ///
    /// # Errors
    /// - `NoSuchProcess`: the process is not a child of the caller, or no process has the pager's
    ///   id.
    /// - `Busy`: the child waits for a reply of the pager that it has now.
    /// - `Refused`: the pager is another process than the caller and does not accept clients.
    /// - `Deadlock`: the pager would be its own client through others, or the chain of pagers would
    ///   be longer than [`PAGER_CHAIN`].
    pub(crate) fn set_pager(
        &mut self,
        caller: Index,
        child: Target,
        pager: Option<ProcessId>,
    ) -> Result<(), Error> {
        let child = self.child(caller, child)?;
        if self.waits_for_pager(child) {
            return Err(Error::Busy);
        }
        if let Some(pager) = pager {
            let index = self.processes.find(pager)?;
            if index != caller && !self.processes[index].paging.accepts_clients {
                return Err(Error::Refused);
            }
            self.check_pager_chain(child, index)?;
        }
        // If the pager changes, the old pager may not view the child any more.
        if self.processes[child].paging.pager != pager {
            self.lose_view(ViewName::new(child, Right::Pager));
        }
        self.processes.unlink_client(child);
        if let Some(pager) = pager {
            self.processes.link_client(child, pager);
        }
        self.succeed(caller)
    }

    /// Checks that a new pager closes no cycle and makes no chain of more than [`PAGER_CHAIN`]
    /// pagers. The chain counts the pagers above the client and the longest chain of clients below
    /// it.
    fn check_pager_chain(&self, client: Index, pager: Index) -> Result<(), Error> {
        let mut length = self.processes[client].paging.clients_below() + 1;
        let mut at = Some(pager);
        while let Some(index) = at {
            if index == client || length > PAGER_CHAIN {
                return Err(Error::Deadlock);
            }
            length += 1;
            at = self.pager_of(index);
        }
        Ok(())
    }

    /// Whether a process waits for its pager: with a fault, a fork, or a call that needs frames.
    fn waits_for_pager(&self, index: Index) -> bool {
        match self.processes[index].state {
            State::Sending { pending_request, .. } | State::Answer { pending_request, .. } => {
                match pending_request {
                    PendingRequest::Fault { .. }
                    | PendingRequest::ForwardedFault
                    | PendingRequest::Clone
                    | PendingRequest::Frames => true,
                    PendingRequest::Send | PendingRequest::Call => false,
                }
            }
            State::Free
            | State::Ready
            | State::Receiving
            | State::ReceivingInterrupt
            | State::ReceivingExit { .. }
            | State::ReceivingFrom { .. }
            | State::JosReceiving
            | State::Sleeping
            | State::Waiting { .. }
            | State::Reading
            | State::Dying
            | State::Ended => false,
        }
    }

    /// The pager of a process. It is alive, because a pager that ends loses its clients first
    /// (`release_clients`).
    pub(crate) fn pager_of(&self, index: Index) -> Option<Index> {
        self.processes[index].paging.pager.map(|pager| Index::new(pager.index()))
    }

    /// Asks the caller's pager to adopt a child that the caller is forking. Succeeds at once if the
    /// caller has no pager.
    ///
    /// # Errors
    /// - `NoSuchProcess`: the process is not a child of the caller.
    /// - `Refused`: the child's pager is not the caller's.
    /// - `PeerEnded`: the caller's pager has ended.
    /// - `Deadlock`: the pager waits for the caller.
    pub(crate) fn clone_call(&mut self, caller: Index, child: ProcessId) -> Result<(), Error> {
        let index = self.child(caller, child.into())?;
        let Some(pager) = self.processes[caller].paging.pager else {
            let ended = self.processes[caller].paging.pager_ended;
            return if ended { Err(Error::PeerEnded) } else { self.succeed(caller) };
        };
        if self.processes[index].paging.pager != Some(pager) {
            return Err(Error::Refused);
        }
        let to = Index::new(pager.index());
        let message_buffer = MessageBuffer::words([child.bits(), 0, 0, 0]);
        self.begin_request(caller, to, PendingRequest::Clone, message_buffer)?;
        Ok(())
    }
}
