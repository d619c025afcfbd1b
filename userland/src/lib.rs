//! What programs of this package share: deliberate mistakes, how a disk is started, the servers of a system, the table
//! of processes, and the shell's parts.
#![no_std]
#![deny(unsafe_code)]

#[cfg(target_os = "none")]
extern crate alloc;

pub mod builtin;
#[cfg(target_os = "none")]
pub mod disk;
#[cfg(target_os = "none")]
pub mod line;
#[cfg(target_os = "none")]
pub mod provoke;
#[cfg(target_os = "none")]
pub mod ps;
#[cfg(target_os = "none")]
pub mod servers;
