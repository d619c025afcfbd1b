//! The contract: everything on which a program and the kernel must agree.
//!
//! Reading order: [`layout`] (where things are), [`entry`] (what a table entry says), [`self_map`]
//! (how a program finds its own entries), [`call`] (what it can ask for), [`message`] and [`fault`]
//! (what it receives), [`process_info`] (what it can look up), [`boot_line`] (what the kernel's
//! command line can ask for).
//!
//! Assumed: i686 with two-level 4 KiB paging. Nothing here touches the machine, so the same code
//! runs in the kernel, in programs and in host tests.
//!
//! ```
//! use abi::{Page, Slot};
//!
//! // The window: the entry of a page is a word that the program can load.
//! let text = Page::containing(0x0080_0020);
//! assert_eq!(Slot::WINDOW.entry_address(text), 0xEF40_2000);
//! ```
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod address;
pub mod boot_line;
pub mod call;
pub mod debug;
pub mod driver;
pub mod entry;
pub mod error;
pub mod fault;
pub mod format;
pub mod jos;
pub mod layout;
pub mod message;
pub mod process;
pub mod process_info;
pub mod registers;
pub mod self_map;
pub mod trace;
pub mod transaction;

pub use address::{Frame, Page, PageRange, UserPage, UserSlot};
pub use call::Syscall;
pub use entry::{DirectoryEntry, Entry, EntryFlags, Permissions};
pub use error::Error;
pub use process::ProcessId;
pub use registers::Registers;
pub use self_map::{Slot, ViewSlot};
