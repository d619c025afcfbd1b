//! The short way of a message: both halves of a round trip without a page, between processes that wait for each other.
//!
//! A call to a process that waits for anyone hands it the words and the CPU; a reply to a caller by a server that then
//! finds nothing else to receive does the same in the other direction. Neither looks at a queue of ready processes.
//! Whatever else can be the case takes the long way, in `message`, which does the same and more.

use abi::ProcessId;
use abi::message::{Kind, Message};
use abi::public::Status;

use crate::cpu::Cpu;
use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::process::{Errand, Index, Offer, State};
use crate::table::QueueName;

impl Kernel {
    /// Calls a process that waits for a message from anyone. `false` if it does not: nothing was done.
    #[inline(always)]
    pub(crate) fn call_at_once<H: Hardware>(
        &mut self,
        cpu: &mut Cpu<H>,
        caller: Index,
        to: ProcessId,
    ) -> bool {
        let server = Index::new(to.index());
        let process = &self.processes[server];
        let waits = process.id == Some(to) && matches!(process.state, State::Receiving);
        if !waits || process.stopped {
            return false;
        }
        self.processes[caller].outbox.offer = Offer::Nothing;
        self.processes[caller].state = State::Answer { by: server, errand: Errand::Call };
        self.processes.push(QueueName::Callers(server), caller);
        self.pass_cpu(cpu, caller, server);
        true
    }

    /// Replies to a process that waits for the answer to its call, and waits for the next message. `false` if there is
    /// no such process, or something else to receive: nothing was done.
    #[inline(always)]
    pub(crate) fn reply_at_once<H: Hardware>(
        &mut self,
        cpu: &mut Cpu<H>,
        server: Index,
        to: ProcessId,
    ) -> bool {
        let caller = Index::new(to.index());
        let process = &self.processes[caller];
        let waits = process.id == Some(to)
            && matches!(process.state, State::Answer { by, errand: Errand::Call } if by == server)
            && !process.stopped;
        let own = &self.processes[server];
        let has_more = own.interrupted || own.zombies.head.is_some() || own.senders.head.is_some();
        if !waits || has_more {
            return false;
        }
        self.processes.remove(QueueName::Callers(server), caller);
        self.processes[server].outbox.offer = Offer::Nothing;
        self.processes[server].state = State::Receiving;
        self.pass_cpu(cpu, server, caller);
        true
    }

    /// Puts the words of the current process, which is blocked by now, into another's registers and that one on the CPU.
    #[inline(always)]
    fn pass_cpu<H: Hardware>(&mut self, cpu: &mut Cpu<H>, from: Index, to: Index) {
        let words = self.processes[from].words();
        let facts = self.processes.facts_of(from);
        facts.status = Status::NotRunnable as u32;
        let sender = facts.id;
        self.processes[to].state = State::Ready;
        self.processes[to].set_message(Message::header(Kind::Message, None), sender, words);
        self.switch_from(cpu, from, to);
    }
}
