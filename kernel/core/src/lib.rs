//! Every decision of the kernel, without the machine: no unsafe code, no statics, no heap.
//!
//! Reading order, from the bottom up; a module uses those above it in this list:
//! 1. [`hardware`] and [`cpu`]: what the kernel needs from the machine.
//! 2. [`state`]: frames, processes, the process table.
//! 3. `memory`: how the tables of an address space are read and changed.
//! 4. [`kernel`]: all of that as one value. `trap`: what the kernel does with each kind of trap.
//! 5. [`operations`]: scheduling, messages, faults, the beginning and the end of a process.
//! 6. `syscall` and `jos`: the calls. [`boot`]: what runs before the first call.
//!
//! Assumed: interrupts are off while the kernel runs, one CPU at a time runs it, and nothing else
//! changes table entries. The tests run all of this crate over a model of RAM, MMU and TLB.
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
