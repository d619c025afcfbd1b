//! The part of the shell that init needs, too: which commands the shell runs itself.
#![no_std]
#![forbid(unsafe_code)]

pub mod builtin;
