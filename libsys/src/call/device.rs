//! The calls of drivers. All but a driver get `NotPermitted`; the other errors stand at [`Syscall`].

use abi::driver::{Line, PortRange};
use abi::process::Target;
use abi::{Error, Frame, PageRange, ProcessId, Syscall};

use super::{Partial, done, invoke, range};

/// Says whether a child is a driver.
///
/// # Errors
/// See [`Syscall::DriverAllow`].
pub fn driver_allow(child: ProcessId, allow: bool) -> Result<(), Error> {
    done(Syscall::DriverAllow { process: Target::Process(child), allow })
}

/// Opens I/O ports to the caller.
///
/// # Errors
/// See [`Syscall::PortsAllow`].
pub fn ports_allow(ports: PortRange) -> Result<(), Error> {
    done(Syscall::PortsAllow { ports })
}

/// Maps the device memory from `frame` on over a range of the caller's.
///
/// # Errors
/// See [`Syscall::DeviceMap`].
pub fn device_map(frame: Frame, pages: PageRange) -> Result<(), Partial> {
    range(Syscall::DeviceMap { frame, range: pages }).map(drop)
}

/// Maps frames that a device can be told of over a range of the caller's; returns the first.
///
/// # Errors
/// See [`Syscall::DmaAllocate`].
pub fn dma_allocate(range: PageRange) -> Result<Frame, Error> {
    let [address, ..] = invoke(Syscall::DmaAllocate { range })?;
    Ok(Frame::containing(address))
}

/// Gives such frames back.
///
/// # Errors
/// See [`Syscall::DmaRelease`].
pub fn dma_release(range: PageRange) -> Result<(), Error> {
    done(Syscall::DmaRelease { range })
}

/// Gives the frames of a dead driver back; returns how many there were.
///
/// # Errors
/// See [`Syscall::DmaReclaim`].
pub fn dma_reclaim(driver: ProcessId) -> Result<u32, Error> {
    invoke(Syscall::DmaReclaim { driver }).map(|[count, ..]| count)
}

/// Has an interrupt line told to the caller.
///
/// # Errors
/// See [`Syscall::InterruptAttach`].
pub fn interrupt_attach(line: Line) -> Result<(), Error> {
    done(Syscall::InterruptAttach { line })
}

/// Lets the next interrupt of a line through.
///
/// # Errors
/// See [`Syscall::InterruptAcknowledge`].
pub fn interrupt_acknowledge(line: Line) -> Result<(), Error> {
    done(Syscall::InterruptAcknowledge { line })
}
