//! The short way of a message: both halves of a round trip between two processes that wait for each
//! other.
//!
//! A call to a process that waits for a message from anyone hands over the words, perhaps a page,
//! and the CPU in one step. So does the reply, if the server then has nothing else to receive.
//! Neither looks at the queue of ready processes. They took a round trip from 912 to 384
//! instructions. In every other case they fail with `None` before they have changed anything, and
//! the message takes the general way in `message.rs`.

use abi::call::PageTransfer;
use abi::message::{Kind, Message};
use abi::process_info::Status;
use abi::{Error, Permissions, ProcessId, Registers, UserPage};

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::memory::map::TABLE;
use crate::memory::space::Space;
use crate::state::process::{Index, PendingRequest, Process, SentPage, State};
use crate::state::process_table::QueueName;

impl<H: Hardware> Kernel<H> {
    /// Calls a process that waits for a message from anyone, by `sysenter` or not.
    ///
    /// # Errors
    /// Nothing was done.
    /// - `None`: that process does not wait, or there may be no frame for the page's table.
    /// - Those of the page.
    // The inlined functions of a hand-over, here, in `room.rs`, `schedule.rs` and `fault`: with
    // them a message and its reply take 384 instructions in place of 542, and a fault that a pager
    // handles 588 in place of 644.
    #[inline(always)]
    pub(crate) fn call_at_once(
        &mut self,
        caller: Index,
        to: ProcessId,
        (sysenter, transfer): (bool, Option<PageTransfer>),
    ) -> Result<(), Option<Error>> {
        let server = Index::new(to.index());
        let process = &self.processes[server];
        let waits = process.id == Some(to) && matches!(process.state, State::Receiving);
        if !waits || process.stopped || self.lacks_room(transfer) {
            return Err(None);
        }
        self.pass_page(caller, server, transfer)?;
        self.processes[caller].state =
            State::Answer { by: server, pending_request: PendingRequest::Call };
        self.processes.push(QueueName::Callers(server), caller);
        self.pass_cpu(caller, server, |caller, index| caller.word_of(sysenter, index));
        Ok(())
    }

    /// Replies to a process that waits for the reply to its call, and waits for the next message.
    ///
    /// # Errors
    /// Nothing was done.
    /// - `None`: there is no such process, or the server has something else to receive, or there may
    ///   be no frame for the page's table.
    /// - Those of the page.
    #[inline(always)]
    pub(crate) fn reply_at_once(
        &mut self,
        server: Index,
        to: ProcessId,
        (sysenter, transfer): (bool, Option<PageTransfer>),
    ) -> Result<(), Option<Error>> {
        let caller = Index::new(to.index());
        let process = &self.processes[caller];
        let State::Answer { by, pending_request: PendingRequest::Call } = process.state else {
            return Err(None);
        };
        let waits = process.id == Some(to) && by == server && !process.stopped;
        if !waits || self.has_more(server) || self.lacks_room(transfer) {
            return Err(None);
        }
        self.pass_page(server, caller, transfer)?;
        self.processes.remove(QueueName::Callers(server), caller);
        self.processes[server].state = State::Receiving;
        self.pass_cpu(server, caller, |server, index| server.word_of(sysenter, index));
        Ok(())
    }

    /// As [`Kernel::call_at_once`], with a page. Not inlined: the registers and the stack that it
    /// takes would cost a message without a page something.
    #[inline(never)]
    pub(crate) fn call_with_page(
        &mut self,
        caller: Index,
        to: ProcessId,
        transfer: PageTransfer,
    ) -> Result<(), Option<Error>> {
        self.call_at_once(caller, to, (false, Some(transfer)))
    }

    /// As [`Kernel::reply_at_once`], with a page.
    #[inline(never)]
    pub(crate) fn reply_with_page(
        &mut self,
        server: Index,
        to: ProcessId,
        transfer: PageTransfer,
    ) -> Result<(), Option<Error>> {
        self.reply_at_once(server, to, (false, Some(transfer)))
    }

    /// Whether the process has anything to receive: an interrupt, an exited child, or a queued
    /// sender. (`|`: one test in place of three.)
    pub(crate) fn has_more(&self, receiver: Index) -> bool {
        let own = &self.processes[receiver];
        (own.messages.interrupts != 0)
            | own.family.zombies.head.is_some()
            | own.messages.senders.head.is_some()
    }

    /// Whether there may be no frame for the table that a page needs.
    fn lacks_room(&self, transfer: Option<PageTransfer>) -> bool {
        transfer.is_some() && self.frames.free() < TABLE
    }

    /// Notes which page the current process sends or accepts, and maps the one that it sends where
    /// the other process accepts one. The other process's registers get the header of the message.
    ///
    /// # Errors
    /// Those of the page; nothing was done.
    #[inline(always)]
    fn pass_page(
        &mut self,
        from: Index,
        to: Index,
        transfer: Option<PageTransfer>,
    ) -> Result<(), Error> {
        let arrives = match SentPage::from(transfer).sent() {
            Some((page, permissions)) => self.map_for(from, to, page, permissions)?,
            None => None,
        };
        self.processes[from].messages.buffer.transfer = match transfer {
            Some(transfer) => SentPage::Page(transfer),
            None => SentPage::Nothing,
        };
        self.processes[to].registers.eax = Message::header(Kind::Message, arrives);
        Ok(())
    }

    /// Maps a page of the current process where the other process accepts one. Returns the
    /// permissions with which it arrives.
    #[inline(always)]
    fn map_for(
        &mut self,
        from: Index,
        to: Index,
        page: UserPage,
        permissions: Permissions,
    ) -> Result<Option<Permissions>, Error> {
        let own = Space::current(from);
        let Some(to_page) = self.processes[to].messages.buffer.transfer.accepted() else {
            return self.check_sendable(own, page, permissions).map(|_| None);
        };
        let permissions = self.processes.may_leave(from, to, permissions);
        let target = self.space_not_loaded(to);
        self.memory().map(own.at(page), target.at(to_page), permissions)?;
        Ok(Some(permissions))
    }

    /// Puts a message of the current process, which is blocked by now, into the registers of
    /// another process, which hold its header already, and gives that process the CPU.
    ///
    /// `word` is asked for one word of the sender's at a time: four at once do not find room in
    /// registers.
    #[inline(always)]
    pub(crate) fn pass_cpu(
        &mut self,
        from: Index,
        to: Index,
        word: impl Fn(&Process, usize) -> u32,
    ) {
        self.processes.info_of(from).status = Status::NotRunnable as u32;
        let sender = self.processes[from].id.map_or(0, ProcessId::bits);
        self.processes[to].state = State::Ready;
        let word = |kernel: &Self, index: usize| word(&kernel.processes[from], index);
        self.processes[to].registers.ebx = word(self, 0);
        self.processes[to].registers.esi = word(self, 1);
        if self.processes[to].registers.trap == Registers::SYSENTER {
            self.processes[to].registers.edi = sender;
            self.processes[to].registers.ebp = word(self, 2);
        } else {
            self.processes[to].registers.edx = sender;
            self.processes[to].registers.edi = word(self, 2);
            self.processes[to].registers.ebp = word(self, 3);
        }
        self.switch_from(from, to);
    }
}
