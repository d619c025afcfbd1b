//! The CPU: its tables, its traps, and what the core asks of it.

pub mod apic;
pub mod descriptors;
mod entries;
pub mod features;
pub mod hardware;
mod interrupts;
mod kernel_traps;
pub mod per_cpu;
mod selectors;
pub mod stacks;
pub mod task_state;
pub mod traced;
pub mod traps;
