//! The second try of a call, after a pager has freed frames for the call (`operations::shortage`).
//!
//! The second try is made from the saved registers, which are those of the first try. While it
//! runs, `second_try` is set in the kernel, so that frames are not requested again.

use abi::Error;
use abi::process_info::Status;

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::state::process::Index;

impl<H: Hardware> Kernel<H> {
    /// Gives the CPU to a process whose pager has freed frames, and makes the process's call a
    /// second time. The process must be in no queue.
    ///
    /// The process that ran until now goes to the back of the ready queue. If the second try finds
    /// no frame either, the call returns `OutOfFrames`.
    pub(crate) fn call_again(&mut self, caller: Index) {
        self.give_up_cpu();
        self.switch(caller);
        self.second_try = true;
        match self.call_of(caller) {
            Ok(call) => match self.dispatch(caller, call) {
                Ok(()) => {}
                Err(Error::OutOfFrames) => self.fail_for_frames(caller),
                Err(error) => self.refuse(caller, error),
            },
            Err(_) => self.jos_call(caller),
        }
        self.second_try = false;
        if self.cpu.current == Some(caller) && self.processes[caller].stopped {
            // The parent stopped the process while it was blocked. The call is done, but the
            // process must not run.
            self.cpu.current = None;
            self.processes.info_of(caller).status = Status::NotRunnable as u32;
        }
    }
}
