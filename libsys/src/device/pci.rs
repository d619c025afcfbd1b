//! A PC's PCI devices, as a driver finds them: configuration space through two I/O ports.
//!
//! Configuration mechanism 1 (PCI Local Bus Specification 3.0, 3.2.2.3.2): the word at port 0xCF8
//! says which register of which function the word at port 0xCFC is. Only bus 0 is searched: what
//! hangs behind bridges is not found.

#[cfg(target_os = "none")]
pub mod live;

use abi::Error;
use abi::driver::PortRange;

/// The port that takes the address of a register.
pub const ADDRESS: u16 = 0xCF8;
/// The port at which that register is read and written.
pub const DATA: u16 = 0xCFC;
/// Bit of the address: a configuration access.
const ENABLE: u32 = 1 << 31;
/// The value of every register of an absent function.
const ABSENT: u32 = 0xFFFF_FFFF;

/// Offset of the vendor (low half) and the device.
pub const IDENTITY: u8 = 0x00;
/// Offset of the command register (low half; writing 0 to the other does nothing).
pub const COMMAND: u8 = 0x04;
/// Offset of the interrupt line (lowest byte).
pub const INTERRUPT: u8 = 0x3C;
/// The command register's half of its word.
const COMMAND_BITS: u32 = 0xFFFF;
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

    /// The function with a number that [`Function::number`] has returned.
    #[must_use]
    pub const fn numbered(number: u8) -> Self {
        Self(number)
    }

    /// Device and function in one byte.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// What is written to port 0xCF8 for the word at `offset`, rounded down to a multiple of 4.
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

/// Whether the function with this first word is made by `vendor` and has one of these device ids.
#[must_use]
pub fn is_one_of(identity: u32, vendor: u16, devices: &[u16]) -> bool {
    identity != ABSENT && identity as u16 == vendor && devices.contains(&((identity >> 16) as u16))
}

/// The command register of a device that may answer, interrupt, and use memory by itself.
#[must_use]
pub const fn enabled(command: u32) -> u32 {
    (command & COMMAND_BITS | BUS_MASTER | MEMORY) & !NO_INTERRUPT
}

/// The command register of a device that writes no frame and raises no interrupt.
#[must_use]
pub const fn silenced(command: u32) -> u32 {
    command & COMMAND_BITS & !BUS_MASTER | NO_INTERRUPT
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

    #[test]
    fn a_silenced_device_is_no_bus_master_and_an_enabled_one_is() {
        assert_eq!(silenced(0x0010_0107), 0x0503);
        assert_eq!(enabled(0x0010_0501), 0x0107);
        assert_eq!(enabled(silenced(0x0107)), 0x0107);
    }

    #[test]
    fn a_function_is_known_by_vendor_and_device() {
        assert!(is_one_of(0x1042_1AF4, 0x1AF4, &[0x1001, 0x1042]));
        assert!(!is_one_of(0x1041_1AF4, 0x1AF4, &[0x1001, 0x1042]));
        assert!(!is_one_of(0x1042_8086, 0x1AF4, &[0x1042]));
        assert!(!is_one_of(0xFFFF_FFFF, 0xFFFF, &[0xFFFF]), "absent");
    }
}
