//! The calls with which a pager replies to a fault or to a request for frames.
//!
//! A reply to a request for frames may run the client's call at once (`call_again`). The client is
//! then the current process, so the pager's own result is set before that.

use abi::call::FaultReply;
use abi::{Error, ProcessId, UserPage};

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::memory::map::TABLE;
use crate::state::process::{Index, SentPage};

impl<H: Hardware> Kernel<H> {
    /// Replies to a client's fault, or to its request for frames.
    ///
    /// # Errors
    /// - `NotWaiting`: the process does not wait for the caller's reply to a fault or to a request
    ///   for frames.
    /// - `NotMapped`, `NotPermitted`, `OutOfFrames`, `QuotaExceeded`: the page of the reply cannot
    ///   be mapped. The client stays blocked.
    pub(crate) fn fault_reply(
        &mut self,
        me: Index,
        client: ProcessId,
        reply: FaultReply,
    ) -> Result<(), Error> {
        if self.waits_to_map(me, reply) {
            return Ok(());
        }
        let short = self.reply_to_client(me, client, reply)?;
        // The client becomes the current process, so the pager's result is set first.
        self.succeed(me)?;
        if let Some(client) = short {
            self.call_again(client);
        }
        Ok(())
    }

    /// Replies to a client's fault, or to its request for frames, and waits for the next message.
    ///
    /// A client that does not wait is no error here: it may have ended, and the pager has to go on
    /// to the next message.
    ///
    /// # Errors
    /// `NotMapped`, `NotPermitted`, `OutOfFrames`, `QuotaExceeded`: the page of the reply cannot be
    /// mapped. The client stays blocked, and nothing was received.
    pub(crate) fn fault_reply_and_receive(
        &mut self,
        me: Index,
        client: ProcessId,
        reply: FaultReply,
        accept: Option<UserPage>,
    ) -> Result<(), Error> {
        if self.waits_to_map(me, reply) {
            return Ok(());
        }
        match self.fault_reply_at_once(me, client, reply, accept) {
            Ok(()) => return Ok(()),
            Err(Some(error)) => return Err(error),
            Err(None) => {}
        }
        // What may restart the call comes before the reply: a second reply could answer another
        // fault of the client.
        if accept.is_some() && self.waits_to_take_a_page(me) {
            return Ok(());
        }
        let short = match self.reply_to_client(me, client, reply) {
            Ok(short) => short,
            Err(Error::NotWaiting) => None,
            Err(error) => return Err(error),
        };
        self.receive_next(me, SentPage::accepting(accept));
        if let Some(client) = short {
            self.call_again(client);
        }
        Ok(())
    }

    /// Whether the call restarts because memory is being taken down that the table for the page of
    /// the reply needs.
    fn waits_to_map(&mut self, me: Index, reply: FaultReply) -> bool {
        matches!(reply, FaultReply::Map { .. }) && self.waits_for_room(me, TABLE)
    }
}
