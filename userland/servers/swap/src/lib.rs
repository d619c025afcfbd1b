//! What the pager decides about pages that leave memory: which pages go, where their contents are
//! stored, and how they come back.
//!
//! Reading order, each file importing only earlier ones:
//!
//! - [`pool`]: tables that grow without moving and without failing halfway;
//! - [`items`]: stored contents by number, with reference counts; [`page`]: the record of one page,
//!   [`page_records`]: the records of all pages;
//! - [`backend`]: what the decisions need of the machine and the disk;
//! - [`store`]: where contents are: nowhere (zeros), compressed in memory, or on the disk, with its
//!   parts [`codec`], [`arena`], [`slots`] and [`set_aside`];
//! - [`ahead`]: which pages are expected next; [`accounts`]: what is counted for each client;
//!   [`clock`]: which pages go next;
//! - [`state`]: all of this in one value, [`Swap`], and what keeps its parts consistent;
//! - [`eviction`]: how pages go, with `taken` and `unstarted`; [`room`]: when they go;
//! - [`page_in`]: how pages come back, with `batch`; [`fork`]: how a forked child inherits them; [`report`]: what
//!   a client has where.
//!
//! Pure: everything outside is a [`Backend`], which is the machine for the pager and a model in the
//! tests.
//!
//! Assumed: one thread. Clients run between any two calls to the backend: they may touch, unmap and
//! replace their pages, fork, and end. Each step says what it relies on.
//!
//! Memory: addresses for everything are reserved when the pager begins, as many as the machine and
//! the disk can need. Frames are taken from the machine a piece at a time, before the step that
//! touches them. So no step can fail for want of memory after it has changed something.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod accounts;
pub mod ahead;
pub mod arena;
pub mod backend;
mod batch;
pub mod clock;
pub mod codec;
pub mod eviction;
pub mod fork;
pub mod items;
pub mod page;
pub mod page_in;
pub mod page_records;
pub mod pool;
pub mod report;
pub mod room;
pub mod set_aside;
pub mod slots;
pub mod state;
pub mod store;
mod taken;
mod unstarted;

pub use accounts::{Account, Accounts};
pub use backend::{Backend, Disk, DiskError, Taken};
pub use page_in::Served;
pub use pool::Memory;
pub use report::Report;
pub use room::PagingError;
pub use state::Swap;

/// The contents of a page.
pub type Bytes = [u8; libsys::abi::layout::PAGE_SIZE as usize];

/// How many neighbouring pages are looked at and taken together, and the most that one request to
/// the disk carries.
pub const CLUSTER: usize = 16;
