//! The runtime of every program: a heap, printing, panics.

pub mod backtrace;
#[cfg(target_os = "none")]
pub mod counter;
pub mod event;
#[cfg(target_os = "none")]
pub mod heap;
#[cfg(target_os = "none")]
pub(crate) mod logger;
#[cfg(target_os = "none")]
#[allow(unsafe_code)]
mod memory;
#[cfg(target_os = "none")]
mod panic;
#[cfg(target_os = "none")]
pub mod print;
pub mod short;
