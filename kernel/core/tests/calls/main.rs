//! Every call: what it does, and each error that it documents. One file a family, as in
//! `abi::Syscall`.

#[path = "../model/mod.rs"]
mod model;
#[path = "../world/mod.rs"]
mod world;

mod authority;
mod bounds;
mod clean;

mod console;
#[cfg(feature = "jos")]
mod course;
mod drivers;
mod errors;
mod faults;
mod first;
mod flushes;
#[cfg(feature = "jos")]
mod jos;
mod messages;
mod pages;
mod pressure;
mod processes;
mod quota;
mod ranges;
mod shortage;
mod trace;
mod transactions;
mod views;
