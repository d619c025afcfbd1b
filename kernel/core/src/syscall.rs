//! The native calls: who may make them, and what each does.

pub(crate) mod authority;
pub(crate) mod native;
pub(crate) mod pages;
pub(crate) mod registers;
