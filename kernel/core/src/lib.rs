//! Every decision of the kernel, without the machine: no unsafe code, no statics, no heap.
//!
//! Reading order: [`hardware`] (what is asked of the machine), [`frames`], `space` and `view` (memory), [`process`],
//! [`table`] and `schedule` (processes), `message` and `fault` (how they talk), `native` and `jos` (the calls).
//!
//! Assumed: interrupts are off, one caller at a time, and table entries change only here. Tests run all of it over a
//! model of RAM, MMU and TLB.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate alloc;
#[cfg(test)]
extern crate std;

mod authority;
pub mod boot_archive;
pub mod boot_line;
mod clean;
mod console;
mod course;
pub mod cpu;
mod debug;
pub mod dma;
pub mod driver;
mod fault;
pub mod first;
pub mod frames;
pub mod hardware;
mod jos;
pub mod kernel;
mod lifecycle;
pub mod memory_plan;
mod message;
mod native;
mod pagers;
mod pages;
pub mod ports;
pub mod process;
mod range;
mod registers;
mod rendezvous;
mod report;
mod schedule;
mod shortage;
mod sleepers;
mod space;
pub mod table;
pub mod trace;
mod view;

pub use boot_archive::BootArchive;
pub use boot_line::BootLine;
pub use cpu::Cpu;
pub use first::BootError;
pub use frames::{FrameRange, Frames};
pub use hardware::Hardware;
pub use kernel::{After, Kernel};
pub use view::EmptyView;
