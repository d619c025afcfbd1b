//! What programs of this package share: deliberate mistakes, and how a disk is started.
#![no_std]
#![deny(unsafe_code)]

#[cfg(target_os = "none")]
pub mod disk;
#[cfg(target_os = "none")]
pub mod provoke;
