//! Buffers that a call names in its caller's memory: they are checked before the kernel touches them.
//!
//! A page that is missing is a fault of the caller, and the call restarts: so a buffer may be lazily allocated, copy-on-write or
//! paged out, like all other memory of a program.

use abi::Error;
use abi::layout::USER_TOP;

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::state::process::Index;

impl<H: Hardware> Kernel<H> {
    /// Checks a buffer of the caller for reading, or for writing. `false`: the caller has faulted there, and its call
    /// restarts.
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
    /// `InvalidArgument`: the address is no multiple of 4. `Fault`: the buffer does not lie below UTOP.
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
