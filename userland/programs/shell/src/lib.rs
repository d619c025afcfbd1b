//! What others use of the shell, and what the host tests: the list of the shell's own commands, how
//! a process is named, and the editor of the line that is typed.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod builtin;
pub mod editor;
pub mod name;
#[cfg(target_os = "none")]
pub mod processes;
