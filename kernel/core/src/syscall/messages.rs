//! The calls that send and answer messages.
//!
//! A call or a reply comes here if the short way to a process that waits
//! (`operations/message/fast.rs`) does not apply.

use abi::call::PageTransfer;
use abi::{Error, ProcessId};

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::memory::map::TABLE;
use crate::state::process::{Index, MessageBuffer, PendingRequest, SentPage};

impl<H: Hardware> Kernel<H> {
    /// Sends a message, and returns when it is received.
    ///
    /// # Errors
    /// - `NoSuchProcess`: no living process has this id.
    /// - The errors of `begin_request`.
    pub(crate) fn send(
        &mut self,
        caller: Index,
        to: ProcessId,
        transfer: Option<PageTransfer>,
    ) -> Result<(), Error> {
        self.send_request(caller, to, PendingRequest::Send, transfer.into())
    }

    /// Sends a message and waits for the reply.
    ///
    /// # Errors
    /// As [`Kernel::send`].
    pub(crate) fn call_process(
        &mut self,
        caller: Index,
        to: ProcessId,
        transfer: Option<PageTransfer>,
    ) -> Result<(), Error> {
        if transfer.is_some() && self.waits_for_room(caller, TABLE) {
            return Ok(());
        }
        self.send_request(caller, to, PendingRequest::Call, transfer.into())
    }

    /// Replies to a process that waits for the caller's reply.
    ///
    /// # Errors
    /// As `reply`.
    pub(crate) fn reply_only(
        &mut self,
        caller: Index,
        to: ProcessId,
        transfer: Option<PageTransfer>,
    ) -> Result<(), Error> {
        if transfer.is_some() && self.waits_for_room(caller, TABLE) {
            return Ok(());
        }
        let words = self.processes[caller].words();
        let answered =
            self.reply(caller, to, MessageBuffer { words, transfer: transfer.into() })?;
        self.make_ready(answered);
        self.succeed(caller)
    }

    /// Sends the message in the caller's registers.
    fn send_request(
        &mut self,
        caller: Index,
        to: ProcessId,
        pending_request: PendingRequest,
        transfer: SentPage,
    ) -> Result<(), Error> {
        let to = self.processes.find(to)?;
        let message_buffer = MessageBuffer { words: self.processes[caller].words(), transfer };
        self.begin_request(caller, to, pending_request, message_buffer)
    }
}
