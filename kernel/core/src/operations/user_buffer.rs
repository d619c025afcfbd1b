//! Buffers in the caller's memory: the kernel checks a buffer before it reads or writes a byte of
//! it.
//!
//! If a page of the buffer is absent, or read-only and the kernel wants to write, the caller gets a
//! page fault at that page, and the call restarts after the fault was handled. So a buffer may be
//! allocated lazily, copy-on-write or paged out, like all other memory of a program.

use abi::Error;
use abi::layout::USER_TOP;

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::state::process::Index;

impl<H: Hardware> Kernel<H> {
    /// Checks that the kernel may read the caller's buffer, or write it. Returns `false` if the
    /// caller got a page fault: its call restarts, so the kernel must return and change no
    /// register.
    ///
    /// # Errors
    /// `Fault`: the buffer does not lie below UTOP.
    pub(crate) fn check_buffer(
        &mut self,
        caller: Index,
        (address, length): (u32, u32),
        write: bool,
    ) -> Result<bool, Error> {
        let end = address.checked_add(length).ok_or(Error::Fault)?;
        if end > USER_TOP {
            return Err(Error::Fault);
        }
        let space = self.space(caller);
        let checked = self.memory().check_user(space, address, length, write);
        if let Err(fault) = checked {
            self.fault_of_call(caller, fault, write);
        }
        Ok(checked.is_ok())
    }

    /// As [`Kernel::check_buffer`], for a buffer of words.
    ///
    /// # Errors
    /// - `InvalidArgument`: the address is not a multiple of 4.
    /// - `Fault`: the buffer does not lie below UTOP.
    pub(crate) fn check_words(
        &mut self,
        caller: Index,
        (address, length): (u32, u32),
        write: bool,
    ) -> Result<bool, Error> {
        if !address.is_multiple_of(4) {
            return Err(Error::InvalidArgument);
        }
        self.check_buffer(caller, (address, length), write)
    }
}
