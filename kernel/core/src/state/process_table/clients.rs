//! Pagers and clients: each pager has a list of its clients, so that the clients' links are cleared
//! when it ends.
//!
//! The list is needed because an id is used again after 524,287 processes in its slot. If a client
//! kept the id of an ended pager, a later process with that id would be its pager.
//!
//! Each pager also counts its clients by the length of the chain of clients below each of them
//! (`clients_over`). So the length of a pager's chain is known without a visit to all its clients,
//! and it shrinks when clients go. A new client at the bottom of a chain can lengthen the chain of
//! every pager above. So a change goes upwards and moves one client from one count to another in
//! each pager, up to the first pager whose own length does not change.

use abi::ProcessId;

use crate::state::process::Index;

use super::Processes;

impl Processes {
    /// Gives a process its pager. The process has none, and the pager is alive.
    pub fn link_client(&mut self, client: Index, pager: ProcessId) {
        let index = Index::new(pager.index());
        debug_assert!(self[index].id == Some(pager) && self[client].paging.pager.is_none());
        let next = self[index].paging.first_client.replace(client);
        if let Some(next) = next {
            self[next].paging.previous_client = Some(client);
        }
        let process = &mut self[client];
        process.paging.pager = Some(pager);
        process.paging.pager_ended = false;
        (process.paging.next_client, process.paging.previous_client) = (next, None);
        let below = process.paging.first_client.map_or(0, |_| process.paging.clients_below());
        self.count_client(index, None, Some(below));
    }

    /// Removes a process's pager, if it has one.
    pub fn unlink_client(&mut self, client: Index) {
        let process = &mut self[client];
        process.paging.pager_ended = false;
        let (next, previous) =
            (process.paging.next_client.take(), process.paging.previous_client.take());
        let Some(pager) = process.paging.pager.take() else { return };
        match previous {
            Some(previous) => self[previous].paging.next_client = next,
            None => self[Index::new(pager.index())].paging.first_client = next,
        }
        if let Some(next) = next {
            self[next].paging.previous_client = previous;
        }
        let process = &self[client];
        let below = process.paging.first_client.map_or(0, |_| process.paging.clients_below());
        self.count_client(Index::new(pager.index()), Some(below), None);
    }

    /// Updates the counts of `pager` and of the pagers above. One client of `pager` had a chain of
    /// length `before` below it (`None`: it was no client) and has one of length `now` (`None`: it
    /// is a client no longer).
    ///
    /// The loop takes at most [`PAGER_CHAIN`](crate::state::process::PAGER_CHAIN) steps.
    fn count_client(&mut self, pager: Index, before: Option<u8>, now: Option<u8>) {
        let (mut at, mut before, mut now) = (Some(pager), before, now);
        while let Some(pager) = at {
            let process = &mut self[pager];
            // The common case: the pager has other clients with a chain of this length, so the
            // length of its own chain does not change.
            match (before, now) {
                (None, Some(below)) if process.paging.clients_over[usize::from(below)] > 0 => {
                    process.paging.clients_over[usize::from(below)] += 1;
                    return;
                }
                (Some(below), None) if process.paging.clients_over[usize::from(below)] > 1 => {
                    process.paging.clients_over[usize::from(below)] -= 1;
                    return;
                }
                _ => {}
            }
            let old = process.paging.clients_below();
            if let Some(below) = before {
                process.paging.clients_over[usize::from(below)] -= 1;
            }
            if let Some(below) = now {
                process.paging.clients_over[usize::from(below)] += 1;
            }
            let new = process.paging.clients_below();
            if new == old {
                return;
            }
            (before, now) = (Some(old), Some(new));
            at = process.paging.pager.map(|pager| Index::new(pager.index()));
        }
    }

    /// Removes all clients of a pager that ends, and records in each that its pager has ended. One
    /// step for each client.
    pub fn release_clients(&mut self, pager: Index) {
        while let Some(client) = self[pager].paging.first_client {
            self.unlink_client(client);
            self[client].paging.pager_ended = true;
        }
    }
}
