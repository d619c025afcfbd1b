//! How a call's answer gets into its caller's registers.

use abi::Error;

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::memory::range::Progress;
use crate::state::process::Index;

impl<H: Hardware> Kernel<H> {
    /// Success, with nothing to say.
    pub(crate) fn succeed(&mut self, caller: Index) -> Result<(), Error> {
        self.processes[caller].registers.eax = 0;
        Ok(())
    }

    /// Success and one word.
    pub(crate) fn answer(&mut self, caller: Index, word: u32) -> Result<(), Error> {
        self.processes[caller].registers.ebx = word;
        self.succeed(caller)
    }

    /// Success and four words.
    pub(crate) fn answer_all(&mut self, caller: Index, words: [u32; 4]) -> Result<(), Error> {
        self.processes[caller].set_words(words);
        Ok(())
    }

    /// How far a range call got, which its caller learns also from an error. After `OutOfFrames` the call may be made
    /// again, so its registers stay as they are. Another error is the call's answer, and never a reason to restart: what
    /// the call has done stands.
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

    /// In a second try that goes on: the pages of the range that the first try has walked.
    pub(crate) fn done_before(&self, caller: Index) -> u32 {
        if self.goes_on { self.processes[caller].pages_done() } else { 0 }
    }
}
