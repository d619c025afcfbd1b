//! The native calls: what each of them does.

mod fault;
mod native;
mod pages;
mod registers;
mod second_try;
