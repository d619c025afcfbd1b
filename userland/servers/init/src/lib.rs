//! The servers of a system as init keeps them; a library, so that a test program can keep a disk of
//! its own.
#![no_std]
#![deny(unsafe_code)]

#[cfg(target_os = "none")]
extern crate alloc;

#[cfg(target_os = "none")]
pub mod disk;
#[cfg(target_os = "none")]
pub mod servers;
