//! The kernel's state, in parts, and how each part is kept consistent.
//!
//! Nothing here depends on a trap or on the [`Kernel`](crate::Kernel) as a whole.

pub mod account;
pub mod call_registers;
pub mod console_buffer;
#[cfg(feature = "jos")]
pub mod course;
pub mod dma;
pub mod empty_view;
pub mod fault;
pub mod frames;
pub mod interrupt_lines;
pub mod process;
pub mod process_table;
pub(crate) mod sleepers;
pub mod trace;
