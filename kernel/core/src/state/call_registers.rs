//! How the arguments of a call are read from its caller's saved registers.
//!
//! The two trap instructions use different registers: `sysenter` needs two of them for the return
//! address and the stack, so it has fewer arguments.

use abi::call::Arguments;
use abi::{Error, Registers, Syscall};

/// The saved registers of a call by `int 0x30`, or, if `SYSENTER`, by `sysenter`. `NUMBER` is the
/// call's number where it is known at compile time, and [`ANY`] where it is not.
pub struct CallRegisters<'a, const NUMBER: u32, const SYSENTER: bool>(pub &'a Registers);

/// No native call has this number.
pub const ANY: u32 = 0;

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

/// As `CallRegisters` has it for the instruction.
impl Arguments for AnyRegisters<'_> {
    fn head(&self) -> u32 {
        self.0.eax
    }

    fn process(&self) -> u32 {
        if self.by_sysenter() {
            CallRegisters::<ANY, true>(self.0).process()
        } else {
            CallRegisters::<ANY, false>(self.0).process()
        }
    }

    fn page(&self) -> u32 {
        if self.by_sysenter() {
            CallRegisters::<ANY, true>(self.0).page()
        } else {
            CallRegisters::<ANY, false>(self.0).page()
        }
    }

    fn word(&self, index: usize) -> u32 {
        if self.by_sysenter() {
            CallRegisters::<ANY, true>(self.0).word(index)
        } else {
            CallRegisters::<ANY, false>(self.0).word(index)
        }
    }
}

impl<const NUMBER: u32, const SYSENTER: bool> Arguments for CallRegisters<'_, NUMBER, SYSENTER> {
    fn head(&self) -> u32 {
        self.0.eax
    }

    fn number(&self) -> u32 {
        if NUMBER == ANY { self.head() & 0xFF } else { NUMBER }
    }

    fn process(&self) -> u32 {
        if SYSENTER { self.0.edi } else { self.0.edx }
    }

    fn page(&self) -> u32 {
        if SYSENTER { self.0.ebp } else { self.0.ecx }
    }

    fn word(&self, index: usize) -> u32 {
        match index {
            0 => self.0.ebx,
            1 => self.0.esi,
            2 if SYSENTER => self.0.ebp,
            2 => self.0.edi,
            _ if SYSENTER => 0,
            _ => self.0.ebp,
        }
    }
}
