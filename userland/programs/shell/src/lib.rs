//! The part of the shell that init uses, too, and what the host tests: the list of the shell's own
//! commands, and the numbers of its jobs.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod builtin;
pub mod name;
