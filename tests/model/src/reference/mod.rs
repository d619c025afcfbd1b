//! What processes may see and do, written once more from the documentation: a model in plain
//! collections, to which the kernel's decisions are compared after each step.
//!
//! Nothing here is the kernel's: no type, no constant, no function. A page is a number, a frame is
//! a name that the comparison ties to a frame number, a queue is a list. Counts, charges and free
//! frames are not kept but counted.
//!
//! Three things are the kernel's choice, and the model follows the kernel there. A call that finds
//! little memory while processes are dying may take down one table and be made again; the model
//! then wants the table to be gone and nothing else to have changed. A request for frames says how
//! many the call needs at most; the model then wants so many to be enough. A transaction may do
//! fewer pages than it could; the model then wants one at least, and the state after these.

#![allow(missing_docs, reason = "the names are those of the calls and of ARCHITECTURE.md")]

pub mod access;
pub mod calls;
pub mod console;
pub mod decode;
pub mod drivers;
pub mod ends;
pub mod faults;
pub mod jos;
pub mod memory;
pub mod messages;
pub mod processes;
pub mod ranges;
pub mod schedule;
pub mod state;
pub mod transactions;
