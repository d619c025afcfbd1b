//! A reference model of what processes may see and do, and long random runs of the kernel's
//! decisions against it.
//!
//! `reference` is the model. It shares no code with the kernel: it is written from the
//! documentation of the calls. `run` lets programs do random things (calls by both instructions,
//! JOS calls, loads and stores, exceptions, interrupts, keys and ticks) on the modelled machine of
//! `kernel/core/tests/model`, whose MMU and TLB are the processor's, and compares the kernel with
//! the model after each step.

#[path = "../../../kernel/core/tests/model/mod.rs"]
mod model;
#[path = "../../../kernel/core/tests/world/mod.rs"]
mod world;

pub mod paging;
pub mod reference;
pub mod run;
pub mod words;
pub mod worlds;
