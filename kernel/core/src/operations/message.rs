//! How a message gets from one process to another.
//!
//! The kernel has no message queues. A message waits in its sender's slot, and the sender is
//! blocked, until the receiver takes it; a reply goes only to a process that is blocked for it. So
//! a message costs no memory and cannot be lost.
//!
//! The order of events:
//! 1. `begin_request` gives the message to a receiver that waits for it. Otherwise the sender is
//!    blocked and joins the receiver's queue of senders.
//! 2. `receive` takes, in this order: an interrupt, an exited child, the message of the sender that
//!    has waited longest. If there is nothing, the receiver is blocked.
//! 3. A sender that expects a reply moves to the receiver's queue of callers, until `reply`.
//!
//! Requests to a pager (a fault, a fork, a need of frames) are messages of other kinds: the kernel
//! sends them in the client's name, and they take the same way.
//!
//! A request that would close a cycle of processes that wait for each other is refused with
//! `Deadlock`. As each request is checked when it begins, there are no cycles.
//!
//! `fast.rs` has the short way between two processes that wait for each other.

use abi::call::PageTransfer;
use abi::message::{Kind, Message};
use abi::{Entry, Error, Permissions, ProcessId, UserPage};

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::memory::map::TABLE;
use crate::memory::space::Space;
use crate::state::process::{Index, MessageBuffer, PendingRequest, SentPage, State};
use crate::state::process_table::QueueName;

mod fast;

impl<H: Hardware> Kernel<H> {
    /// Sends a message of the current process: hands it over if the receiver waits for it, and
    /// otherwise blocks the sender until the receiver takes it.
    ///
    /// # Errors
    /// - `Deadlock`: the other one waits, directly or through others, for the current process.
    /// - `NotMapped`, `NotPermitted`: the page cannot be sent.
    /// - `OutOfFrames`, `QuotaExceeded`: the receiver cannot take the page.
    pub(crate) fn begin_request(
        &mut self,
        from: Index,
        to: Index,
        pending_request: PendingRequest,
        message_buffer: MessageBuffer,
    ) -> Result<(), Error> {
        // Before anything is decided: a teardown may wake the receiver with the end of a child.
        if message_buffer.transfer.sent().is_some() && self.waits_for_room(from, TABLE) {
            return Ok(());
        }
        let waiting = match self.processes[to].state {
            State::Receiving => true,
            State::ReceivingFrom { from: expected } => expected == from,
            _ => false,
        };
        if !waiting && self.waits_for(to, from) {
            return Err(Error::Deadlock);
        }
        self.check_sent(from, message_buffer.transfer)?;
        self.processes[from].messages.buffer = message_buffer;
        if !waiting {
            self.block(from, State::Sending { to, pending_request });
            self.processes.push(QueueName::Senders(to), from);
            return Ok(());
        }
        self.hand_message(from, to, pending_request)?;
        self.leave_queue(to);
        if pending_request == PendingRequest::Send {
            self.processes[from].registers.eax = 0;
            self.make_ready(to);
        } else {
            self.block(from, State::Answer { by: to, pending_request });
            self.processes.push(QueueName::Callers(to), from);
            self.hand_over(to);
        }
        Ok(())
    }

    /// Checks the page that a process sends, if it sends one. The errors are those of
    /// `check_sendable`.
    fn check_sent(&mut self, from: Index, transfer: SentPage) -> Result<(), Error> {
        let Some((page, permissions)) = transfer.sent() else { return Ok(()) };
        let space = self.space(from);
        self.check_sendable(space, page, permissions).map(|_| ())
    }

    /// Checks that a page may be sent with these permissions. Returns its leaf.
    ///
    /// # Errors
    /// - `NotMapped`: nothing is present at the page.
    /// - `NotPermitted`: W is asked for and the page lacks it, or the page is a driver's own.
    pub(crate) fn check_sendable(
        &mut self,
        space: Space,
        page: UserPage,
        permissions: Permissions,
    ) -> Result<Entry, Error> {
        let leaf = self.memory().leaf(space, page);
        if !leaf.is_present() {
            return Err(Error::NotMapped);
        }
        if permissions.contains(Permissions::WRITE) && !leaf.is_writable() || leaf.is_drivers_own()
        {
            return Err(Error::NotPermitted);
        }
        Ok(leaf)
    }

    /// Whether `start` waits, directly or through others, for `target`. The walk ends because there
    /// are no cycles: each wait was checked here before it began.
    pub(crate) fn waits_for(&self, start: Index, target: Index) -> bool {
        let mut at = start;
        loop {
            if at == target {
                return true;
            }
            at = match self.processes[at].state {
                State::Sending { to: next, .. }
                | State::Answer { by: next, .. }
                | State::ReceivingFrom { from: next } => next,
                State::Waiting { child: Some(child) } => Index::new(child.index()),
                State::Free
                | State::Ready
                | State::Receiving
                | State::ReceivingInterrupt
                | State::ReceivingExit { .. }
                | State::JosReceiving
                | State::Sleeping
                | State::Reading
                | State::Dying
                | State::Ended => return false,
                // With several children, any of them may end the wait. The walk does not go on from
                // here, because which child is the only one may change while its parent waits, and
                // a cycle could close unseen.
                State::Waiting { child: None } => {
                    return self.processes[at].family.awaited == 1 && self.is_awaited(at, target);
                }
            };
        }
    }

    /// Moves the message in the sender's message buffer into the receiver's registers and space.
    fn hand_message(
        &mut self,
        from: Index,
        to: Index,
        pending_request: PendingRequest,
    ) -> Result<(), Error> {
        let page = self.transfer_page(from, to)?;
        let words = self.processes[from].messages.buffer.words;
        let sender = self.processes[from].process_id().bits();
        self.processes[to].set_message(
            Message::header(pending_request.kind(), page),
            sender,
            words,
        );
        Ok(())
    }

    /// Maps the page that `from` transfers where `to` accepts one. Returns the permissions with
    /// which the page arrives; `None` if none does.
    fn transfer_page(&mut self, from: Index, to: Index) -> Result<Option<Permissions>, Error> {
        let sent = self.processes[from].messages.buffer.transfer.sent();
        let accepted = self.processes[to].messages.buffer.transfer.accepted();
        let (Some((source, permissions)), Some(page)) = (sent, accepted) else { return Ok(None) };
        let permissions = self.processes.may_leave(from, to, permissions);
        let (from, to) = self.spaces(from, to);
        self.memory().map(from.at(source), to.at(page), permissions)?;
        Ok(Some(permissions))
    }

    /// Waits for a message, from one process or from anyone.
    ///
    /// # Errors
    /// - `NoSuchProcess`: no living process has this id.
    /// - `PeerEnded`: the process ended while the caller waited.
    /// - `Deadlock`: the process waits for the caller's reply, or it is the caller and no interrupt
    ///   line is attached to it.
    pub(crate) fn receive(
        &mut self,
        me: Index,
        from: Option<ProcessId>,
        transfer: Option<PageTransfer>,
    ) -> Result<(), Error> {
        let accepts = transfer.is_some_and(|transfer| transfer.accept);
        if accepts && self.waits_to_take_a_page(me) {
            return Ok(());
        }
        match from {
            Some(id) => {
                self.processes[me].messages.buffer =
                    MessageBuffer { words: [0; 4], transfer: transfer.into() };
                self.receive_from(me, id)?;
            }
            None => self.receive_next(me, transfer.into()),
        }
        Ok(())
    }

    /// Waits for a message from anyone, and accepts a page where `transfer` says.
    pub(crate) fn receive_next(&mut self, me: Index, transfer: SentPage) {
        self.processes[me].messages.buffer = MessageBuffer { words: [0; 4], transfer };
        self.receive_any(me);
    }

    /// Whether the receiver's call restarts because memory is being taken down that a page, which
    /// may come, needs.
    pub(crate) fn waits_to_take_a_page(&mut self, me: Index) -> bool {
        self.waits_for_room(me, TABLE) || self.waits_for_quota(me, me, TABLE + 1)
    }

    fn receive_any(&mut self, me: Index) {
        if self.processes[me].messages.interrupts != 0 {
            return self.deliver_interrupt(me);
        }
        if let Some(zombie) = self.processes.pop(QueueName::Zombies(me)) {
            return self.deliver_exit(me, zombie);
        }
        while let Some(sender) = self.processes.front(QueueName::Senders(me)) {
            if self.accept(me, sender) {
                return;
            }
        }
        self.block(me, State::Receiving);
    }

    fn receive_from(&mut self, me: Index, id: ProcessId) -> Result<(), Error> {
        let Ok(from) = self.processes.find(id) else {
            match self.awaited_child(me, id).map_err(|_| Error::NoSuchProcess)? {
                Some(zombie) => {
                    self.processes.remove(QueueName::Zombies(me), zombie);
                    self.deliver_exit(me, zombie);
                }
                None => self.block(me, State::ReceivingExit { child: id }),
            }
            return Ok(());
        };
        if from == me && self.lines.is_owner(me) {
            if self.processes[me].messages.interrupts != 0 {
                self.deliver_interrupt(me);
            } else {
                self.block(me, State::ReceivingInterrupt);
            }
            return Ok(());
        }
        let sends_to_me =
            matches!(self.processes[from].state, State::Sending { to, .. } if to == me);
        if sends_to_me && self.accept(me, from) {
            return Ok(());
        }
        if self.waits_for(from, me) {
            return Err(Error::Deadlock);
        }
        self.block(me, State::ReceivingFrom { from });
        self.processes.push(QueueName::Callers(from), me);
        Ok(())
    }

    /// Takes the message of a process that is blocked in sending it to `me`. If its page cannot be
    /// taken, the sender gets the error and `me` nothing.
    fn accept(&mut self, me: Index, sender: Index) -> bool {
        let State::Sending { pending_request, .. } = self.processes[sender].state else {
            unreachable!("a sender sends")
        };
        let handed = self.hand_message(sender, me, pending_request);
        self.processes.remove(QueueName::Senders(me), sender);
        if let Err(error) = handed {
            self.processes[sender].registers.eax = error.to_wire();
            self.make_ready(sender);
            return false;
        }
        if pending_request == PendingRequest::Send {
            self.processes[sender].registers.eax = 0;
            self.make_ready(sender);
        } else {
            self.processes[sender].state = State::Answer { by: me, pending_request };
            self.processes.push(QueueName::Callers(me), sender);
        }
        true
    }

    /// Answers a process that is blocked in a call, or a clone, to the replier. It is then ready to
    /// run, but in no queue: the caller hands the CPU over or queues it.
    ///
    /// # Errors
    /// - `NotWaiting`: it is not blocked so, or is gone.
    /// - `NotMapped`, `NotPermitted`, `OutOfFrames`, `QuotaExceeded`: the page; the process goes on
    ///   waiting.
    pub(crate) fn reply(
        &mut self,
        me: Index,
        to: ProcessId,
        message_buffer: MessageBuffer,
    ) -> Result<Index, Error> {
        let to = self.processes.find(to).map_err(|_| Error::NotWaiting)?;
        let pending_request = match self.processes[to].state {
            State::Answer { by, pending_request } if by == me => pending_request,
            _ => return Err(Error::NotWaiting),
        };
        self.check_sent(me, message_buffer.transfer)?;
        match pending_request {
            PendingRequest::Call => {
                self.processes[me].messages.buffer = message_buffer;
                self.hand_message(me, to, pending_request)?;
            }
            PendingRequest::Clone => {
                let adopted = message_buffer.words[0] == 0;
                self.processes[to].registers.eax =
                    if adopted { 0 } else { Error::Refused.to_wire() };
            }
            PendingRequest::Send
            | PendingRequest::Fault { .. }
            | PendingRequest::ForwardedFault
            | PendingRequest::Frames => {
                return Err(Error::NotWaiting);
            }
        }
        self.leave_queue(to);
        self.processes[to].state = State::Ready;
        Ok(to)
    }

    /// Replies, then waits for the next message; if none is there, the process that was answered
    /// runs at once. Nobody to answer is no error: a server has no use for the news that its client
    /// is gone.
    ///
    /// # Errors
    /// `NotMapped`, `NotPermitted`, `OutOfFrames`, `QuotaExceeded`: the reply's page. Nothing was
    /// received.
    pub(crate) fn reply_and_receive(
        &mut self,
        me: Index,
        to: ProcessId,
        transfer: SentPage,
    ) -> Result<(), Error> {
        let message_buffer = MessageBuffer { words: self.processes[me].words(), transfer };
        if !matches!(transfer, SentPage::Nothing) && self.waits_to_take_a_page(me) {
            return Ok(());
        }
        let answered = match self.reply(me, to, message_buffer) {
            Ok(answered) => Some(answered),
            Err(Error::NotWaiting) => None,
            Err(error) => return Err(error),
        };
        self.receive_next(me, transfer);
        if let Some(answered) = answered {
            self.hand_over(answered);
        }
        Ok(())
    }

    /// Tells a process of an interrupt (line 0: Ctrl-C), now or when it next receives from anyone
    /// or from itself. It goes before all that is ready: a person waits, perhaps for the end of a
    /// thousand processes that are; or a device does. Returns whether it waited.
    pub(crate) fn interrupt(&mut self, owner: Index, line: u32) -> bool {
        self.processes[owner].messages.interrupts |= 1 << line;
        let waits =
            matches!(self.processes[owner].state, State::Receiving | State::ReceivingInterrupt);
        if waits {
            self.deliver_interrupt(owner);
            self.make_ready(owner);
            if !self.processes[owner].stopped {
                self.processes.remove(QueueName::Ready, owner);
                self.processes.push_front(QueueName::Ready, owner);
            }
        }
        waits
    }

    fn deliver_interrupt(&mut self, me: Index) {
        let id = self.processes[me].process_id().bits();
        let line = self.processes[me].messages.interrupts.trailing_zeros();
        self.processes[me].messages.interrupts &= !(1 << line);
        self.processes[me].set_message(Message::header(Kind::Interrupt, None), id, [line, 0, 0, 0]);
    }
}
