//! A program's own memory policy: what it sees of its page tables, what it may change, and how it
//! handles page faults.

#[cfg(target_os = "none")]
pub mod checked;
#[cfg(target_os = "none")]
pub mod fault;
#[cfg(target_os = "none")]
pub mod fixed_pages;
pub mod fork;
pub mod own_pages;
#[cfg(target_os = "none")]
pub mod primitives;
pub mod regions;
pub mod self_map;
#[cfg(target_os = "none")]
pub mod transaction;
#[cfg(target_os = "none")]
pub mod view;
