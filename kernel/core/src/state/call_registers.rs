//! How the arguments of a call are read from its caller's saved registers.
//!
//! The two trap instructions use different registers: `sysenter` needs two of them for the return
//! address and the stack, so it has fewer arguments.

use abi::call::{Arguments, RawCall};
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
    /// Reads every register that an argument may be in.
    fn raw(arguments: &impl Arguments) -> RawCall {
        let words = [0, 1, 2, 3].map(|index| arguments.word(index));
        let (process, page) = (arguments.process(), arguments.page());
        RawCall { head: arguments.head(), process, page, words }
    }
    let raw = match registers.trap {
        Registers::SYSENTER => raw(&CallRegisters::<ANY, true>(registers)),
        _ => raw(&CallRegisters::<ANY, false>(registers)),
    };
    Syscall::decode(&raw)
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
