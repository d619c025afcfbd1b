//! The native calls: what each of them does.

mod fault;
mod messages;
mod native;
mod pages;
mod processes;
mod ranges;
mod registers;
mod second_try;
