//! What is read and decided before there is a process.

pub mod archive;
pub(crate) mod debug_table;
pub mod error;
pub(crate) mod first_process;
pub(crate) mod load;
pub mod memory_map;
