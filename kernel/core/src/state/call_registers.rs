//! How the arguments of a call are read from its caller's saved registers.
//!
//! The two trap instructions use different registers: `sysenter` needs two of them for the return
//! address and the stack, so it has fewer arguments.

use abi::call::{Arguments, Number, RawCall};
use abi::{Error, Registers, Syscall};

/// The saved registers of a call by `int 0x30`, or, if `SYSENTER`, by `sysenter`.
pub struct CallRegisters<'a, const SYSENTER: bool>(pub &'a Registers);

impl<const SYSENTER: bool> CallRegisters<'_, SYSENTER> {
    /// Decodes a native call. A register is read only if the call has an argument there.
    ///
    /// # Errors
    /// As [`decode`].
    #[inline(always)]
    pub fn decode(&self) -> Result<Syscall, Error> {
        if self.fits() { Syscall::decode(self) } else { Err(Error::InvalidArgument) }
    }

    /// Whether every argument of the call has a register. By `sysenter`, the page and the third
    /// word share `ebp`, so calls that need both have no such form.
    fn fits(&self) -> bool {
        const RANGE_SHARE: u32 = Number::RangeShare as u32;
        const FAULT_REPLY_AND_RECEIVE: u32 = Number::FaultReplyAndReceive as u32;
        const MESSAGES: core::ops::RangeInclusive<u32> =
            Number::Send as u32..=Number::ReplyAndReceive as u32;
        !SYSENTER
            || ![RANGE_SHARE, FAULT_REPLY_AND_RECEIVE].contains(&self.number())
                && (self.permission_bits() == 0 || !MESSAGES.contains(&self.number()))
    }
}

/// Decodes the native call in these saved registers, whichever trap instruction made it. For calls
/// that are decoded a second time, or that are recorded.
///
/// # Errors
/// `InvalidArgument`: the registers hold no native call, or one that cannot be made by `sysenter`.
#[inline(never)]
pub fn decode(registers: &Registers) -> Result<Syscall, Error> {
    /// Reads every register that an argument may be in.
    fn raw(arguments: &impl Arguments) -> RawCall {
        let words = [0, 1, 2, 3].map(|index| arguments.word(index));
        let (process, page) = (arguments.process(), arguments.page());
        RawCall { head: arguments.head(), process, page, words }
    }
    let by_sysenter = CallRegisters::<true>(registers);
    let raw = match registers.trap {
        Registers::SYSENTER if !by_sysenter.fits() => return Err(Error::InvalidArgument),
        Registers::SYSENTER => raw(&by_sysenter),
        _ => raw(&CallRegisters::<false>(registers)),
    };
    Syscall::decode(&raw)
}

impl<const SYSENTER: bool> Arguments for CallRegisters<'_, SYSENTER> {
    fn head(&self) -> u32 {
        self.0.eax
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
