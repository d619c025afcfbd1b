//! Who waits in which queue: lists linked through the slots.

use crate::state::process::{Index, Queue};

use super::{Processes, QueueName};

impl Processes {
    #[inline(always)]
    pub(super) fn queue(&mut self, name: QueueName) -> &mut Queue {
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
    #[inline(always)]
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
    #[inline(always)]
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
    #[inline(always)]
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
    #[inline(always)]
    pub fn pop(&mut self, name: QueueName) -> Option<Index> {
        let index = self.front(name)?;
        let next = self[index].next.take();
        match next {
            Some(next) => self[next].previous = None,
            None => self.queue(name).tail = None,
        }
        self.queue(name).head = next;
        Some(index)
    }

    /// Takes the first of a queue, and puts `index`, which is in none, at its end. `None`: the queue is empty, and stays so.
    #[inline(always)]
    pub fn exchange(&mut self, name: QueueName, index: Index) -> Option<Index> {
        let first = self.front(name)?;
        if self[first].next.is_some() {
            self.pop(name);
            self.push(name, index);
        } else {
            // It was alone, and what is in no queue has no neighbours.
            debug_assert!(self[index].previous.is_none() && self[index].next.is_none());
            *self.queue(name) = Queue { head: Some(index), tail: Some(index) };
        }
        Some(first)
    }
}
