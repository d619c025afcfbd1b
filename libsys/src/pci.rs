//! A PC's PCI devices, as a driver finds them: configuration space through two I/O ports.
//!
//! Configuration mechanism 1 (PCI Local Bus Specification 3.0, 3.2.2.3.2): the word at port 0xCF8 says which register
//! of which function the word at port 0xCFC is. Only bus 0 is searched: what hangs behind bridges is not found.

use abi::Error;
use abi::driver::PortRange;

/// Where a register is named.
const ADDRESS: u16 = 0xCF8;
/// Where it is read and written.
const DATA: u16 = 0xCFC;
/// Bit of the address: a configuration access.
const ENABLE: u32 = 1 << 31;
/// What a function that is not there reads.
const NOBODY: u32 = 0xFFFF_FFFF;

/// Offset of the vendor (low half) and the device.
const IDENTITY: u8 = 0x00;
/// Offset of the command register (low half).
const COMMAND: u8 = 0x04;
/// Offset of the interrupt line (lowest byte).
const INTERRUPT: u8 = 0x3C;
/// Command bit: the device may use memory by itself.
const BUS_MASTER: u32 = 1 << 2;
/// Command bit: the device answers to its memory addresses.
const MEMORY: u32 = 1 << 1;
/// Command bit: the device does not raise its interrupt line.
const NO_INTERRUPT: u32 = 1 << 10;

/// A function of a device on bus 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Function(u8);

impl Function {
    /// Function `function` (`0..8`) of device `device` (`0..32`).
    ///
    /// # Errors
    /// `InvalidArgument`: there is no such.
    pub const fn new(device: u32, function: u32) -> Result<Self, Error> {
        if device < 32 && function < 8 {
            Ok(Self((device << 3 | function) as u8))
        } else {
            Err(Error::InvalidArgument)
        }
    }

    /// The function that a number names, as [`Function::number`] tells it.
    #[must_use]
    pub const fn numbered(number: u8) -> Self {
        Self(number)
    }

    /// Device and function in one byte.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// What port 0xCF8 is told for the word at `offset`, rounded down to a multiple of 4.
    #[must_use]
    pub const fn address(self, offset: u8) -> u32 {
        ENABLE | (self.0 as u32) << 8 | (offset & 0xFC) as u32
    }
}

/// All functions that a device on bus 0 can have.
pub fn functions() -> impl Iterator<Item = Function> {
    (0..=u8::MAX).map(Function)
}

/// The ports of configuration space.
///
/// # Errors
/// None: they are eight ports.
pub fn ports() -> Result<PortRange, Error> {
    PortRange::new(ADDRESS.into(), 8)
}

/// Who may use the two ports: a process to which they are open.
#[cfg(target_os = "none")]
#[derive(Debug)]
pub struct Configuration(());

#[cfg(target_os = "none")]
impl Configuration {
    /// Opens the ports to this process.
    ///
    /// # Errors
    /// `NotPermitted`: it is no driver. `QuotaExceeded`: it has four other ranges of ports.
    pub fn open() -> Result<Self, Error> {
        crate::call::ports_allow(ports()?)?;
        Ok(Self(()))
    }

    /// Reads the word at `offset`.
    #[must_use]
    pub fn read(&self, function: Function, offset: u8) -> u32 {
        crate::ports::write(ADDRESS, function.address(offset));
        crate::ports::read(DATA)
    }

    /// Writes the word at `offset`.
    pub fn write(&self, function: Function, offset: u8, value: u32) {
        crate::ports::write(ADDRESS, function.address(offset));
        crate::ports::write(DATA, value);
    }

    /// The first function of this vendor whose device id is one of these.
    #[must_use]
    pub fn find(&self, vendor: u16, devices: &[u16]) -> Option<Function> {
        functions().find(|function| {
            let identity = self.read(*function, IDENTITY);
            identity != NOBODY
                && identity as u16 == vendor
                && devices.contains(&((identity >> 16) as u16))
        })
    }

    /// The interrupt line that the firmware has given to a function: below 16 if there is one.
    #[must_use]
    pub fn interrupt_line(&self, function: Function) -> u32 {
        self.read(function, INTERRUPT) & 0xFF
    }

    /// Lets a device answer, interrupt, and use memory by itself.
    pub fn enable(&self, function: Function) {
        let command = self.read(function, COMMAND) & 0xFFFF;
        self.write(function, COMMAND, (command | BUS_MASTER | MEMORY) & !NO_INTERRUPT);
    }

    /// Stops a device from using memory and from interrupting: from now on it writes no frame.
    pub fn silence(&self, function: Function) {
        let command = self.read(function, COMMAND) & 0xFFFF;
        self.write(function, COMMAND, (command & !BUS_MASTER) | NO_INTERRUPT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_register_is_named_by_device_function_and_offset() {
        let function = Function::new(4, 1).unwrap();
        assert_eq!(function.address(0x3C), 0x8000_213C);
        assert_eq!(function.address(0x3F), 0x8000_213C);
        assert_eq!(Function::numbered(function.number()), function);
        assert_eq!(functions().count(), 256);
        for (device, function) in [(32, 0), (0, 8), (u32::MAX, 0)] {
            assert_eq!(Function::new(device, function), Err(Error::InvalidArgument));
        }
        assert_eq!(ports().map(PortRange::end), Ok(0xD00));
    }
}
