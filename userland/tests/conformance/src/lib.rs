//! What the conformance programs share: raw JOS calls, and no way around them.
//!
//! Each program is a list of claims about one part of the JOS interface, and prints one line for
//! each. Nothing here comes from libsys, and the claims name the interface by numbers: a wrong
//! constant in `abi` cannot hide itself. The trap and the accesses to any address come from the
//! `support` crate, which uses neither libsys nor `abi`.
//!
//! Reading order: [`calls`] (the calls of lab 5), [`claims`] (how a claim is stated), [`shown`]
//! (what the kernel shows to programs), [`family`] (children by call 7), [`upcall`] (page faults),
//! [`start`] (how a program begins).
//!
//! Assumed: a program is a first process, so it has no arguments, no pager and one page of stack.
#![no_std]
#![deny(unsafe_code)]

pub mod calls;
pub mod claims;
pub mod code;
pub mod family;
pub mod native;
pub mod print;
pub mod shown;
pub mod start;
pub mod upcall;
