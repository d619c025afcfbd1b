//! What is read and decided before there is a process.

pub mod archive;
pub mod command_line;
pub(crate) mod debug_table;
pub mod first_process;
pub mod memory_map;
