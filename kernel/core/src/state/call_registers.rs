//! How the arguments of a call are read from its caller's saved registers.
//!
//! The two trap instructions use different registers: `sysenter` needs two of them for the return
//! address and the stack, so it has fewer arguments.

use abi::call::Arguments;
use abi::{Error, Registers, Syscall};

/// The saved registers of the call `NUMBER` by `int 0x30`, or, if `SYSENTER`, by `sysenter`.
pub struct CallRegisters<'a, const NUMBER: u32, const SYSENTER: bool>(pub &'a Registers);

/// Decodes the native call in these saved registers, whichever trap instruction made it. For calls
/// that are decoded a second time, or that are recorded.
///
/// # Errors
/// Those of [`Syscall::decode`].
pub fn decode(registers: &Registers) -> Result<Syscall, Error> {
    Syscall::decode(&AnyRegisters(registers))
}

/// The saved registers of a call by either trap instruction.
struct AnyRegisters<'a>(&'a Registers);

impl AnyRegisters<'_> {
    const fn by_sysenter(&self) -> bool {
        self.0.trap == Registers::SYSENTER
    }
}

impl Arguments for AnyRegisters<'_> {
    fn head(&self) -> u32 {
        self.0.eax
    }

    fn process(&self) -> u32 {
        process(self.0, self.by_sysenter())
    }

    fn page(&self) -> u32 {
        page(self.0, self.by_sysenter())
    }

    fn word(&self, index: usize) -> u32 {
        word(self.0, self.by_sysenter(), index)
    }
}

impl<const NUMBER: u32, const SYSENTER: bool> Arguments for CallRegisters<'_, NUMBER, SYSENTER> {
    fn head(&self) -> u32 {
        self.0.eax
    }

    fn number(&self) -> u32 {
        NUMBER
    }

    fn process(&self) -> u32 {
        process(self.0, SYSENTER)
    }

    fn page(&self) -> u32 {
        page(self.0, SYSENTER)
    }

    fn word(&self, index: usize) -> u32 {
        word(self.0, SYSENTER, index)
    }
}

/// The process argument of a call.
#[must_use]
pub const fn process(registers: &Registers, sysenter: bool) -> u32 {
    if sysenter { registers.edi } else { registers.edx }
}

/// The page argument of a call.
#[must_use]
pub const fn page(registers: &Registers, sysenter: bool) -> u32 {
    if sysenter { registers.ebp } else { registers.ecx }
}

/// A word of a call. A call by `sysenter` has three, and its third word is in the register of the
/// page; the fourth is 0.
// Inlined: see `queues.rs`.
#[inline(always)]
#[must_use]
pub const fn word(registers: &Registers, sysenter: bool, index: usize) -> u32 {
    match (index, sysenter) {
        (0, _) => registers.ebx,
        (1, _) => registers.esi,
        (2, false) => registers.edi,
        (2, true) | (_, false) => registers.ebp,
        (_, true) => 0,
    }
}
