//! What the programs on the primitives of Appel and Li (1991) share.
//!
//! Assumed: one thread, whose fault handler may run at any instruction that touches `raw_pages`.
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
