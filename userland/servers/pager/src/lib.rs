//! What the pager decides: who its clients are, what each may touch, and what it finds there.
//!
//! Pure: `main.rs` receives the messages and makes the calls. Nothing here allocates: a pager that needed memory to
//! say that there is none would be the first to go.
//!
//! Not done: taking pages away. What was given stays until the client gives it back or ends.
#![no_std]
#![forbid(unsafe_code)]

mod clients;
mod program;

pub use clients::{Clients, Full, Known, PROGRAMS, Unknown};
pub use program::{File, Program};
