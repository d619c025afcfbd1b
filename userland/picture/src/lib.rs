//! A picture of a process's page tables: what was read ([`snapshot`]), what each entry means
//! ([`cell`]), which tables there are ([`row`]), and how the terminal shows them ([`text`]).
//!
//! 4 GiB is 1,024 × 1,024 entries: a row for each directory entry, a cell for each page. Only rows
//! that exist are drawn. Row 0x3BD is the window, in which a program reads its own tables: its
//! cells are the directory entries, so its cell *k* is set exactly when row *k* exists, and cell
//! 0x3BD of row 0x3BD is the entry that names the directory itself.
//!
//! The same snapshot is taken in two ways: by a program, through its window or a view, and by
//! `xtask`, from the physical memory of a machine that stands still. What a program cannot read
//! (the kernel's tables) is in neither.
//!
//! Not done: 4 MiB pages (the kernel makes none), and what lies in a view's tables: a view is one
//! cell of row 0x3BD and a row without cells.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod cell;
pub mod row;
pub mod snapshot;
pub mod text;

pub use cell::Cell;
pub use row::Row;
pub use snapshot::Snapshot;
