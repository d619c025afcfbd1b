//! The calls with which a pager answers a fault, or a request for frames.

use abi::call::{FaultReply, PageTransfer};
use abi::{Error, ProcessId, UserPage};

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::operations::shortage::TABLE;
use crate::state::process::Index;

impl<H: Hardware> Kernel<H> {
    /// A pager answers a client's fault, or its request for frames.
    ///
    /// # Errors
    /// - `NotWaiting`: no fault of this process, and no request for frames, waits for the caller's answer.
    /// - `NotMapped`, `NotPermitted`, `OutOfFrames`, `QuotaExceeded`: the page; the client goes on waiting.
    pub(crate) fn fault_reply(
        &mut self,
        me: Index,
        client: ProcessId,
        reply: FaultReply,
    ) -> Result<(), Error> {
        let maps = matches!(reply, FaultReply::Map { .. });
        if maps && self.waits_for_room(me, TABLE) {
            return Ok(());
        }
        let short = self.reply_to_client(me, client, reply)?;
        self.succeed(me)?;
        if let Some(client) = short {
            self.call_again(client);
        }
        Ok(())
    }

    /// A pager answers a client's fault, or its request for frames, and waits for the next message.
    ///
    /// # Errors
    /// Those of the page; the client goes on waiting, and nothing was received.
    #[inline(never)]
    pub(crate) fn fault_reply_and_receive(
        &mut self,
        me: Index,
        client: ProcessId,
        reply: FaultReply,
        accept: Option<UserPage>,
    ) -> Result<(), Error> {
        let transfer = accept.map(|page| PageTransfer { page, send: None, accept: true });
        if self.fault_reply_at_once(me, client, reply, transfer)? {
            return Ok(());
        }
        let short = match self.reply_to_client(me, client, reply) {
            Ok(short) => short,
            Err(Error::NotWaiting) => None,
            Err(error) => return Err(error),
        };
        let received = self.receive(me, None, transfer);
        if let Some(client) = short {
            self.call_again(client);
        }
        received
    }
}
