//! The record of a page fault, for fault handlers and pagers.

use bitflags::bitflags;

use crate::registers::record;

/// The vector of a breakpoint, which `int3` raises (Intel SDM vol. 3A, table 6-1).
pub const BREAKPOINT: u32 = 3;
/// The vector of an instruction that uses the FPU while it is closed.
pub const DEVICE_NOT_AVAILABLE: u32 = 7;
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

record! {
    /// The record that the kernel pushes on the exception stack before it resumes at the handler:
    /// 52 bytes, JOS's format.
    FaultRecord [
        /// The address that was touched (CR2).
        address
        /// [`Access`] bits.
        access
    ]
    general (unused)
    [
        /// The instruction that faulted.
        eip
        /// Flags at the fault.
        eflags
        /// Stack pointer at the fault.
        esp
    ]
}

const _: () = assert!(size_of::<FaultRecord>() == 52);
const _: () = assert!(core::mem::offset_of!(FaultRecord, eip) == 40);
