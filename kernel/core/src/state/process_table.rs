//! The process table: which slots hold a process, and the queues and families of processes.
//!
//! No function here visits all slots. Free slots, children, clients and queues are lists linked
//! through the slots, and an id contains its slot number. So the cost of each function is bounded
//! by what it changes, not by the size of the table.
//!
//! The files: `queues` has the queues of blocked and ready processes, `family` parents and
//! children, `clients` pagers and clients, `views` the views, `quota` the charges to accounts.

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

/// The process info that every process may read at UENVS: exactly 31 pages.
#[repr(C, align(4096))]
pub struct ProcessInfoTable(pub [ProcessInfo; PROCESSES as usize]);

const _: () = assert!(size_of::<ProcessInfoTable>() == 31 * 4096);

/// The name of a queue. Each process is in at most one queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QueueName {
    /// Processes that are ready to run.
    Ready,
    /// Processes that have ended and whose memory is being freed.
    Dying,
    /// Processes that are blocked until there is console input.
    Readers,
    /// Processes whose messages this process has not received.
    Senders(Index),
    /// Processes that wait for this process's reply, or for a message from it.
    Callers(Index),
    /// This process's children that have ended and are not reaped.
    Zombies(Index),
}

/// The name of one of a parent's two lists of children.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    /// The living children.
    Living,
    /// The children that are dying, or that have ended.
    Gone,
}

/// All processes.
pub struct Processes {
    slots: [Process; PROCESSES as usize],
    info: ProcessInfoTable,
    /// The slot that was freed last. Free slots are linked by `next`.
    free: Option<Index>,
    /// Slots from this number on have never been used.
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
    /// A table without processes.
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

    /// All slots, for the table that debuggers read.
    pub(crate) const fn slots(&self) -> &[Process; PROCESSES as usize] {
        &self.slots
    }

    /// The process info that every process may read.
    #[must_use]
    pub const fn info(&self) -> &ProcessInfoTable {
        &self.info
    }

    /// The process info of one process.
    pub fn info_of(&mut self, index: Index) -> &mut ProcessInfo {
        &mut self.info.0[index.slot()]
    }

    /// How many slots are in use: living, dying and ended processes.
    #[must_use]
    pub const fn live(&self) -> u32 {
        self.live
    }

    /// The living process with this id.
    ///
    /// # Errors
    /// `NoSuchProcess`: no living process has this id.
    pub fn find(&self, id: ProcessId) -> Result<Index, Error> {
        let index = Index::new(id.index());
        let process = &self[index];
        if process.id == Some(id) && process.is_alive() {
            Ok(index)
        } else {
            Err(Error::NoSuchProcess)
        }
    }

    /// The living process that a target of a call of `caller`'s means.
    ///
    /// # Errors
    /// `NoSuchProcess`: no living process has the target's id.
    pub fn resolve(&self, caller: Index, target: Target) -> Result<Index, Error> {
        match target {
            Target::Caller => Ok(caller),
            Target::Process(id) => self.find(id),
        }
    }

    /// How many slots hold a process or have held one.
    #[must_use]
    pub const fn slots_used(&self) -> u32 {
        self.fresh
    }

    /// Whether a slot is free.
    #[must_use]
    pub const fn has_room(&self) -> bool {
        self.free.is_some() || self.fresh < PROCESSES
    }

    /// Takes a slot for a stopped process with this directory and parent.
    ///
    /// The directory's frame and the process are charged to the parent's account. The new process
    /// has its parent's pager and fault timeout. If it is `attended`, its parent can wait for it,
    /// and its slot stays in use until then.
    ///
    /// # Errors
    /// Nothing was changed.
    /// - `OutOfProcesses`: no slot is free.
    /// - `QuotaExceeded`: one more process or frame would exceed the quota of the parent's account
    ///   or of one above.
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

    /// Frees a slot. The process's memory is freed already, and its parent has reaped it or cannot
    /// wait for it.
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
    /// If the slot holds a process or was never used.
    pub fn forget_generations(&mut self, last: ProcessId) {
        let index = Index::new(last.index());
        assert!(self[index].state == State::Free && self[index].id.is_some(), "not a freed slot");
        self[index].id = Some(last);
        self.info_of(index).id = last.bits();
    }

    /// Takes the slot that was freed last, or else the first slot that was never used.
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
