//! Address spaces: how the kernel reads and changes the page tables of a process.

pub(crate) mod budget;
pub(crate) mod change;
pub(crate) mod clean;
pub(crate) mod map;
pub(crate) mod range;
pub(crate) mod share;
pub(crate) mod space;
pub(crate) mod transact;
