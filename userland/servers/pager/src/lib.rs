//! The pager: receives the faults of its clients and answers each of them.
//!
//! Reading order, each file importing only earlier ones:
//!
//! - [`program`]: what a program's regions and file contain; [`frame_pointer`]: how the pager finds
//!   the frame pointer of a client whose fault it refuses; [`clients`]: its clients;
//! - [`disk`]: the disk that pages go to, and [`Driver`], what is needed of its driver;
//! - [`kernel`]: what is needed of the kernel;
//! - `held`: where pages are held that were taken from clients;
//! - `backend`: clients and disk as the decisions of the `swap` crate see them, which decide which
//!   pages leave memory;
//! - [`server`]: how each message is answered.
//!
//! Pure: everything outside is a [`Kernel`]. The program's own is in `live.rs`, and `main.rs`
//! receives the messages. Nothing here allocates once the pager has begun: a pager that needed
//! memory in order to say that there is none would end first.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod backend;
pub mod clients;
pub mod disk;
pub mod frame_pointer;
mod held;
pub mod kernel;
pub mod program;
pub mod server;

pub use disk::Driver;
pub use kernel::{Kernel, PLACES};
pub use server::{Answer, Server};
