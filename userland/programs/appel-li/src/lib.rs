//! What the programs on the primitives of Appel and Li (1991) share: everything that is not one program's story.
//!
//! Assumed: one thread, whose fault handler may run between any two instructions that touch `places`.
#![cfg_attr(not(test), no_std)]
#![deny(unsafe_code)]

extern crate alloc;

pub mod blobs;
pub mod copying;
pub mod generations;
pub mod random;
pub mod residents;
pub mod shapes;

#[cfg(target_os = "none")]
pub mod barrier;
#[cfg(target_os = "none")]
pub mod bump;
#[cfg(target_os = "none")]
pub mod failure;
#[cfg(target_os = "none")]
pub mod raw_pages;
#[cfg(target_os = "none")]
pub mod tier;
