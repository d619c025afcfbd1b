//! All processes: which slots are taken, and by whom.
//!
//! Nothing here looks at all slots. Free slots, children and queues are links in the slots; an id names its slot.

mod clients;
mod family;
mod queues;
mod quota;
mod views;

use core::ops;

use abi::layout::PROCESSES;
use abi::process::Target;
use abi::process_info::{ProcessInfo, Status};
use abi::{Error, Frame, ProcessId};

use crate::state::account::{Accounts, Quota};
use crate::state::process::{Index, Process, Queue, State};

/// The records that everyone may read at UENVS: 31 pages exactly.
#[repr(C, align(4096))]
pub struct ProcessInfoTable(pub [ProcessInfo; PROCESSES as usize]);

const _: () = assert!(size_of::<ProcessInfoTable>() == 31 * 4096);

/// Which queue: each process is in at most one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QueueName {
    /// Processes that want a CPU.
    Ready,
    /// Processes whose memory is being taken down.
    Dying,
    /// Processes that wait for console input.
    Readers,
    /// Processes whose messages this one has not received.
    Senders(Index),
    /// Processes that wait for this one's answer.
    Callers(Index),
    /// Ended children of this one.
    Zombies(Index),
}

/// Which of a parent's lists of children.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    /// Alive.
    Living,
    /// Dying or ended.
    Gone,
}

/// The process table.
pub struct Processes {
    slots: [Process; PROCESSES as usize],
    info: ProcessInfoTable,
    /// Freed slots, last freed first, linked by `next`.
    free: Option<Index>,
    /// Slots from here on were never used.
    fresh: u32,
    live: u32,
    ready: Queue,
    dying: Queue,
    readers: Queue,
    accounts: Accounts,
}

impl ops::Index<Index> for Processes {
    type Output = Process;
    fn index(&self, index: Index) -> &Process {
        &self.slots[index.slot()]
    }
}

impl ops::IndexMut<Index> for Processes {
    fn index_mut(&mut self, index: Index) -> &mut Process {
        &mut self.slots[index.slot()]
    }
}

impl Processes {
    /// No processes.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            slots: [Process::FREE; PROCESSES as usize],
            info: ProcessInfoTable([ProcessInfo::FREE; PROCESSES as usize]),
            free: None,
            fresh: 0,
            live: 0,
            ready: Queue { head: None, tail: None },
            dying: Queue { head: None, tail: None },
            readers: Queue { head: None, tail: None },
            accounts: Accounts::new(),
        }
    }

    /// All slots, to be described to debuggers.
    pub(crate) const fn slots(&self) -> &[Process; PROCESSES as usize] {
        &self.slots
    }

    /// The table that everyone may read.
    #[must_use]
    pub const fn info(&self) -> &ProcessInfoTable {
        &self.info
    }

    /// The public record of a process.
    pub fn info_of(&mut self, index: Index) -> &mut ProcessInfo {
        &mut self.info.0[index.slot()]
    }

    /// Processes, ended ones that wait for their parent included.
    #[must_use]
    pub const fn live(&self) -> u32 {
        self.live
    }

    /// The living process with this id.
    ///
    /// # Errors
    /// `NoSuchProcess`: there is none.
    pub fn find(&self, id: ProcessId) -> Result<Index, Error> {
        let index = Index::new(id.index());
        let process = &self[index];
        if process.id == Some(id) && process.is_alive() {
            Ok(index)
        } else {
            Err(Error::NoSuchProcess)
        }
    }

    /// The living process that a target means when `caller` says it.
    ///
    /// # Errors
    /// `NoSuchProcess`: there is none.
    pub fn resolve(&self, caller: Index, target: Target) -> Result<Index, Error> {
        match target {
            Target::Caller => Ok(caller),
            Target::Process(id) => self.find(id),
        }
    }

    /// Slots that hold a process or have ever held one.
    #[must_use]
    pub const fn slots_used(&self) -> u32 {
        self.fresh
    }

    /// Is there a slot left?
    #[must_use]
    pub const fn has_room(&self) -> bool {
        self.free.is_some() || self.fresh < PROCESSES
    }

    /// Takes a slot for a stopped process with this directory and parent, charged with its directory; its parent
    /// will be asked to wait for it if it is `attended`.
    ///
    /// # Errors
    /// - `OutOfProcesses`: no slot is free.
    /// - `QuotaExceeded`: an ancestor's bound on processes or frames.
    pub fn create(
        &mut self,
        parent: Option<Index>,
        directory: Frame,
        attended: bool,
    ) -> Result<Index, Error> {
        let account = parent.and_then(|parent| self[parent].memory.account);
        if !self.has_room() {
            return Err(Error::OutOfProcesses);
        }
        self.charge_account(account, Quota { frames: 1, processes: 1 })?;
        let index = self.take_slot();
        let id = self[index].id.map_or(ProcessId::first(index.slot() as u32), ProcessId::next);
        let (pager, pager_ended, fault_timeout) = parent.map_or((None, false, 0), |parent| {
            let parent = &self[parent];
            (parent.paging.pager, parent.paging.pager_ended, parent.paging.fault_timeout)
        });
        let process = &mut self[index];
        process.begin(id, directory);
        process.family.unattended = !attended;
        process.memory.account = account;
        (process.paging.pager_ended, process.paging.fault_timeout) = (pager_ended, fault_timeout);
        if let Some(pager) = pager {
            self.link_client(index, pager);
        }
        *self.info_of(index) =
            ProcessInfo { id: id.bits(), status: Status::NotRunnable as u32, ..ProcessInfo::FREE };
        if let Some(parent) = parent {
            self.link_child(Family::Living, parent, index);
            self[parent].family.awaited += u32::from(attended);
        }
        self.live += 1;
        Ok(index)
    }

    /// Gives a slot back: the process's memory is gone and nobody asks for it any more.
    pub fn free(&mut self, index: Index) {
        self.credit_account(self[index].memory.account, Quota { frames: 0, processes: 1 });
        self.unlink_child(Family::Gone, index);
        self[index].state = State::Free;
        self.info_of(index).status = Status::Free as u32;
        self[index].links.next = self.free;
        self.free = Some(index);
        self.live -= 1;
    }

    /// As [`crate::Kernel::forget_generations`].
    ///
    /// # Panics
    /// If the slot is not free, or was never used.
    pub fn forget_generations(&mut self, last: ProcessId) {
        let index = Index::new(last.index());
        assert!(self[index].state == State::Free && self[index].id.is_some(), "not a freed slot");
        self[index].id = Some(last);
        self.info_of(index).id = last.bits();
    }

    fn take_slot(&mut self) -> Index {
        if let Some(index) = self.free {
            self.free = self[index].links.next;
            return index;
        }
        self.fresh += 1;
        Index::new(self.fresh - 1)
    }
}

impl Default for Processes {
    fn default() -> Self {
        Self::new()
    }
}
