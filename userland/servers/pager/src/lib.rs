//! What the pager knows before any page is touched: its clients ([`Clients`]), and what each
//! program's regions and file contain ([`Program`]); and how it finds the frame pointer of a client
//! whose fault it refuses ([`frame_pointer`]). Which pages leave memory again is decided in
//! the `swap` crate.
//!
//! Pure: `main.rs` receives the messages, `server.rs` answers them, `backend.rs` makes the calls.
//! Nothing here allocates once the pager has begun: a pager that needed memory in order to say that
//! there is none would end first.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod clients;
pub mod frame_pointer;
mod program;

pub use clients::{Clients, Full, Known, PROGRAMS, Unknown};
pub use program::{File, Program};
