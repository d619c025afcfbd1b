//! Builds Vitrine, boots it in an emulator, and says how the boot ended.
//!
//! The library half exists for the `tests` crate: it boots the same machine with the same
//! command line, and judges its end by the same rule, as `cargo xtask qemu` does. The modules
//! go from what is decided to what is done:
//!
//! - [`toolchain`], [`discovery`], [`setup`], [`system`]: which compiler builds for the machine, and
//!   how to get what is missing;
//! - [`elf`], [`disk`], [`bad_input`]: what the user brings along, and how it is refused;
//! - [`c`]: the C programs, which are built where there is a C compiler;
//! - [`machine`], [`verdict`]: what the emulator is asked to be, and what its end means;
//! - [`output`], [`symbols`]: the serial line on its way to the terminal;
//! - [`oracle`]: judges the running machine from its physical memory;
//! - [`build`], [`qemu`], [`iso`], [`gdb`], [`check`], [`mod@bench`], [`mod@test`]: one file for each subcommand.
//!
//! One line of the crate is unsafe: the one in [`leash`] that ties the emulator's life to ours.

#![deny(unsafe_code)]

pub mod bad_input;
pub mod bench;
pub mod build;
pub mod c;
pub mod check;
pub mod command;
pub mod discovery;
pub mod disk;
pub mod elf;
pub mod gdb;
pub mod image;
pub mod iso;
pub mod leash;
pub mod machine;
pub mod oracle;
pub mod output;
pub mod qemu;
pub mod setup;
pub mod symbols;
pub mod system;
pub mod terminal;
pub mod test;
pub mod toolchain;
pub mod verdict;
pub mod workspace;
