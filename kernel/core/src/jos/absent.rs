//! The door to JOS in a kernel without the feature `jos`: no process makes a JOS call, and no machine runs JOS programs.

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
    /// A call with the number of a JOS call: there is no such call.
    pub(crate) fn jos_call(&mut self, caller: Index) {
        self.processes[caller].registers.eax = Error::InvalidArgument.to_wire();
    }

    /// How many frames a JOS call needs.
    pub(crate) const fn frames_wanted_by_jos(&self, _caller: Index) -> Option<(Index, u32)> {
        None
    }

    /// The fault of a JOS call was not handled.
    pub(crate) fn die_of_jos_call(&mut self, index: Index, _address: u32) {
        unreachable!("process {index:?} has made a JOS call")
    }

    /// Whether an exception stops the machine.
    pub(crate) const fn jos_exception(&mut self, _index: Index, _vector: u32) -> bool {
        false
    }

    /// A process was made.
    pub(crate) const fn jos_report_new(&mut self, _index: Index) {}

    /// A process is about to end.
    pub(crate) const fn jos_report_end(&mut self, _index: Index, _reason: Reason) {}

    /// Whether a page fault was reported as JOS does.
    pub(crate) const fn jos_report_fault(&mut self, _: Index, _: Fault, _: Unhandled) -> bool {
        false
    }

    /// Whether another exception was reported as JOS does.
    pub(crate) const fn jos_report_exception(&mut self, _index: Index) -> bool {
        false
    }

    /// A process has ended on a machine without a first process.
    pub(crate) const fn course_process_ended(&mut self, _index: Index) {}

    /// No process can run on a machine without a first process.
    pub(crate) const fn nothing_can_run(&mut self) -> After {
        After::Idle
    }

    /// Starts the programs that the command line names. `false`: it names none.
    pub(crate) const fn start_jos_programs(
        &mut self,
        _archive: BootArchive,
        _command_line: &[u8],
    ) -> Result<bool, BootError> {
        Ok(false)
    }
}
