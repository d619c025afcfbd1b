//! All processes: which slots are taken, who is whose child, who waits in which queue.
//!
//! Nothing here looks at all slots. Free slots, children and queues are links in the slots; an id names its slot.

use core::ops;

use abi::layout::PROCESSES;
use abi::process::Target;
use abi::public::{ProcessFacts, Status};
use abi::{Error, Frame, ProcessId, Registers};

use crate::hardware::FpuState;
use crate::process::{Index, Process, Queue, Quota, State};

/// The records that everyone may read at UENVS: 31 pages exactly.
#[repr(C, align(4096))]
pub struct PublicFacts(pub [ProcessFacts; PROCESSES as usize]);

const _: () = assert!(size_of::<PublicFacts>() == 31 * 4096);

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
    facts: PublicFacts,
    /// Freed slots, last freed first, linked by `next`.
    free: Option<Index>,
    /// Slots from here on were never used.
    fresh: u32,
    live: u32,
    ready: Queue,
    dying: Queue,
    readers: Queue,
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
            facts: PublicFacts([ProcessFacts::FREE; PROCESSES as usize]),
            free: None,
            fresh: 0,
            live: 0,
            ready: Queue { head: None, tail: None },
            dying: Queue { head: None, tail: None },
            readers: Queue { head: None, tail: None },
        }
    }

    /// The table that everyone may read.
    #[must_use]
    pub const fn facts(&self) -> &PublicFacts {
        &self.facts
    }

    /// The public record of a process.
    pub fn facts_of(&mut self, index: Index) -> &mut ProcessFacts {
        &mut self.facts.0[index.slot()]
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
        let account = parent.and_then(|parent| self[parent].account);
        if !self.has_room() {
            return Err(Error::OutOfProcesses);
        }
        self.charge_account(account, Quota { frames: 1, processes: 1 })?;
        let index = self.take_slot();
        let id = self[index].id.map_or(ProcessId::first(index.slot() as u32), ProcessId::next);
        self[index] = Process {
            id: Some(id),
            state: State::Ready,
            stopped: true,
            directory,
            registers: Registers::start(0, 0),
            fpu: FpuState::CLEAN,
            unattended: !attended,
            account,
            mapped: 1,
            pager: parent.and_then(|parent| self[parent].pager),
            fault_timeout: parent.map_or(0, |parent| self[parent].fault_timeout),
            ..Process::FREE
        };
        *self.facts_of(index) = ProcessFacts {
            id: id.bits(),
            status: Status::NotRunnable as u32,
            ..ProcessFacts::FREE
        };
        if let Some(parent) = parent {
            self.link_child(Family::Living, parent, index);
            self[parent].awaited += u32::from(attended);
        }
        self.live += 1;
        Ok(index)
    }

    /// Gives a slot back: the process's memory is gone and nobody asks for it any more.
    pub fn free(&mut self, index: Index) {
        self.credit_account(self[index].account, Quota { frames: 0, processes: 1 });
        self.unlink_child(Family::Gone, index);
        self[index].state = State::Free;
        self.facts_of(index).status = Status::Free as u32;
        self[index].next = self.free;
        self.free = Some(index);
        self.live -= 1;
    }

    fn take_slot(&mut self) -> Index {
        if let Some(index) = self.free {
            self.free = self[index].next;
            return index;
        }
        self.fresh += 1;
        Index::new(self.fresh - 1)
    }

    /// Puts a process into one of a parent's lists of children.
    pub fn link_child(&mut self, family: Family, parent: Index, child: Index) {
        let first = self.family(family, parent).replace(child);
        self[child].parent = Some(parent);
        self[child].next_sibling = first;
        self[child].previous_sibling = None;
        if let Some(first) = first {
            self[first].previous_sibling = Some(child);
        }
        let id = self[parent].name().bits();
        self.facts_of(child).parent = id;
    }

    /// Takes a process out of its parent's list of children.
    pub fn unlink_child(&mut self, family: Family, child: Index) {
        let Some(parent) = self[child].parent.take() else { return };
        let (previous, next) =
            (self[child].previous_sibling.take(), self[child].next_sibling.take());
        match previous {
            Some(previous) => self[previous].next_sibling = next,
            None => *self.family(family, parent) = next,
        }
        if let Some(next) = next {
            self[next].previous_sibling = previous;
        }
    }

    fn family(&mut self, family: Family, parent: Index) -> &mut Option<Index> {
        match family {
            Family::Living => &mut self[parent].first_child,
            Family::Gone => &mut self[parent].first_gone,
        }
    }

    /// Moves a process that has ended from its parent's living children to the gone ones.
    pub fn mourn(&mut self, child: Index) {
        if let Some(parent) = self[child].parent {
            self.unlink_child(Family::Living, child);
            self.link_child(Family::Gone, parent, child);
        }
    }

    /// Gives all children of a process that ends to its parent, who need not wait for them; ended children are
    /// freed. Costs one step a child, and with a quota one step a descendant.
    pub fn orphan(&mut self, dead: Index) {
        self.close_account(dead);
        let heir = self[dead].parent;
        while let Some(child) = self[dead].first_child {
            self.unlink_child(Family::Living, child);
            self[child].unattended = true;
            match heir {
                Some(heir) => self.link_child(Family::Living, heir, child),
                None => self.facts_of(child).parent = 0,
            }
        }
        while let Some(child) = self[dead].first_gone {
            if self[child].state == State::Ended {
                self.remove(QueueName::Zombies(dead), child);
                self.free(child);
                continue;
            }
            self.unlink_child(Family::Gone, child);
            self[child].unattended = true;
            if let Some(heir) = heir {
                self.link_child(Family::Gone, heir, child);
            }
        }
        self[dead].awaited = 0;
    }

    /// What the descendants of a bounded process use is charged to the next bound above from now on; it has been
    /// counted there all along.
    fn close_account(&mut self, dead: Index) {
        if self[dead].account != Some(dead) {
            return;
        }
        let above = self.account_above(dead);
        self[dead].account = above;
        let mut at = dead;
        loop {
            let mut gone = self[at].first_gone;
            while let Some(child) = gone {
                self.move_account(child, dead, above);
                gone = self[child].next_sibling;
            }
            at = match self.next_descendant(at, dead) {
                Some(next) => next,
                None => return,
            };
            self.move_account(at, dead, above);
        }
    }

    fn move_account(&mut self, index: Index, from: Index, to: Option<Index>) {
        if self[index].account == Some(from) {
            self[index].account = to;
        }
    }

    /// The living descendant of `root` that comes after `at`, parents before children.
    fn next_descendant(&self, at: Index, root: Index) -> Option<Index> {
        if let Some(child) = self[at].first_child {
            return Some(child);
        }
        let mut at = at;
        while at != root {
            if let Some(sibling) = self[at].next_sibling {
                return Some(sibling);
            }
            at = self[at].parent?;
        }
        None
    }

    /// Is `ancestor` above `index` in the tree, or the same?
    #[must_use]
    pub fn is_descendant(&self, index: Index, ancestor: Index) -> bool {
        let mut at = Some(index);
        while let Some(process) = at {
            if process == ancestor {
                return true;
            }
            at = self[process].parent;
        }
        false
    }

    fn queue(&mut self, name: QueueName) -> &mut Queue {
        match name {
            QueueName::Ready => &mut self.ready,
            QueueName::Dying => &mut self.dying,
            QueueName::Readers => &mut self.readers,
            QueueName::Senders(of) => &mut self[of].senders,
            QueueName::Callers(of) => &mut self[of].callers,
            QueueName::Zombies(of) => &mut self[of].zombies,
        }
    }

    /// The first of a queue.
    #[must_use]
    pub fn front(&self, name: QueueName) -> Option<Index> {
        match name {
            QueueName::Ready => self.ready.head,
            QueueName::Dying => self.dying.head,
            QueueName::Readers => self.readers.head,
            QueueName::Senders(of) => self[of].senders.head,
            QueueName::Callers(of) => self[of].callers.head,
            QueueName::Zombies(of) => self[of].zombies.head,
        }
    }

    /// Appends a process, which is in no queue.
    pub fn push(&mut self, name: QueueName, index: Index) {
        let tail = self.queue(name).tail;
        self[index].previous = tail;
        self[index].next = None;
        match tail {
            Some(tail) => self[tail].next = Some(index),
            None => self.queue(name).head = Some(index),
        }
        self.queue(name).tail = Some(index);
    }

    /// Puts a process, which is in no queue, before all others.
    pub fn push_front(&mut self, name: QueueName, index: Index) {
        let head = self.queue(name).head;
        self[index].previous = None;
        self[index].next = head;
        match head {
            Some(head) => self[head].previous = Some(index),
            None => self.queue(name).tail = Some(index),
        }
        self.queue(name).head = Some(index);
    }

    /// Takes a process out of a queue that it is in.
    pub fn remove(&mut self, name: QueueName, index: Index) {
        let (previous, next) = (self[index].previous, self[index].next);
        match previous {
            Some(previous) => self[previous].next = next,
            None => self.queue(name).head = next,
        }
        match next {
            Some(next) => self[next].previous = previous,
            None => self.queue(name).tail = previous,
        }
        self[index].previous = None;
        self[index].next = None;
    }

    /// Takes the first of a queue.
    pub fn pop(&mut self, name: QueueName) -> Option<Index> {
        let index = self.front(name)?;
        self.remove(name, index);
        Some(index)
    }

    /// Charges `frames` mapped frames to a process and to every bounded ancestor.
    ///
    /// # Errors
    /// `QuotaExceeded`: one of the bounds; nothing was charged.
    pub fn charge(&mut self, index: Index, frames: u32) -> Result<(), Error> {
        self.charge_account(self[index].account, Quota { frames, processes: 0 })?;
        self[index].mapped += frames;
        Ok(())
    }

    /// Takes a charge back.
    pub fn credit(&mut self, index: Index, frames: u32) {
        self.credit_account(self[index].account, Quota { frames, processes: 0 });
        self[index].mapped -= frames;
    }

    fn charge_account(&mut self, account: Option<Index>, by: Quota) -> Result<(), Error> {
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

    fn credit_account(&mut self, account: Option<Index>, by: Quota) {
        let mut at = account;
        while let Some(index) = at {
            self[index].subtree.frames -= by.frames;
            self[index].subtree.processes -= by.processes;
            at = self.account_above(index);
        }
    }

    fn account_above(&self, index: Index) -> Option<Index> {
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

impl Default for Processes {
    fn default() -> Self {
        Self::new()
    }
}
