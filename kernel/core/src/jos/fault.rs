//! Faults that a JOS call meets in its caller's memory, which never raise the caller's own handler.

use abi::fault::PAGE_FAULT;
use abi::message::Reason;

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::operations::fault::KILLED;
use crate::state::process::{Index, PendingRequest};

impl<H: Hardware> Kernel<H> {
    /// A JOS call of the current process met memory that it cannot use yet: the call restarts after the pager has answered,
    /// or its caller ends.
    pub(crate) fn fault_of_jos_call(&mut self, index: Index, address: u32) {
        let fault = self.rewind(index, address, false);
        if !self.ask_pager(index, PendingRequest::Fault { jos: true }, fault.words()) {
            self.die_of_jos_call(index, address);
        }
    }

    /// Nobody handles the fault of a JOS call: it ends the caller with JOS's words.
    pub(crate) fn die_of_jos_call(&mut self, index: Index, address: u32) {
        self.report_bad_memory(index, address);
        self.end(index, KILLED + PAGE_FAULT, Reason::Killed);
    }
}
