//! A page fault on its way to whatever handles it.

/// A page fault: what its handler or pager learns of it.
#[derive(Clone, Copy)]
pub struct Fault {
    /// The address that was touched.
    pub address: u32,
    /// [`Access`](abi::fault::Access) bits.
    pub access: u32,
    /// The instruction that touched it.
    pub eip: u32,
}

impl Fault {
    /// The words of the message that asks a pager to handle the fault.
    #[inline(always)]
    #[must_use]
    pub const fn words(self) -> [u32; 4] {
        [self.address, self.access, self.eip, 0]
    }

    /// The fault of such a message.
    #[must_use]
    pub const fn from_words([address, access, eip, _]: [u32; 4]) -> Self {
        Self { address, access, eip }
    }
}

/// Why a fault was not handled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unhandled {
    /// The process has no handler, and no pager that could answer.
    Nobody,
    /// There is no room for the fault record on the exception stack, and no pager that could answer.
    NoExceptionStack {
        /// Where the record would have begun.
        record: u32,
    },
    /// The pager did not handle it, for this reason.
    Pager(&'static str),
}
