//! Who pages whom: each pager's clients are a list, so that they forget the pager's id when it ends.
//!
//! An id comes round after 524,287 uses of its slot. Whoever kept it would then give its authority to somebody else.
//!
//! Each pager also counts its clients by the length of the chain below them ([`Process::clients_over`]). So the length
//! of a chain is known without a look at all clients, and shrinks when clients go. A change at one end of a chain moves
//! a client of each pager above from one count to another, until a pager's own length stays as it is.
//!
//! [`Process::clients_over`]: crate::state::process::Process::clients_over

use abi::ProcessId;

use crate::state::process::Index;

use super::Processes;

impl Processes {
    /// Gives a process that has no pager one, which is alive.
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

    /// Takes a process's pager away, if it has one.
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

    /// A client of a pager has, or had, a chain of such a length below it: counts it there, and what follows from it for
    /// the pagers above. There are at most [`PAGER_CHAIN`](crate::state::process::PAGER_CHAIN) of them.
    fn count_client(&mut self, pager: Index, before: Option<u8>, now: Option<u8>) {
        let (mut at, mut before, mut now) = (Some(pager), before, now);
        while let Some(pager) = at {
            let process = &mut self[pager];
            // Most often the pager has other clients like this one, and its own chain stays as it is.
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

    /// A pager ends: its clients have none from now on, and know why. Costs a step for each.
    pub fn release_clients(&mut self, pager: Index) {
        while let Some(client) = self[pager].paging.first_client {
            self.unlink_client(client);
            self[client].paging.pager_ended = true;
        }
    }
}
