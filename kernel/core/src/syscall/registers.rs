//! The calls with which a parent reads and sets its child's registers.

use abi::Error;
use abi::process::Target;
use abi::registers::UserRegisters;

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::state::process::{Index, State};

/// Length of the record in bytes.
const LENGTH: u32 = size_of::<UserRegisters>() as u32;

impl<H: Hardware> Kernel<H> {
    /// Writes a child's registers to the caller's memory at `address`.
    pub(crate) fn registers_read(
        &mut self,
        caller: Index,
        child: Target,
        address: u32,
    ) -> Result<(), Error> {
        let child = self.child(caller, child)?;
        if !self.check_words(caller, (address, LENGTH), true)? {
            return Ok(());
        }
        let registers = UserRegisters::of(&self.processes[child].registers);
        for (index, word) in (0..).zip(registers.words()) {
            self.cpu.hardware.write_user(address + 4 * index, word);
        }
        self.succeed(caller)
    }

    /// Sets a child's registers from the caller's memory at `address`.
    ///
    /// # Errors
    /// - `NoSuchProcess`: the target is not a living child of the caller.
    /// - `Busy`: the child is blocked. The result of its call would overwrite the new registers.
    pub(crate) fn registers_write(
        &mut self,
        caller: Index,
        child: Target,
        address: u32,
    ) -> Result<(), Error> {
        let child = self.child(caller, child)?;
        if self.processes[child].state != State::Ready {
            return Err(Error::Busy);
        }
        if !self.check_words(caller, (address, LENGTH), false)? {
            return Ok(());
        }
        let words =
            core::array::from_fn(|index| self.cpu.hardware.read_user(address + 4 * index as u32));
        self.processes[child].set_registers(UserRegisters::from_words(words));
        self.succeed(caller)
    }
}
