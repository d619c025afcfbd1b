//! Results: how the result of a call gets into the caller's registers.

use abi::Error;

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::memory::range::Progress;
use crate::state::process::Index;

impl<H: Hardware> Kernel<H> {
    /// Returns success without a result word.
    pub(crate) fn succeed(&mut self, caller: Index) -> Result<(), Error> {
        self.processes[caller].registers.eax = 0;
        Ok(())
    }

    /// Returns success and one result word.
    pub(crate) fn answer(&mut self, caller: Index, word: u32) -> Result<(), Error> {
        self.processes[caller].registers.ebx = word;
        self.succeed(caller)
    }

    /// Returns success and four result words.
    pub(crate) fn answer_all(&mut self, caller: Index, words: [u32; 4]) -> Result<(), Error> {
        self.processes[caller].set_words(words);
        Ok(())
    }

    /// Returns how many pages a range call has walked, with success or with an error.
    ///
    /// After `OutOfFrames` the call may be made a second time, so its argument registers must not
    /// change: the count goes into the caller's message buffer (`set_pages_done`), and the error
    /// goes back through the dispatcher to `shortage.rs`. Any other error is the final result of
    /// the call and never leads to a restart, because the pages that the call has changed stay
    /// changed.
    pub(crate) fn progress(&mut self, caller: Index, progress: &Progress) -> Result<(), Error> {
        if progress.result == Err(Error::OutOfFrames) {
            self.processes[caller].set_pages_done(progress.done);
            return progress.result;
        }
        let registers = &mut self.processes[caller].registers;
        registers.ebx = progress.done;
        registers.eax = progress.result.map_or_else(Error::to_wire, |()| 0);
        Ok(())
    }

    /// The number of pages that the first try has walked, if this is the second try of a range
    /// call; otherwise 0.
    pub(crate) fn done_before(&self, caller: Index) -> u32 {
        if self.goes_on { self.processes[caller].pages_done() } else { 0 }
    }
}
