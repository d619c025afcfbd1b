//! What the disk's driver decides: its clients ([`Clients`]), the addresses of its memory
//! ([`layout`]), and the bytes of a request ([`block`]).
//!
//! Pure: `main.rs` receives the messages, `server.rs` answers them, `device.rs` talks to the
//! device. Nothing here allocates.
#![no_std]
#![forbid(unsafe_code)]

pub mod block;
mod clients;
pub mod layout;

pub use clients::{CLIENTS, Clients};
