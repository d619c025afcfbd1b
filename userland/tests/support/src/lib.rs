//! What the test programs share: a trap with any registers, a load or store at any address, the
//! FPU.
//!
//! This crate uses neither libsys nor the `abi` crate: a wrong constant there cannot hide itself
//! from a test. It has three ways to do what Rust has no words for:
//!
//! - [`gate`]: a call by `int 0x30` or `sysenter` with chosen registers and flags. It comes back on
//!   the stack of its caller, so that it needs no other memory.
//! - [`any_trap`]: any instruction that traps, with any stack pointer too. It comes back through
//!   statics, because no register survives; only the fuzzer needs that.
//! - [`memory`] and [`cpu`]: single loads and stores, and registers outside the general ones.
//!
//! # Safety
//!
//! The functions here are safe to call although a program could break Rust's rules with them: a
//! store hits whatever lies at its address, and a call may unmap the caller's own memory. The test
//! programs are what makes them sound. They use addresses at which no Rust object lies, or ones at
//! which the access ends the process, or processes of which nothing is believed afterwards. No
//! other program may depend on this crate.
#![no_std]

pub mod any_trap;
pub mod cpu;
pub mod gate;
pub mod memory;
mod registers;

pub use registers::Registers;
