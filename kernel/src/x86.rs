//! The CPU: its tables, its traps, and what the decisions ask of it.

pub mod descriptors;
pub mod features;
pub mod fixups;
pub mod hardware;
pub mod per_cpu;
pub mod traced;
pub mod traps;
