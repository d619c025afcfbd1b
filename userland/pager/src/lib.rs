//! What the pager decides: who its clients are, what each may touch, and what it finds there.
//!
//! Pure: `main.rs` receives the messages and makes the calls. A client's record is a few hundred bytes; it goes when
//! its process is found to have ended, at the latest when another process of the same slot registers.
//!
//! Not done: taking pages away. What was given stays until the client gives it back or ends.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod client;
mod clients;

pub use client::Client;
pub use clients::{Clients, Unknown};
