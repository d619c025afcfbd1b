//! What the demonstrations share: deliberate mistakes.
#![no_std]
#![deny(unsafe_code)]

#[cfg(target_os = "none")]
pub mod provoke;
