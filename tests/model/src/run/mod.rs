//! Random runs: what happens next, the machine it happens on, and what is compared.

pub mod action;
mod arguments;
pub mod compare;
pub mod draw;
pub mod episode;
pub mod machine;
pub mod random;
pub mod shrink;
