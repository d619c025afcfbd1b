//! The native calls: one method for each call.
//!
//! `native` decodes a call and calls the method. The other files hold the methods, by subject.

mod fault;
mod messages;
mod native;
mod pages;
mod processes;
mod ranges;
mod registers;
mod second_try;
