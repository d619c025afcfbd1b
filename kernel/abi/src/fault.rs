//! What a fault handler or a pager learns about a page fault.

use bitflags::bitflags;

/// The vector of a breakpoint, which `int3` raises (Intel SDM vol. 3A, table 6-1).
pub const BREAKPOINT: u32 = 3;
/// The vector of a general protection fault.
pub const GENERAL_PROTECTION: u32 = 13;
/// The vector of a page fault.
pub const PAGE_FAULT: u32 = 14;

bitflags! {
    /// The hardware's page-fault error code (Intel SDM vol. 3A, 4.7).
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Access: u32 {
        /// The page was present: a right was missing. Clear: the page was absent.
        const PROTECTION = 1;
        /// The access was a write.
        const WRITE = 2;
        /// The access came from ring 3.
        const USER = 4;
    }
}

/// What the kernel pushes on the exception stack before it resumes at the handler: 52 bytes, JOS's
/// format.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
pub struct FaultRecord {
    /// The address that was touched (CR2).
    pub address: u32,
    /// [`Access`] bits.
    pub access: u32,
    /// The general registers at the fault, in `pusha` order.
    pub edi: u32,
    /// See [`FaultRecord::edi`].
    pub esi: u32,
    /// See [`FaultRecord::edi`].
    pub ebp: u32,
    /// What `pusha` stores for ESP; without meaning.
    pub unused: u32,
    /// See [`FaultRecord::edi`].
    pub ebx: u32,
    /// See [`FaultRecord::edi`].
    pub edx: u32,
    /// See [`FaultRecord::edi`].
    pub ecx: u32,
    /// See [`FaultRecord::edi`].
    pub eax: u32,
    /// The instruction that faulted.
    pub eip: u32,
    /// Flags at the fault.
    pub eflags: u32,
    /// Stack pointer at the fault.
    pub esp: u32,
}

impl FaultRecord {
    /// The record's words, in the order in which they lie in memory.
    #[must_use]
    pub const fn words(&self) -> [u32; 13] {
        [
            self.address,
            self.access,
            self.edi,
            self.esi,
            self.ebp,
            self.unused,
            self.ebx,
            self.edx,
            self.ecx,
            self.eax,
            self.eip,
            self.eflags,
            self.esp,
        ]
    }
}

const _: () = assert!(size_of::<FaultRecord>() == 52);
const _: () = assert!(core::mem::offset_of!(FaultRecord, eip) == 40);
