//! The requests and replies of a virtio block device (Virtual I/O Device Specification 1.2, 5.2).

use bitflags::bitflags;
use libsys::service::disk::protocol::DiskError;

/// The vendor of all virtio devices on PCI.
pub const VENDOR: u16 = 0x1AF4;
/// A block device: the modern id, and the id of a device that also has the legacy interface.
pub const DEVICES: [u16; 2] = [0x1042, 0x1001];

bitflags! {
    /// The features that this driver uses.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Features: u64 {
        /// The device cannot be written.
        const READ_ONLY = 1 << 5;
        /// The device has a write cache, and can flush it.
        const FLUSH = 1 << 9;
        /// The interface of version 1.
        const VERSION_1 = 1 << 32;
    }
}

/// The operation of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// From the disk.
    Read,
    /// To the disk.
    Write,
    /// From the device's cache to the disk.
    Flush,
}

/// Bytes of a request's header. The status, one byte, follows.
pub const HEADER: usize = 16;

/// The header of a request.
#[must_use]
pub fn header(operation: Operation, sector: u64) -> [u8; HEADER] {
    let number: u32 = match operation {
        Operation::Read => 0,
        Operation::Write => 1,
        Operation::Flush => 4,
    };
    let mut bytes = [0; HEADER];
    bytes[..4].copy_from_slice(&number.to_le_bytes());
    bytes[8..].copy_from_slice(&sector.to_le_bytes());
    bytes
}

/// The value of the status before the device writes it.
pub const UNWRITTEN: u8 = 0xFF;

/// The meaning of a status that the device has written.
///
/// # Errors
/// `DeviceError`: any status but 0.
pub const fn outcome(status: u8) -> Result<(), DiskError> {
    if status == 0 { Ok(()) } else { Err(DiskError::DeviceError) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_a_number_a_gap_and_a_sector() {
        let write = header(Operation::Write, 0x1_0000_0203);
        assert_eq!(write, [1, 0, 0, 0, 0, 0, 0, 0, 3, 2, 0, 0, 1, 0, 0, 0]);
        assert_eq!(header(Operation::Read, 0), [0; 16]);
        assert_eq!(header(Operation::Flush, 0)[0], 4);
    }

    #[test]
    fn only_status_0_is_success() {
        assert_eq!(outcome(0), Ok(()));
        for status in [1, 2, 3, UNWRITTEN] {
            assert_eq!(outcome(status), Err(DiskError::DeviceError));
        }
    }
}
