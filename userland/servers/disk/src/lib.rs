//! What the disk decides: who its clients are, where their pages lie, and what the device is told.
//!
//! Pure: `main.rs` receives the messages, `device.rs` talks to the device. Nothing here allocates.
#![no_std]
#![forbid(unsafe_code)]

pub mod block;
mod clients;
pub mod places;

pub use clients::{CLIENTS, Clients};
