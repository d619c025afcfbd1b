//! A page fault while the kernel delivers it, and the reasons why a fault was not handled.

/// What a fault handler or a pager learns of a page fault.
#[derive(Clone, Copy)]
pub struct Fault {
    /// The address that the access used (CR2).
    pub address: u32,
    /// The access, as [`Access`](abi::fault::Access) bits.
    pub access: u32,
    /// The address of the instruction that faulted.
    pub eip: u32,
}

impl Fault {
    /// The words of the message that asks a pager to handle the fault.
    // Inlined: see `process_table/queues.rs`.
    #[inline(always)]
    #[must_use]
    pub const fn words(self) -> [u32; 4] {
        [self.address, self.access, self.eip, 0]
    }

    /// The fault in the words of such a message.
    #[must_use]
    pub const fn from_words([address, access, eip, _]: [u32; 4]) -> Self {
        Self { address, access, eip }
    }
}

/// Why a fault was not handled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unhandled {
    /// The process has no fault handler and no pager that could reply.
    Nobody,
    /// The fault record has no room on the exception stack, and there is no pager that could reply.
    NoExceptionStack {
        /// The address at which the record would have begun.
        record: u32,
    },
    /// The pager did not handle the fault; the text says why.
    Pager(&'static str),
}
