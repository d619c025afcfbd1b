//! What the kernel reads and decides before the first process runs.

pub mod archive;
pub(crate) mod debug_table;
pub mod error;
pub(crate) mod first_process;
pub(crate) mod load;
pub mod memory_map;
