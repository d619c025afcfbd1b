//! What a pager's reply does to the client that waits for it.

use abi::call::FaultReply;
use abi::{Error, ProcessId};

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::state::fault::Unhandled;
use crate::state::process::{Index, PendingRequest, State};

/// Why a process ends whose pager refuses to handle its fault.
const REFUSED: Unhandled = Unhandled::Pager("its pager refused");

impl<H: Hardware> Kernel<H> {
    /// Replies to a client of the current process. The client is ready then, or has ended. If it
    /// waited for frames for a call, it is returned and is in no queue: the caller makes that call
    /// again.
    ///
    /// # Errors
    /// - `NotWaiting`: the client does not wait for a reply of this process.
    /// - `NotMapped`, `NotPermitted`, `OutOfFrames`, `QuotaExceeded`: the page cannot be mapped;
    ///   the client goes on waiting.
    pub(crate) fn reply_to_client(
        &mut self,
        me: Index,
        client: ProcessId,
        reply: FaultReply,
    ) -> Result<Option<Index>, Error> {
        let client = self.processes.find(client).map_err(|_| Error::NotWaiting)?;
        let pending_request = match self.processes[client].state {
            State::Answer { by, pending_request } if by == me => pending_request,
            _ => return Err(Error::NotWaiting),
        };
        if !matches!(
            pending_request,
            PendingRequest::Fault { .. } | PendingRequest::ForwardedFault | PendingRequest::Frames
        ) {
            return Err(Error::NotWaiting);
        }
        if let FaultReply::Map { source, destination, permissions } = reply {
            let (from, to) = self.spaces(me, client);
            let permissions = self.processes.may_leave(me, to.owner, permissions);
            self.memory().map(from.at(source), to.at(destination), permissions)?;
        }
        self.leave_queue(client);
        if reply == FaultReply::Refuse {
            self.fail_request(client, pending_request, REFUSED);
            return Ok(None);
        }
        if pending_request == PendingRequest::Frames {
            self.processes[client].state = State::Ready;
            return Ok(Some(client));
        }
        if pending_request == PendingRequest::ForwardedFault {
            self.processes[client].registers.eax = 0;
        }
        self.make_ready(client);
        Ok(None)
    }
}
