//! The console's calls, and those of drivers, which answer `NotPermitted` to every other process.

use abi::driver::{Line, PortRange};
use abi::process::Target;
use abi::{Error, Frame, PageRange, ProcessId, Syscall};

use super::entry::{address, done, invoke};
use super::memory::{Partial, whole};
use crate::paging::own_pages::are_free;

/// Writes the first bytes to the console, at most 256; returns how many.
///
/// # Errors
/// See [`Syscall::ConsoleWrite`].
pub fn console_write(bytes: &[u8]) -> Result<usize, Error> {
    let length = bytes.len().min(Syscall::BUFFER_LIMIT as usize) as u32;
    let [written, ..] = invoke(Syscall::ConsoleWrite { address: address(bytes.as_ptr()), length })?;
    Ok(written as usize)
}

/// Waits for console input and stores it; returns how many bytes, at least 1 unless the buffer is
/// empty.
///
/// # Errors
/// See [`Syscall::ConsoleRead`].
pub fn console_read(buffer: &mut [u8]) -> Result<usize, Error> {
    let length = buffer.len().min(Syscall::BUFFER_LIMIT as usize) as u32;
    let [read, ..] =
        invoke(Syscall::ConsoleRead { address: address(buffer.as_mut_ptr()), length })?;
    Ok(read as usize)
}

/// Sets the process that gets a message at Ctrl-C: the caller, a child, or none (then Ctrl-C is a
/// byte like others).
///
/// # Errors
/// See [`Syscall::SetConsoleOwner`].
pub fn set_console_owner(owner: Option<Target>) -> Result<(), Error> {
    done(Syscall::SetConsoleOwner { owner })
}

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

/// Maps the device memory from `frame` on over a range of the caller's at which no Rust object
/// lies.
///
/// # Errors
/// See [`Syscall::DeviceMap`].
pub fn device_map(frame: Frame, pages: PageRange) -> Result<(), Partial> {
    if !are_free(pages.first(), pages.pages()) {
        return Err(Partial { error: Error::NotPermitted, done: 0 });
    }
    let frame = |done| Frame::from_number(frame.number() + done);
    whole(pages, |range, done| Syscall::DeviceMap { frame: frame(done), range }).map(drop)
}

/// Maps frames that a device can use over a range of the caller's at which no Rust object lies;
/// returns the first.
///
/// # Errors
/// See [`Syscall::DmaAllocate`].
pub fn dma_allocate(range: PageRange) -> Result<Frame, Error> {
    if !are_free(range.first(), range.pages()) {
        return Err(Error::NotPermitted);
    }
    let [address, ..] = invoke(Syscall::DmaAllocate { range })?;
    Ok(Frame::containing(address))
}

/// Gives such frames back.
///
/// # Safety
/// No device uses the frames any more: they become anyone's memory. No Rust object lies in the
/// range.
///
/// # Errors
/// See [`Syscall::DmaRelease`].
pub unsafe fn dma_release(range: PageRange) -> Result<(), Error> {
    done(Syscall::DmaRelease { range })
}

/// Gives the frames of a dead driver back; returns how many there were.
///
/// # Safety
/// The driver's device uses the frames no more: they become anyone's memory.
///
/// # Errors
/// See [`Syscall::DmaReclaim`].
pub unsafe fn dma_reclaim(driver: ProcessId) -> Result<u32, Error> {
    invoke(Syscall::DmaReclaim { driver }).map(|[count, ..]| count)
}

/// Attaches an interrupt line: each interrupt is a message to the caller.
///
/// # Errors
/// See [`Syscall::InterruptAttach`].
pub fn interrupt_attach(line: Line) -> Result<(), Error> {
    done(Syscall::InterruptAttach { line })
}

/// Unmasks a line of the caller's.
///
/// # Errors
/// See [`Syscall::InterruptAcknowledge`].
pub fn interrupt_acknowledge(line: Line) -> Result<(), Error> {
    done(Syscall::InterruptAcknowledge { line })
}
