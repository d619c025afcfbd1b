//! Results: how the result of a call gets into the caller's registers.

use abi::Error;

use crate::hardware::Hardware;
use crate::kernel::Kernel;
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
}
