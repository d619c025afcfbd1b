//! The short way of a page fault to a pager that waits for a message, and of the pager's reply.
//!
//! Both hand over the words and the CPU in one step, without a look at the queue of ready
//! processes. They took a fault that a pager handles from 1,080 to 588 instructions. If any
//! condition does not hold, they have changed nothing (`false`, and `None` for an error), and
//! `pager.rs` and `reply.rs` go the general way.

use abi::call::FaultReply;
use abi::message::Message;
use abi::process_info::Status;
use abi::{Error, ProcessId, UserPage};

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::memory::space::Space;
use crate::state::process::{Index, PendingRequest, SentPage, State};
use crate::state::process_table::QueueName;

impl<H: Hardware> Kernel<H> {
    /// Blocks the current process and tells its pager, which waits for a message from anyone, of a
    /// fault. `false`: the pager does not wait, and nothing was done.
    // Inlined: see `message/fast.rs`.
    #[inline(always)]
    pub(crate) fn ask_at_once(
        &mut self,
        client: Index,
        pager: Index,
        pending_request: PendingRequest,
        words: [u32; 4],
    ) -> bool {
        let process = &self.processes[pager];
        let waits = matches!(process.state, State::Receiving) && !process.stopped;
        if !waits || self.processes[client].paging.fault_timeout != 0 {
            return false;
        }
        let message_buffer = &mut self.processes[client].messages.buffer;
        (message_buffer.words, message_buffer.transfer) = (words, SentPage::Nothing);
        self.processes[client].state = State::Answer { by: pager, pending_request };
        self.processes.push(QueueName::Callers(pager), client);
        self.processes[pager].registers.eax = Message::header(pending_request.kind(), None);
        self.pass_cpu(client, pager, |client, index| client.messages.buffer.words[index]);
        true
    }

    /// Resumes a client whose fault waits for the pager's reply, and lets the pager wait for the
    /// next message. The caller has seen that there is room for the table that a page may need.
    ///
    /// # Errors
    /// Nothing was done.
    /// - `None`: there is no such client, or the pager has something else to receive, or the reply is
    ///   a refusal.
    /// - Those of the page.
    // Inlined: see `message/fast.rs`.
    #[inline(always)]
    pub(crate) fn fault_reply_at_once(
        &mut self,
        pager: Index,
        client: ProcessId,
        reply: FaultReply,
        accept: Option<UserPage>,
    ) -> Result<(), Option<Error>> {
        let index = Index::new(client.index());
        let process = &self.processes[index];
        let State::Answer { by, pending_request } = process.state else { return Err(None) };
        let forwarded = matches!(pending_request, PendingRequest::ForwardedFault);
        if by != pager || !(forwarded || matches!(pending_request, PendingRequest::Fault { .. })) {
            return Err(None);
        }
        let waits = process.id == Some(client) && !process.stopped && !process.sleeps();
        if !waits || reply == FaultReply::Refuse || self.has_more(pager) {
            return Err(None);
        }
        if let FaultReply::Map { source, destination, permissions } = reply {
            let to = self.space_not_loaded(index);
            let from = Space::current(pager);
            let permissions = self.processes.may_leave(pager, index, permissions);
            self.memory().map(from.at(source), to.at(destination), permissions)?;
        }
        if forwarded {
            self.processes[index].registers.eax = 0;
        }
        self.processes.remove(QueueName::Callers(pager), index);
        self.processes[index].state = State::Ready;
        self.processes[pager].messages.buffer.transfer = SentPage::accepting(accept);
        self.processes[pager].state = State::Receiving;
        self.processes.info_of(pager).status = Status::NotRunnable as u32;
        self.switch_from(pager, index);
        Ok(())
    }
}
