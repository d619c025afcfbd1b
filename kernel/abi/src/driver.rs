//! The arguments of a driver's calls, checked: runs of I/O ports, interrupt lines, frames of device
//! memory.

use crate::address::{Frame, PageRange};
use crate::error::Error;

/// The most ports that one call opens.
pub const PORT_LIMIT: u32 = 256;
/// Interrupt lines of a PC's two controllers.
pub const LINES: u32 = 16;

/// A run of I/O ports. All zero bytes: none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PortRange {
    first: u16,
    count: u16,
}

impl PortRange {
    /// No ports.
    pub const NONE: Self = Self { first: 0, count: 0 };

    /// `count` ports from `first` on.
    ///
    /// # Errors
    /// `InvalidArgument`: none, more than [`PORT_LIMIT`], or some beyond port 0xFFFF.
    pub const fn new(first: u32, count: u32) -> Result<Self, Error> {
        if count == 0 || count > PORT_LIMIT || first > 0xFFFF || first + count > 0x1_0000 {
            return Err(Error::InvalidArgument);
        }
        Ok(Self { first: first as u16, count: count as u16 })
    }

    /// The first port; meaningful when there is one.
    #[must_use]
    pub const fn first(self) -> u32 {
        self.first as u32
    }

    /// The number of ports.
    #[must_use]
    pub const fn count(self) -> u32 {
        self.count as u32
    }

    /// One past the last port.
    #[must_use]
    pub const fn end(self) -> u32 {
        self.first() + self.count()
    }

    /// Whether both have a port in common.
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        self.first() < other.end() && other.first() < self.end()
    }

    /// Whether all ports of `other` are in this run.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        self.first() <= other.first() && other.end() <= self.end()
    }
}

/// An interrupt line, `0..16`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Line(u8);

impl Line {
    /// Line `number`.
    ///
    /// # Errors
    /// `InvalidArgument`: there is no such line.
    pub const fn new(number: u32) -> Result<Self, Error> {
        if number < LINES { Ok(Self(number as u8)) } else { Err(Error::InvalidArgument) }
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0 as u32
    }
}

/// The frame at physical address `address`, with as many after it as `range` has pages.
///
/// # Errors
/// `InvalidArgument`: the address is no multiple of 4,096, or the frames go beyond 4 GiB.
pub(crate) fn device_frames(address: u32, range: PageRange) -> Result<Frame, Error> {
    let frame = Frame::containing(address);
    if frame.address() != address || frame.number() + range.pages() > 0x10_0000 {
        return Err(Error::InvalidArgument);
    }
    Ok(frame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UserPage;

    #[test]
    fn a_port_range_has_1_to_256_ports_and_ends_at_64_kib() {
        let table = [
            (0, 1, true),
            (0xCF8, 8, true),
            (0xFF00, 256, true),
            (0, 0, false),
            (0, 257, false),
            (0xFFFF, 2, false),
            (0x1_0000, 1, false),
            (0xFFFF_FFFF, 1, false),
            (1, 0xFFFF_FFFF, false),
        ];
        for (first, count, sound) in table {
            assert_eq!(PortRange::new(first, count).is_ok(), sound, "{first:#x}, {count}");
        }
    }

    #[test]
    fn ranges_overlap_by_one_port_and_do_not_by_touching() {
        let range = |first, count| PortRange::new(first, count).unwrap();
        assert!(range(0x20, 2).overlaps(range(0x21, 4)));
        assert!(!range(0x20, 2).overlaps(range(0x22, 4)));
        assert!(!range(0x22, 4).overlaps(range(0x20, 2)));
        assert!(range(0x20, 8).covers(range(0x22, 6)) && !range(0x20, 8).covers(range(0x22, 7)));
        assert!(!PortRange::NONE.covers(range(0, 1)));
    }

    #[test]
    fn there_are_16_lines() {
        assert_eq!(Line::new(15).map(Line::number), Ok(15));
        for number in [16, 17, 255, 256, 0xFFFF_FFFF] {
            assert_eq!(Line::new(number), Err(Error::InvalidArgument));
        }
    }

    #[test]
    fn device_frames_are_whole_and_end_at_4_gib() {
        let range = PageRange::new(UserPage::known(0x1000_0000), 2).unwrap();
        assert_eq!(device_frames(0xFFFF_E000, range).map(Frame::number), Ok(0xF_FFFE));
        for address in [0xFFFF_F000, 0xFE00_0001, 0xFE00_0800] {
            assert_eq!(device_frames(address, range), Err(Error::InvalidArgument));
        }
    }
}
