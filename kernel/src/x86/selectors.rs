//! The segment selectors: byte offsets into the descriptor table that `descriptors.rs` fills.
//!
//! All code and data segments are flat, from 0 to 4 GiB: paging does the protecting.

use abi::registers::{USER_CODE, USER_DATA};

/// Kernel code: descriptor 1.
pub const KERNEL_CODE: u16 = 0x08;
/// Kernel data: descriptor 2.
pub const KERNEL_DATA: u16 = 0x10;
/// The task state of this CPU: descriptor 5.
pub const TASK_STATE: u16 = 0x28;
/// The task that reports a double fault: descriptor 6.
pub const DOUBLE_FAULT_TASK: u16 = 0x30;
/// The task that reports a non-maskable interrupt: descriptor 7.
pub const NMI_TASK: u16 = 0x38;

// Descriptors 3 and 4 are the program's; the low two bits are the ring.
const _: () = assert!(USER_CODE == 3 * 8 + 3 && USER_DATA == 4 * 8 + 3);
