//! The queues of processes: doubly linked lists through the slots, first in, first out.

use crate::state::process::{Index, Queue};

use super::{Processes, QueueName};

impl Processes {
    /// The first and last process of a queue.
    pub(super) fn queue(&mut self, name: QueueName) -> &mut Queue {
        match name {
            QueueName::Ready => &mut self.ready,
            QueueName::Dying => &mut self.dying,
            QueueName::Readers => &mut self.readers,
            QueueName::Senders(of) => &mut self[of].messages.senders,
            QueueName::Callers(of) => &mut self[of].messages.callers,
            QueueName::Zombies(of) => &mut self[of].family.zombies,
        }
    }

    /// The first process of a queue.
    #[must_use]
    pub fn front(&self, name: QueueName) -> Option<Index> {
        match name {
            QueueName::Ready => self.ready.head,
            QueueName::Dying => self.dying.head,
            QueueName::Readers => self.readers.head,
            QueueName::Senders(of) => self[of].messages.senders.head,
            QueueName::Callers(of) => self[of].messages.callers.head,
            QueueName::Zombies(of) => self[of].family.zombies.head,
        }
    }

    /// Appends a process to a queue. The process must be in no queue.
    // The inlined functions of the state: with them a message and its reply take 384 instructions
    // in place of 451.
    #[inline(always)]
    pub fn push(&mut self, name: QueueName, index: Index) {
        let tail = self.queue(name).tail;
        self[index].links.previous = tail;
        self[index].links.next = None;
        match tail {
            Some(tail) => self[tail].links.next = Some(index),
            None => self.queue(name).head = Some(index),
        }
        self.queue(name).tail = Some(index);
    }

    /// Inserts a process at the front of a queue. The process must be in no queue.
    pub fn push_front(&mut self, name: QueueName, index: Index) {
        let head = self.queue(name).head;
        self[index].links.previous = None;
        self[index].links.next = head;
        match head {
            Some(head) => self[head].links.previous = Some(index),
            None => self.queue(name).tail = Some(index),
        }
        self.queue(name).head = Some(index);
    }

    /// Removes a process from a queue. The process must be in that queue.
    #[inline(always)]
    pub fn remove(&mut self, name: QueueName, index: Index) {
        let (previous, next) = (self[index].links.previous, self[index].links.next);
        match previous {
            Some(previous) => self[previous].links.next = next,
            None => self.queue(name).head = next,
        }
        match next {
            Some(next) => self[next].links.previous = previous,
            None => self.queue(name).tail = previous,
        }
        self[index].links.previous = None;
        self[index].links.next = None;
    }

    /// Removes and returns the first process of a queue.
    pub fn pop(&mut self, name: QueueName) -> Option<Index> {
        let index = self.front(name)?;
        let next = self[index].links.next.take();
        match next {
            Some(next) => self[next].links.previous = None,
            None => self.queue(name).tail = None,
        }
        self.queue(name).head = next;
        Some(index)
    }
}
