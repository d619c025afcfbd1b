//! Configuration space itself, for a driver to which its ports are open.
#![allow(unsafe_code)]

use abi::Error;

use super::{ADDRESS, COMMAND, DATA, Function, IDENTITY, INTERRUPT};
use crate::call;
use crate::device::ports;

/// The right to use the two ports.
#[derive(Clone, Copy, Debug)]
pub struct Configuration(());

impl Configuration {
    /// Opens the ports to this process.
    ///
    /// # Errors
    /// `NotPermitted`: it is no driver. `QuotaExceeded`: it has four other ranges of ports.
    pub fn open() -> Result<Self, Error> {
        call::ports_allow(super::ports()?)?;
        Ok(Self(()))
    }

    /// Reads the word at `offset`.
    #[must_use]
    pub fn read(&self, function: Function, offset: u8) -> u32 {
        select(function, offset);
        ports::read(DATA)
    }

    /// Writes the word at `offset`.
    ///
    /// # Safety
    /// As [`ports::write()`].
    pub unsafe fn write(&self, function: Function, offset: u8, value: u32) {
        select(function, offset);
        // SAFETY: by this function's contract.
        unsafe { ports::write(DATA, value) };
    }

    /// The first function of this vendor whose device id is one of these.
    #[must_use]
    pub fn find(&self, vendor: u16, devices: &[u16]) -> Option<Function> {
        super::functions()
            .find(|function| super::is_one_of(self.read(*function, IDENTITY), vendor, devices))
    }

    /// The interrupt line that the firmware has given to a function: below 16 if there is one.
    #[must_use]
    pub fn interrupt_line(&self, function: Function) -> u32 {
        self.read(function, INTERRUPT) & 0xFF
    }

    /// Lets a device answer, interrupt, and use memory by itself.
    pub fn enable(&self, function: Function) {
        let command = super::enabled(self.read(function, COMMAND));
        // SAFETY: a device uses only memory that a driver has named to it, which takes `unsafe`.
        unsafe { self.write(function, COMMAND, command) };
    }

    /// Stops a device from using memory and from interrupting: from now on it writes no frame.
    pub fn silence(&self, function: Function) {
        let command = super::silenced(self.read(function, COMMAND));
        // SAFETY: from now on the device writes no memory.
        unsafe { self.write(function, COMMAND, command) };
    }
}

/// Chooses the word that the data port stands for.
fn select(function: Function, offset: u8) {
    // SAFETY: the bus notes which register is meant, and nothing else.
    unsafe { ports::write(ADDRESS, function.address(offset)) };
}
