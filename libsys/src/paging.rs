//! A program's own memory policy: what it sees of its page tables, and what it does about page faults.

#[cfg(target_os = "none")]
pub mod fault;
#[cfg(target_os = "none")]
pub(crate) mod foreign;
pub mod fork;
#[cfg(target_os = "none")]
pub mod held;
#[cfg(target_os = "none")]
pub mod inbox;
#[cfg(target_os = "none")]
pub mod primitives;
pub mod regions;
#[cfg(target_os = "none")]
pub mod scratch;
pub mod self_map;
#[cfg(target_os = "none")]
pub mod transfer_area;
#[cfg(target_os = "none")]
pub mod view;
