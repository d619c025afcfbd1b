//! Which I/O ports a process may use: none, a few ranges, or all.

use abi::Error;
use abi::driver::PortRange;

/// The most ranges that a driver can have.
pub const PORT_RANGES: usize = 4;

/// Ports that no process gets, as pairs of first port and count. The kernel drives them, or they
/// power the machine off: both interrupt controllers and their edge/level registers, the timer,
/// QEMU's exit port, COM1, the power-management port, and Bochs's shutdown port.
const KERNELS_OWN: [(u32, u32); 8] =
    [(0x20, 2), (0x40, 4), (0xA0, 2), (0xF4, 4), (0x3F8, 8), (0x4D0, 2), (0x604, 4), (0x8900, 1)];

/// The I/O ports of one process. No ports is all zero bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ports {
    any: bool,
    all: bool,
    ranges: [PortRange; PORT_RANGES],
}

impl Ports {
    /// No port.
    pub const NONE: Self = Self { any: false, all: false, ranges: [PortRange::NONE; PORT_RANGES] };
    /// Every port, for the JOS file server.
    pub const ALL: Self = Self { any: true, all: true, ..Self::NONE };

    /// Whether the process may use any port.
    #[must_use]
    pub const fn any(&self) -> bool {
        self.any
    }

    /// Whether the process may use every port.
    #[must_use]
    pub const fn all(&self) -> bool {
        self.all
    }

    /// The ranges. Unused ones are empty.
    #[must_use]
    pub const fn ranges(&self) -> &[PortRange; PORT_RANGES] {
        &self.ranges
    }

    /// Adds a range. If one range covers the new one already, nothing changes.
    ///
    /// # Errors
    /// - `Busy`: the range overlaps a port that the kernel uses itself.
    /// - `QuotaExceeded`: `PORT_RANGES` ranges are in use.
    pub fn add(&mut self, ports: PortRange) -> Result<(), Error> {
        let own = |(first, count)| PortRange::new(first, count).is_ok_and(|it| it.overlaps(ports));
        if KERNELS_OWN.into_iter().any(own) {
            return Err(Error::Busy);
        }
        if self.ranges.iter().any(|range| range.covers(ports)) {
            return Ok(());
        }
        let free = self.ranges.iter_mut().find(|range| **range == PortRange::NONE);
        *free.ok_or(Error::QuotaExceeded)? = ports;
        self.any = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: u32, count: u32) -> PortRange {
        PortRange::new(first, count).unwrap()
    }

    #[test]
    fn the_kernels_own_ports_are_refused_and_their_neighbours_are_not() {
        let mut ports = Ports::NONE;
        let own = [
            (0x20, 1),
            (0x21, 1),
            (0xA1, 1),
            (0x43, 1),
            (0x3FF, 1),
            (0x3F8, 1),
            (0xF4, 1),
            (0x4D1, 1),
            (0x604, 1),
            (0x8900, 1),
            (0, 256),
            (0x300, 256),
        ];
        for (first, count) in own {
            assert_eq!(ports.add(range(first, count)), Err(Error::Busy), "{first:#x}, {count}");
        }
        assert_eq!(ports, Ports::NONE);
        for first in [0x22, 0x3F0, 0x44] {
            ports.add(range(first, 8)).unwrap();
        }
        assert!(ports.any() && !ports.all());
    }

    #[test]
    fn four_ranges_fit_and_one_that_is_there_takes_no_place() {
        let mut ports = Ports::NONE;
        for first in [0xC00, 0xD00, 0xE00, 0xF00] {
            ports.add(range(first, 16)).unwrap();
            ports.add(range(first + 8, 8)).unwrap();
        }
        let before = ports;
        assert_eq!(ports.add(range(0xB00, 1)), Err(Error::QuotaExceeded));
        assert_eq!(ports.add(range(0xCF8, 9)), Err(Error::QuotaExceeded));
        assert_eq!(ports, before);
    }
}
