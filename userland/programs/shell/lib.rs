//! The part of the shell that init uses, too: the list of its own commands.
#![no_std]
#![forbid(unsafe_code)]

pub mod builtin;
