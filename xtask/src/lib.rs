//! Builds Vitrine, boots it in an emulator, and says how the boot ended.
//!
//! The library half exists for the `tests` crate: it boots the same machine with the same
//! command line, and judges its end by the same rule, as `cargo xtask qemu` does. The modules
//! go from what is decided to what is done:
//!
//! - [`toolchain`], [`discovery`], [`setup`], [`system`], [`plan`]: which compiler builds for the
//!   machine, and how to get a missing tool;
//! - [`doctor`]: says what is there, and changes nothing;
//! - [`npm`]: packages in JavaScript, pinned by their hashes;
//! - [`request`], [`elf`], [`disk`], [`bad_input`]: options and files of the user's, and how they
//!   are refused;
//! - [`throwaway`]: files of one boot;
//! - [`mod@new`]: programs that a user begins;
//! - [`cargo_lock`], [`progress`]: what a user reads while something takes long;
//! - [`c`]: the C programs, which are built where there is a C compiler;
//! - [`machine`], [`verdict`]: the machine to emulate, and what its end means;
//! - [`emulators`], [`mod@bochs`], [`mod@v86`]: other emulators, for the same image and the same
//!   tests;
//! - [`watch`]: boots anew after a change;
//! - [`output`], [`symbols`]: the serial line on its way to the terminal;
//! - [`oracle`]: judges the running machine from its physical memory;
//! - [`gdb_stub`]: stops the machine at an instruction, or behind a store to a word;
//! - [`imports`]: the rule that imports point down;
//! - [`build`], [`mod@boot`], [`qemu`], [`iso`], [`dist`], [`gdb`], [`check`], [`mod@doc`],
//!   [`mod@bench`], [`mod@test`], [`mod@parsers`], [`mod@exhaust`], [`mod@soak`], [`mod@mutants`],
//!   [`rehearse`], [`mod@trust`], [`web`]: one file for each subcommand.
//!
//! One line of the crate is unsafe: the one in [`leash`] that ties the emulator's life to ours.

#![deny(unsafe_code)]

pub mod bad_input;
pub mod bench;
pub mod bochs;
pub mod boot;
pub mod build;
pub mod c;
pub mod cargo_lock;
pub mod check;
pub mod command;
pub mod discovery;
pub mod disk;
pub mod dist;
pub mod doc;
pub mod doctor;
pub mod elf;
pub mod emulators;
pub mod event;
pub mod exhaust;
pub mod fuzz;
pub mod gdb;
pub mod gdb_stub;
pub mod header;
pub mod image;
pub mod imports;
pub mod iso;
pub mod leash;
pub mod machine;
pub mod mutants;
pub mod new;
pub mod npm;
pub mod oracle;
pub mod output;
pub mod parsers;
pub mod picture;
pub mod plan;
pub mod progress;
pub mod qemu;
pub mod rehearse;
pub mod request;
pub mod setup;
pub mod soak;
pub mod symbols;
pub mod system;
pub mod terminal;
pub mod test;
pub mod throwaway;
pub mod toolchain;
pub mod trust;
pub mod v86;
pub mod verdict;
pub mod watch;
pub mod web;
pub mod workspace;
