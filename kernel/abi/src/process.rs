//! Process ids: a slot and a generation. The id of a process that has ended stays stale for a long
//! time, because the next process in its slot has another generation.
//!
//! The generations of a slot repeat after 524,287 processes. The kernel forgets an id when its
//! process ends. A program that keeps one for longer may reach another process by it.

use core::num::NonZeroU32;

use crate::error::Error;
use crate::layout::PROCESSES;

/// A process id: bits 0 to 9 are the slot, the bits above a generation that grows with each reuse;
/// bit 31 is 0.
///
/// ```
/// use abi::ProcessId;
///
/// let init = ProcessId::first(0);
/// assert_eq!(init.bits(), 0x1000);
/// assert_eq!(init.next().bits(), 0x2000, "the next process in the same slot");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ProcessId(NonZeroU32);

impl ProcessId {
    /// The generation step: what one reuse of a slot adds.
    pub const GENERATION: u32 = 0x1000;

    /// The id of the first process in slot `index` (`0..1024`): `0x1000 | index`.
    #[must_use]
    pub const fn first(index: u32) -> Self {
        assert!(index < PROCESSES);
        Self::some(Self::GENERATION | index)
    }

    /// The id that the next process in the same slot gets; generations restart before bit 31 would
    /// be set.
    #[must_use]
    pub const fn next(self) -> Self {
        let next = self.0.get().wrapping_add(Self::GENERATION);
        if next.cast_signed() <= 0 { Self::first(self.index()) } else { Self::some(next) }
    }

    /// Reads an id that came from a program; 0 (which means "self" or "any") is not an id.
    ///
    /// # Errors
    /// `NoSuchProcess`: 0, or bit 31 is set.
    // Inlined: see `address.rs`.
    #[inline(always)]
    pub const fn new(bits: u32) -> Result<Self, Error> {
        match NonZeroU32::new(bits) {
            Some(id) if bits.cast_signed() > 0 => Ok(Self(id)),
            _ => Err(Error::NoSuchProcess),
        }
    }

    /// The slot: `0..1024`.
    #[must_use]
    pub const fn index(self) -> u32 {
        self.0.get() % PROCESSES
    }

    /// The id as programs see it.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0.get()
    }

    const fn some(bits: u32) -> Self {
        Self(NonZeroU32::new(bits).expect("an id is not zero"))
    }
}

impl core::fmt::Display for ProcessId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// The process that a call is about: the caller itself (0 in the register) or a process by id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// The caller.
    Caller,
    /// The process with this id.
    Process(ProcessId),
}

impl Target {
    /// Reads a target that came from a program.
    ///
    /// # Errors
    /// `NoSuchProcess`: bit 31 is set.
    #[inline(always)]
    pub const fn new(bits: u32) -> Result<Self, Error> {
        if bits == 0 {
            return Ok(Self::Caller);
        }
        match ProcessId::new(bits) {
            Ok(id) => Ok(Self::Process(id)),
            Err(error) => Err(error),
        }
    }

    /// The target on the wire.
    #[must_use]
    pub const fn bits(self) -> u32 {
        match self {
            Self::Caller => 0,
            Self::Process(id) => id.bits(),
        }
    }
}

impl From<ProcessId> for Target {
    fn from(id: ProcessId) -> Self {
        Self::Process(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_grow_and_restart_before_the_sign_bit() {
        let first = ProcessId::first(5);
        assert_eq!(first.bits(), 0x1005);
        assert_eq!(first.next().bits(), 0x2005);
        let last = ProcessId::new(0x7FFF_F005).unwrap();
        assert_eq!(last.next(), first);
    }

    #[test]
    fn zero_and_negative_numbers_are_no_ids() {
        for bits in [0, 0x8000_0000, 0xFFFF_FFFF] {
            assert_eq!(ProcessId::new(bits), Err(Error::NoSuchProcess), "{bits:#x}");
        }
    }
}
