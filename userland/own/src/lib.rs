//! What several programs of your own share. A program in `src/bin` uses it as `own::…`.
//!
//! `cargo xtask new NAME` begins a program; `docs/howto/add-a-program.md` says how to go on.
#![no_std]
#![forbid(unsafe_code)]
