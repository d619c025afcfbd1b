//! What every Vitrine program links: the calls as functions, the window onto its own page tables, and the memory
//! policy that a kernel elsewhere would have: fault handling, fork, loading, a heap.
//!
//! Reading order: [`mod@window`] (what a program sees), `call` (what it can ask for), [`regions`] and `fault` (what it
//! does about page faults), [`fork`] and `process` (how there come to be more of it).
//!
//! Assumed: one thread in each process. A fault handler may run between any two instructions of it.
//! The decisions are pure and are tested on the host; what touches the machine exists for the target only, and
//! unsafe code is confined to the modules that say so below.
#![cfg_attr(not(test), no_std)]
#![deny(unsafe_code)]

#[cfg(target_os = "none")]
extern crate alloc;

pub use abi;
pub use abi::process::Target;
pub use abi::{
    Entry, EntryFlags, Error, Frame, Page, PageRange, Permissions, ProcessId, Slot, Syscall,
    UserPage,
};

pub mod boot_line;
pub mod fork;
pub mod message;
pub mod pager_protocol;
pub mod process;
pub mod regions;
pub mod window;

#[cfg(target_os = "none")]
pub mod archive;
#[cfg(target_os = "none")]
pub mod call;
#[cfg(target_os = "none")]
pub mod facts;
#[cfg(target_os = "none")]
pub mod fault;
#[cfg(target_os = "none")]
mod heap;
#[cfg(target_os = "none")]
pub mod inbox;
#[cfg(target_os = "none")]
mod logger;
#[cfg(target_os = "none")]
mod panic;
#[cfg(target_os = "none")]
pub mod print;
#[cfg(target_os = "none")]
pub mod scratch;
#[cfg(target_os = "none")]
pub mod start;
#[cfg(target_os = "none")]
pub mod vm;

#[cfg(target_os = "none")]
pub use call::{
    accept_clients, clock, console_read, console_write, destroy, fault_forward, fault_reply,
    frame_references, identity, machine, message_call, page_allocate, page_copy, page_map,
    page_unmap, process_create, process_start, process_stop, range_allocate, range_protect,
    range_share, range_unmap, receive, registers_read, registers_write, reply, reply_and_receive,
    send, set_console_owner, set_fault_timeout, set_pager, set_quota, sleep, usage, yield_now,
};
#[cfg(target_os = "none")]
pub use fault::set_handler;
#[cfg(target_os = "none")]
pub use start::args;
#[cfg(target_os = "none")]
pub use window::live::window;
