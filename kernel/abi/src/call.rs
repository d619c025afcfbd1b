//! The native calls, and how they travel in registers.
//!
//! | register | by `int 0x30` | by `sysenter` |
//! | --- | --- | --- |
//! | eax | number (bits 0 to 7), permissions (bits 8 to 19) | the same |
//! | edx | process | return address: that of the instruction behind `sysenter` |
//! | ecx | page | stack pointer |
//! | ebx, esi | words 0, 1 | words 0, 1 |
//! | edi | word 2 | process |
//! | ebp | word 3 | word 2, or the page of a call that takes one |
//!
//! Results come back in the same places: `eax` is 0 or more, or a negated [`Error`](crate::Error);
//! words 0 to 3 where words travel; the sender of a message where the process travels. `sysenter`
//! leaves two registers less. So by `sysenter` a call that takes a page may use two words, a
//! message has three words and no page. Calls that take more (38, 83, and a message with a page)
//! answer `InvalidArgument`, whatever their arguments are; so do calls that return more (39, 51,
//! 52), once their arguments are well-formed.
//!
//! A call that restarts continues at its trap instruction: 2 bytes before the saved instruction
//! pointer. `sysenter` saves none, so the kernel subtracts 2 from `edx`. A program that passes
//! another address in `edx` continues 2 bytes before that address, with the registers of the call.
//! Only the program itself is harmed by that.
//!
//! ```
//! use abi::call::RawCall;
//! use abi::{Permissions, Syscall, UserPage};
//! use abi::process::Target;
//!
//! let page = UserPage::known(0x4000_0000);
//! let (process, permissions) = (Target::Caller, Permissions::WRITE);
//! let call = Syscall::PageAllocate { process, page, permissions };
//! let raw = RawCall { head: 33 | 0x002 << 8, process: 0, page: 0x4000_0000, words: [0; 4] };
//! assert_eq!(call.encode(), raw);
//! assert_eq!(Syscall::decode(&raw), Ok(call));
//! ```
//!
//! A new call is an entry of the table in `call/table.rs`. It does not compile before the kernel
//! has an arm for it and libsys a function, and the tests fail before `vitrine.h` has its number
//! and the core's tests its errors.

mod fault;
pub(crate) mod limits;
mod message;
mod places;
mod table;
#[cfg(test)]
mod tests;

pub use fault::FaultReply;
pub use message::PageTransfer;
pub(crate) use places::Place;
pub use table::{Number, Syscall};

/// A call's registers, in the places of the `int` column.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RawCall {
    /// `eax`: number and permissions.
    pub head: u32,
    /// The process.
    pub process: u32,
    /// The page's address.
    pub page: u32,
    /// Four words.
    pub words: [u32; 4],
}

/// The registers of a call, wherever they are kept. Decoding reads only those that the call uses.
pub trait Arguments {
    /// `eax`: number and permissions.
    fn head(&self) -> u32;
    /// The process.
    fn process(&self) -> u32;
    /// The page's address.
    fn page(&self) -> u32;
    /// Word `index`, 0 to 3.
    fn word(&self, index: usize) -> u32;

    /// The call's number.
    fn number(&self) -> u32 {
        self.head() & 0xFF
    }

    /// The bits of `eax` above the number: permissions, if the call takes any.
    fn permission_bits(&self) -> u32 {
        self.head() >> 8
    }
}

impl Arguments for RawCall {
    fn head(&self) -> u32 {
        self.head
    }

    fn process(&self) -> u32 {
        self.process
    }

    fn page(&self) -> u32 {
        self.page
    }

    fn word(&self, index: usize) -> u32 {
        self.words[index]
    }
}
