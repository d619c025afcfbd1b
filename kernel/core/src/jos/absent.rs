//! What replaces the module `jos` in a build without the feature `jos`: no process can make a JOS
//! call, and no machine runs JOS programs.
//!
//! The rest of the kernel calls only these methods of the module, so it needs no `cfg` of its own.

use abi::Error;
use abi::message::Reason;

use crate::boot::archive::BootArchive;
use crate::boot::error::BootError;
use crate::hardware::Hardware;
use crate::kernel::{After, Kernel};
use crate::state::fault::{Fault, Unhandled};
use crate::state::process::Index;

#[expect(clippy::unused_self, reason = "the methods with JOS need the kernel")]
#[expect(clippy::needless_pass_by_ref_mut, reason = "the methods with JOS need the kernel")]
impl<H: Hardware> Kernel<H> {
    /// Refuses a call with the number of a JOS call: `InvalidArgument`, as for any unknown number.
    pub(crate) fn jos_call(&mut self, caller: Index) {
        self.processes[caller].registers.eax = Error::InvalidArgument.to_wire();
    }

    /// How many frames a JOS call needs. No process makes one.
    pub(crate) const fn frames_wanted_by_jos(&self, _caller: Index) -> Option<(Index, u32)> {
        None
    }

    /// Ends a process whose JOS call met a fault that was not handled. No process makes such a
    /// call.
    pub(crate) fn die_of_jos_call(&mut self, index: Index, _address: u32) {
        unreachable!("process {index:?} has made a JOS call")
    }

    /// Whether an exception stops the machine: it does not.
    pub(crate) const fn jos_exception(&mut self, _index: Index, _vector: u32) -> bool {
        false
    }

    /// Reports a new process: nothing to print.
    pub(crate) const fn jos_report_new(&mut self, _index: Index) {}

    /// Reports a process that ends: nothing to print.
    pub(crate) const fn jos_report_end(&mut self, _index: Index, _reason: Reason) {}

    /// Whether a page fault was reported as JOS does: it was not.
    pub(crate) const fn jos_report_fault(&mut self, _: Index, _: Fault, _: Unhandled) -> bool {
        false
    }

    /// Whether another exception was reported as JOS does: it was not.
    pub(crate) const fn jos_report_exception(&mut self, _index: Index) -> bool {
        false
    }

    /// Handles the end of a process on a course machine: there is none.
    pub(crate) const fn course_process_ended(&mut self, _index: Index) {}

    /// What the CPU does on a machine without a first process when no process can run.
    pub(crate) const fn nothing_can_run(&mut self) -> After {
        After::Idle
    }

    /// Starts the JOS programs that the command line names. It returns `false`: no program was
    /// started.
    pub(crate) const fn start_jos_programs(
        &mut self,
        _archive: BootArchive,
        _command_line: &[u8],
    ) -> Result<bool, BootError> {
        Ok(false)
    }
}
