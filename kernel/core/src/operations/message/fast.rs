//! The short way of a message: both halves of a round trip between two processes that wait for each
//! other.
//!
//! A call to a process that waits for a message from anyone hands over the words, perhaps a page,
//! and the CPU in one step. So does the reply, if the server then has nothing else to receive.
//! Neither looks at the queue of ready processes. They took a round trip from 887 to 318
//! instructions. In every other case they return `false` before they have changed anything, and the
//! message takes the general way in `message.rs`.

use abi::call::PageTransfer;
use abi::message::{Kind, Message};
use abi::process_info::Status;
use abi::{Error, Permissions, ProcessId};

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::memory::space::Space;
use crate::state::process::{Index, PendingRequest, SentPage, State};
use crate::state::process_table::QueueName;

/// Frames that a page on its way may need where it arrives.
const TABLE: u32 = 1;

impl<H: Hardware> Kernel<H> {
    /// Calls a process that waits for a message from anyone, or restarts the call because memory for the page is being
    /// taken down. `false` if that process does not wait: nothing was done.
    ///
    /// # Errors
    /// Those of the page; nothing was done.
    #[inline(always)]
    pub(crate) fn call_at_once(
        &mut self,
        caller: Index,
        to: ProcessId,
        transfer: Option<PageTransfer>,
    ) -> Result<bool, Error> {
        let server = Index::new(to.index());
        // Before anything is decided: a teardown may wake the server with the end of a child.
        if transfer.is_some() && self.waits_for_room(caller, TABLE) {
            return Ok(true);
        }
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
        let words = self.processes[caller].words();
        self.pass_cpu(caller, server, Message::header(Kind::Message, page), words);
        Ok(true)
    }

    /// Replies to a process that waits for the answer to its call, and waits for the next message. `false` if there is
    /// no such process, or something else to receive: nothing was done.
    ///
    /// # Errors
    /// Those of the page; nothing was done.
    #[inline(always)]
    pub(crate) fn reply_at_once(
        &mut self,
        server: Index,
        to: ProcessId,
        transfer: Option<PageTransfer>,
    ) -> Result<bool, Error> {
        let caller = Index::new(to.index());
        if transfer.is_some() && self.waits_for_room(server, TABLE) {
            return Ok(true);
        }
        let process = &self.processes[caller];
        let waits = process.id == Some(to)
            && matches!(process.state, State::Answer { by, pending_request: PendingRequest::Call } if by == server)
            && !process.stopped;
        if !waits || self.has_more(server) {
            return Ok(false);
        }
        let page = self.pass_page(server, caller, transfer)?;
        self.processes.remove(QueueName::Callers(server), caller);
        self.processes[server].messages.buffer.transfer = transfer.into();
        self.processes[server].state = State::Receiving;
        let words = self.processes[server].words();
        self.pass_cpu(server, caller, Message::header(Kind::Message, page), words);
        Ok(true)
    }

    /// Whether the process has anything to receive: an interrupt, an exited child, or a queued
    /// sender.
    #[inline(always)]
    pub(crate) fn has_more(&self, receiver: Index) -> bool {
        let own = &self.processes[receiver];
        own.messages.interrupts != 0
            || own.family.zombies.head.is_some()
            || own.messages.senders.head.is_some()
    }

    /// [`Kernel::call_at_once`] with a page: compiled apart, so that one without does not pay for it.
    #[inline(never)]
    pub(crate) fn call_with_page(
        &mut self,
        caller: Index,
        to: ProcessId,
        transfer: PageTransfer,
    ) -> Result<bool, Error> {
        self.call_at_once(caller, to, Some(transfer))
    }

    /// [`Kernel::reply_at_once`] with a page.
    #[inline(never)]
    pub(crate) fn reply_with_page(
        &mut self,
        server: Index,
        to: ProcessId,
        transfer: PageTransfer,
    ) -> Result<bool, Error> {
        self.reply_at_once(server, to, Some(transfer))
    }

    /// Maps the page that the current process transfers where the other accepts one; says with what permissions.
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
        page: abi::UserPage,
        permissions: Permissions,
    ) -> Result<Option<Permissions>, Error> {
        let source = self.memory().leaf(Space::current(from), page);
        if !source.is_present() {
            return Err(Error::NotMapped);
        }
        if permissions.contains(Permissions::WRITE) && !source.is_writable() {
            return Err(Error::NotPermitted);
        }
        let Some(to_page) = self.processes[to].messages.buffer.transfer.accepted() else {
            // A page that arrives nowhere is refused for the same reasons as one that does.
            return if source.is_drivers_own() { Err(Error::NotPermitted) } else { Ok(None) };
        };
        let permissions = self.processes.may_leave(from, to, permissions);
        let target = self.space_not_loaded(to);
        let from = Space::current(from).at(page);
        self.memory().map_leaf(source, from, target.at(to_page), permissions)?;
        Ok(Some(permissions))
    }

    /// Puts a message of the current process, which is blocked by now, into another's registers and that one on the CPU.
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
