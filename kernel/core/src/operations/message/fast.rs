//! The short way of a message: both halves of a round trip between two processes that wait for each
//! other.
//!
//! A call to a process that waits for a message from anyone hands over the words, perhaps a page,
//! and the CPU in one step. So does the reply, if the server then has nothing else to receive.
//! Neither looks at the queue of ready processes. They took a round trip from 912 to 384
//! instructions. In every other case they return `false` before they have changed anything, and the
//! message takes the general way in `message.rs`.
//!
//! Assumed: if there is a page to send, the caller of these functions has seen that there is room
//! for its table. A teardown could wake the other process with the end of a child, so that check
//! comes before anything here is decided.

use abi::call::PageTransfer;
use abi::message::{Kind, Message};
use abi::process_info::Status;
use abi::{Error, Permissions, ProcessId, UserPage};

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::memory::space::Space;
use crate::state::process::{Index, PendingRequest, SentPage, State};
use crate::state::process_table::QueueName;

impl<H: Hardware> Kernel<H> {
    /// Calls a process that waits for a message from anyone, by `sysenter` or not. `false`: that
    /// process does not wait, and nothing was done.
    ///
    /// # Errors
    /// Those of the page; nothing was done.
    // The inlined functions of a hand-over, here, in `room.rs`, `schedule.rs` and `fault`: with
    // them a message and its reply take 384 instructions in place of 542, and a fault that a pager
    // handles 588 in place of 644.
    #[inline(always)]
    pub(crate) fn call_at_once(
        &mut self,
        caller: Index,
        to: ProcessId,
        (sysenter, transfer): (bool, Option<PageTransfer>),
    ) -> Result<bool, Error> {
        let server = Index::new(to.index());
        let process = &self.processes[server];
        let waits = process.id == Some(to) && matches!(process.state, State::Receiving);
        if !waits || process.stopped {
            return Ok(false);
        }
        let page = self.pass_page(caller, server, transfer)?;
        self.processes[caller].messages.buffer.transfer = transfer.into();
        self.processes[caller].state =
            State::Answer { by: server, pending_request: PendingRequest::Call };
        self.processes.push(QueueName::Callers(server), caller);
        let words = self.processes[caller].words_of(sysenter);
        self.pass_cpu(caller, server, Message::header(Kind::Message, page), words);
        Ok(true)
    }

    /// Replies to a process that waits for the reply to its call, and waits for the next message.
    /// `false`: there is no such process, or the server has something else to receive, and nothing
    /// was done.
    ///
    /// # Errors
    /// Those of the page; nothing was done.
    #[inline(always)]
    pub(crate) fn reply_at_once(
        &mut self,
        server: Index,
        to: ProcessId,
        (sysenter, transfer): (bool, Option<PageTransfer>),
    ) -> Result<bool, Error> {
        let caller = Index::new(to.index());
        let process = &self.processes[caller];
        let State::Answer { by, pending_request: PendingRequest::Call } = process.state else {
            return Ok(false);
        };
        let waits = process.id == Some(to) && by == server && !process.stopped;
        if !waits || self.has_more(server) {
            return Ok(false);
        }
        let page = self.pass_page(server, caller, transfer)?;
        self.processes.remove(QueueName::Callers(server), caller);
        self.processes[server].messages.buffer.transfer = transfer.into();
        self.processes[server].state = State::Receiving;
        let words = self.processes[server].words_of(sysenter);
        self.pass_cpu(server, caller, Message::header(Kind::Message, page), words);
        Ok(true)
    }

    /// Whether the process has anything to receive: an interrupt, an exited child, or a queued
    /// sender.
    pub(crate) fn has_more(&self, receiver: Index) -> bool {
        let own = &self.processes[receiver];
        own.messages.interrupts != 0
            || own.family.zombies.head.is_some()
            || own.messages.senders.head.is_some()
    }

    /// Maps the page that the current process transfers where the other process accepts one.
    /// Returns the permissions with which the page arrives.
    #[inline(always)]
    fn pass_page(
        &mut self,
        from: Index,
        to: Index,
        transfer: Option<PageTransfer>,
    ) -> Result<Option<Permissions>, Error> {
        match SentPage::from(transfer).sent() {
            None => Ok(None),
            Some((page, permissions)) => self.pass_this_page(from, to, page, permissions),
        }
    }

    #[inline(never)]
    fn pass_this_page(
        &mut self,
        from: Index,
        to: Index,
        page: UserPage,
        permissions: Permissions,
    ) -> Result<Option<Permissions>, Error> {
        let own = Space::current(from);
        let leaf = self.check_sendable(own, page, permissions)?;
        let Some(to_page) = self.processes[to].messages.buffer.transfer.accepted() else {
            return Ok(None);
        };
        let permissions = self.processes.may_leave(from, to, permissions);
        let target = self.space_not_loaded(to);
        self.memory().map_leaf(leaf, own.at(page), target.at(to_page), permissions)?;
        Ok(Some(permissions))
    }

    /// Puts a message of the current process, which is blocked by now, into another process's
    /// registers, and gives that process the CPU.
    #[inline(always)]
    pub(crate) fn pass_cpu(&mut self, from: Index, to: Index, header: u32, words: [u32; 4]) {
        let info = self.processes.info_of(from);
        info.status = Status::NotRunnable as u32;
        let sender = info.id;
        self.processes[to].state = State::Ready;
        self.processes[to].set_message(header, sender, words);
        self.switch_from(from, to);
    }
}
