//! What the pager decides about pages that are not in memory: which go, where their contents are kept, and how they
//! come back.
//!
//! Reading order: [`place`] (what is known of a page), [`books`] (of all pages), [`store`] (where contents are: zeros,
//! compressed in memory, on disk), [`clock`] (which page goes next), [`eviction`] (how it goes), [`service`] (how it
//! comes back, and how it is inherited).
//!
//! Pure: everything outside is a [`world::World`], which is the machine for the pager and a model in the tests.
//!
//! Assumed: one thread. What a client does between two calls to its world is its own affair, and loses nothing.
//!
//! Memory: room for everything is reserved as addresses when the pager begins, sized by the machine and the disk, and
//! taken from the machine a piece at a time before it is touched ([`pool`]). So no step can fail for want of memory
//! after it has changed something.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod accounts;
pub mod arena;
pub mod aside;
pub mod books;
pub mod clock;
pub mod codec;
pub mod eviction;
pub mod items;
pub mod place;
pub mod pool;
pub mod service;
pub mod slots;
pub mod store;
pub mod world;

pub use accounts::{Account, Accounts};
pub use service::{Report, Served, Swap, Trouble};
pub use world::{Disk, DiskError, Memory, World};

/// The contents of a page.
pub type Bytes = [u8; libsys::abi::layout::PAGE_SIZE as usize];

/// Pages that go together, and travel in one request to the disk.
pub const CLUSTER: usize = 16;
