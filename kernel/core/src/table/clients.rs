//! Who pages whom: each pager's clients are a list, so that they forget the pager's id when it ends.
//!
//! An id comes round after 524,287 uses of its slot. Whoever kept it would then give its authority to somebody else.

use abi::ProcessId;

use crate::process::Index;

use super::Processes;

impl Processes {
    /// Gives a process that has no pager one, which is alive.
    pub fn link_client(&mut self, client: Index, pager: ProcessId) {
        let place = Index::new(pager.index());
        debug_assert!(self[place].id == Some(pager) && self[client].pager.is_none());
        let next = self[place].first_client.replace(client);
        if let Some(next) = next {
            self[next].previous_client = Some(client);
        }
        let process = &mut self[client];
        process.pager = Some(pager);
        process.pager_ended = false;
        (process.next_client, process.previous_client) = (next, None);
    }

    /// Takes a process's pager away, if it has one.
    pub fn unlink_client(&mut self, client: Index) {
        let process = &mut self[client];
        process.pager_ended = false;
        let (next, previous) = (process.next_client.take(), process.previous_client.take());
        let Some(pager) = process.pager.take() else { return };
        match previous {
            Some(previous) => self[previous].next_client = next,
            None => self[Index::new(pager.index())].first_client = next,
        }
        if let Some(next) = next {
            self[next].previous_client = previous;
        }
    }

    /// A pager ends: its clients have none from now on, and know why. Costs a step for each.
    pub fn release_clients(&mut self, pager: Index) {
        while let Some(client) = self[pager].first_client {
            self.unlink_client(client);
            self[client].pager_ended = true;
        }
    }
}
