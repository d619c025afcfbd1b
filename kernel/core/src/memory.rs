//! Address spaces: how the kernel reads and changes the page tables of a process.

pub(crate) mod budget;
pub(crate) mod change;
pub(crate) mod clean;
pub(crate) mod many;
pub(crate) mod map;
pub(crate) mod pages;
pub(crate) mod share;
pub(crate) mod space;
