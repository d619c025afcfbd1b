//! Address spaces: how the tables of a space are read and changed.

pub(crate) mod clean;
pub(crate) mod range;
pub(crate) mod space;
