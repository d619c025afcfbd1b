//! How a process's pager is asked for something.
//!
//! The request is a message that the kernel sends in the process's name. The process is blocked
//! until its pager has answered (`reply.rs`), the pager ends, or the time is over that the
//! process's parent gives the pager. In the last two cases, `Kernel::fail_request` ends the wait.

use abi::Error;

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::state::fault::Fault;
use crate::state::process::{Index, MessageBuffer, PendingRequest};

impl<H: Hardware> Kernel<H> {
    /// Blocks the current process until its pager has handled a fault. `false`: there is no pager,
    /// or the pager waits for the process; nothing was changed.
    #[inline(never)]
    pub(crate) fn ask_pager(
        &mut self,
        index: Index,
        request: PendingRequest,
        fault: Fault,
    ) -> bool {
        self.pager_of(index).is_some_and(|pager| self.ask(index, pager, request, fault.words()))
    }

    /// Blocks the current process until a pager has answered a request with these words. `false`:
    /// the pager waits for the process; nothing was changed.
    // Inlined: see `message/fast.rs`.
    #[inline(always)]
    pub(crate) fn ask(
        &mut self,
        index: Index,
        pager: Index,
        request: PendingRequest,
        words: [u32; 4],
    ) -> bool {
        self.ask_at_once(index, pager, request, words)
            || self.ask_and_queue(index, pager, request, words)
    }

    fn ask_and_queue(
        &mut self,
        index: Index,
        pager: Index,
        request: PendingRequest,
        words: [u32; 4],
    ) -> bool {
        let message = MessageBuffer::words(words);
        let asked = self.begin_request(index, pager, request, message).is_ok();
        let timeout = self.processes[index].paging.fault_timeout;
        if asked && timeout != 0 {
            self.wake_in(index, timeout);
        }
        asked
    }

    /// Passes a fault on to the pager, for the handler of the current process.
    ///
    /// # Errors
    /// `Refused`: there is no pager, or it waits for the process.
    pub(crate) fn forward(&mut self, index: Index, fault: Fault) -> Result<(), Error> {
        let asked = self.ask_pager(index, PendingRequest::ForwardedFault, fault);
        if asked { Ok(()) } else { Err(Error::Refused) }
    }
}
