//! The disk: what its driver and its clients say to each other, and a client.

#[cfg(target_os = "none")]
pub mod client;
pub mod protocol;
