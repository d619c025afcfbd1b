//! How a parent learns of the end of a child: by `wait`, or as a message of kind *exit*.

use abi::message::{Kind, Message};
use abi::{Error, ProcessId};

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::state::process::{Index, State};
use crate::state::process_table::QueueName;

impl<H: Hardware> Kernel<H> {
    /// Gives the exit status of a process, whose memory is freed, to its parent if the parent waits
    /// for it. Otherwise the process becomes a zombie, or its slot is freed if the parent may not
    /// wait for it.
    pub(super) fn finish_exit(&mut self, index: Index) {
        let Some(parent) = self.processes[index]
            .family
            .parent
            .filter(|_| !self.processes[index].family.unattended)
        else {
            return self.processes.free(index);
        };
        let id = self.processes[index].process_id();
        match self.processes[parent].state {
            State::Waiting { child } if child.is_none_or(|child| child == id) => {
                let words = self.reap(parent, index);
                self.processes[parent].set_words(words);
                self.make_ready(parent);
            }
            State::Receiving => self.deliver_exit_and_wake(parent, index),
            State::ReceivingExit { child } if child == id => {
                self.deliver_exit_and_wake(parent, index)
            }
            _ => {
                self.processes[index].state = State::Ended;
                self.processes.push(QueueName::Zombies(parent), index);
            }
        }
    }

    /// Delivers the end of a child to its parent, which is blocked in a receive, and wakes the
    /// parent.
    fn deliver_exit_and_wake(&mut self, parent: Index, child: Index) {
        self.deliver_exit(parent, child);
        self.make_ready(parent);
    }

    /// Puts the end of a child into its parent's registers, as a message of kind *exit*, and frees
    /// the child's slot.
    pub(crate) fn deliver_exit(&mut self, parent: Index, child: Index) {
        let [id, status, reason, _] = self.reap(parent, child);
        self.processes[parent].set_message(
            Message::header(Kind::Exit, None),
            id,
            [status, reason, 0, 0],
        );
    }

    /// Frees the slot of a child whose exit status its parent gets now. The child is in no queue.
    /// Returns the id, the status, the reason and 0.
    fn reap(&mut self, parent: Index, child: Index) -> [u32; 4] {
        let process = &self.processes[child];
        let words =
            [process.process_id().bits(), process.exit.status, process.exit.reason as u32, 0];
        self.processes[parent].family.awaited -= 1;
        self.processes.free(child);
        words
    }

    /// The child that a wait for any child will get, if the parent can wait for only one child and
    /// that child is the first in the list of living children.
    fn only_child(&self, parent: Index) -> Option<Index> {
        let child = self.processes[parent].family.first_child?;
        (self.processes[parent].family.awaited == 1 && self.is_awaited(parent, child))
            .then_some(child)
    }

    /// Gives the caller the exit status of a zombie child, or blocks the caller until a child ends.
    /// `None` stands for any child.
    ///
    /// # Errors
    /// - `NoChild`: the process is not a child that the caller may wait for, or there is no such
    ///   child at all.
    /// - `Deadlock`: the child waits for the caller, directly or through others; for any child, if
    ///   it is the only one.
    pub(crate) fn wait(&mut self, caller: Index, child: Option<ProcessId>) -> Result<(), Error> {
        let zombie = match child {
            None if self.processes[caller].family.awaited == 0 => return Err(Error::NoChild),
            None => self.processes.front(QueueName::Zombies(caller)),
            Some(id) => self.awaited_child(caller, id)?,
        };
        match zombie {
            Some(zombie) => {
                self.processes.remove(QueueName::Zombies(caller), zombie);
                let words = self.reap(caller, zombie);
                self.processes[caller].set_words(words);
                Ok(())
            }
            None => {
                let only = child.map(|child| Index::new(child.index())).or(self.only_child(caller));
                if only.is_some_and(|child| self.waits_for(child, caller)) {
                    return Err(Error::Deadlock);
                }
                self.block(caller, State::Waiting { child });
                Ok(())
            }
        }
    }

    /// Checks that the caller may wait for a child. Returns the child's slot if it is a zombie
    /// already.
    ///
    /// # Errors
    /// `NoChild`: no process with this id is a child of the caller, or the caller may not wait for
    /// it.
    pub(crate) fn awaited_child(
        &self,
        caller: Index,
        id: ProcessId,
    ) -> Result<Option<Index>, Error> {
        let index = Index::new(id.index());
        let process = &self.processes[index];
        if process.id != Some(id) || process.state == State::Free || !self.is_awaited(caller, index)
        {
            return Err(Error::NoChild);
        }
        Ok((process.state == State::Ended).then_some(index))
    }

    /// Whether the first process is the parent of the second and may wait for its end.
    pub(crate) fn is_awaited(&self, parent: Index, child: Index) -> bool {
        self.processes[child].family.parent == Some(parent)
            && !self.processes[child].family.unattended
    }
}
