//! How programs ask each other: messages, names, and the protocols of the pager and the disk.

pub mod disk;
pub mod message;
pub mod names;
pub mod pager;
#[cfg(target_os = "none")]
pub mod tables;
