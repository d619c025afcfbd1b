//! From what the boot loader left to an address space of the kernel's own.

pub mod debug_table;
pub mod error;
pub mod kernel_space;
pub mod loader;
