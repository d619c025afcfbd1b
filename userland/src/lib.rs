//! What programs of this package share: deliberate mistakes, how a disk is started, and the servers of a system.
#![no_std]
#![deny(unsafe_code)]

#[cfg(target_os = "none")]
extern crate alloc;

#[cfg(target_os = "none")]
pub mod disk;
#[cfg(target_os = "none")]
pub mod provoke;
#[cfg(target_os = "none")]
pub mod servers;
