//! Faults that a JOS call meets in its caller's memory.
//!
//! The caller's pager gets such a fault, but never the caller's own handler: in JOS, bad memory in
//! a call ends the caller.

use abi::fault::PAGE_FAULT;
use abi::message::Reason;

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::operations::fault::KILLED;
use crate::state::process::{Index, PendingRequest};

impl<H: Hardware> Kernel<H> {
    /// Raises a fault for a JOS call of the current process that met memory that it cannot use yet.
    /// The call restarts after the pager's reply. Without a pager that could reply, the process
    /// ends.
    pub(crate) fn fault_of_jos_call(&mut self, index: Index, address: u32) {
        let fault = self.rewind(index, address, false);
        if !self.ask_pager(index, PendingRequest::Fault { jos: true }, fault) {
            self.die_of_jos_call(index, address);
        }
    }

    /// Ends a process whose JOS call met a fault that was not handled, with JOS's line for it.
    pub(crate) fn die_of_jos_call(&mut self, index: Index, address: u32) {
        self.report_bad_memory(index, address);
        self.end(index, KILLED + PAGE_FAULT, Reason::Killed);
    }
}
