//! Every decision of the kernel, without the machine: no unsafe code, no statics, no heap.
//!
//! Reading order, from the bottom up; a module uses those above it in this list:
//! 1. [`hardware`] and [`cpu`]: what is asked of the machine.
//! 2. [`state`]: frames, processes, the process table.
//! 3. `memory`: how the tables of an address space are read and changed.
//! 4. [`kernel`]: the whole, and what it does when a trap brings it a process.
//! 5. [`operations`]: scheduling, messages, faults, births and ends.
//! 6. `syscall` and `jos`: the calls. [`boot`]: what comes before the first of them.
//!
//! Assumed: interrupts are off, one caller at a time, and table entries change only here. Tests run all of it over a
//! model of RAM, MMU and TLB.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod boot;
pub mod cpu;
pub mod hardware;
mod jos;
pub mod kernel;
mod memory;
pub mod operations;
pub mod state;
mod syscall;
mod trap;

pub use boot::archive::BootArchive;
pub use boot::error::BootError;
pub use cpu::Cpu;
pub use hardware::Hardware;
pub use kernel::{After, Kernel};
pub use state::empty_view::EmptyView;
pub use state::frames::{FrameRange, Frames};
