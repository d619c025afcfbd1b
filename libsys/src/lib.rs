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

extern crate alloc;

pub use abi;
pub use abi::process::Target;
pub use abi::{
    Entry, EntryFlags, Error, Frame, Page, PageRange, Permissions, ProcessId, Slot, Syscall,
    UserPage, ViewSlot,
};

pub mod boot_line;
pub mod command_line;
pub mod disk_protocol;
pub mod fork;
pub mod message;
pub mod names;
pub mod pager_protocol;
pub mod pci;
pub mod process;
pub mod regions;
pub mod short;
pub mod window;

#[cfg(target_os = "none")]
pub mod archive;
#[cfg(target_os = "none")]
pub mod call;
#[cfg(target_os = "none")]
pub mod counter;
#[cfg(target_os = "none")]
pub mod disk;
#[cfg(target_os = "none")]
pub mod facts;
#[cfg(target_os = "none")]
pub mod fault;
#[cfg(target_os = "none")]
mod foreign;
#[cfg(target_os = "none")]
mod heap;
#[cfg(target_os = "none")]
pub mod held;
#[cfg(target_os = "none")]
pub mod inbox;
#[cfg(target_os = "none")]
mod logger;
#[cfg(target_os = "none")]
mod panic;
#[cfg(target_os = "none")]
pub mod ports;
#[cfg(target_os = "none")]
pub mod print;
#[cfg(target_os = "none")]
pub mod scratch;
#[cfg(target_os = "none")]
pub mod start;
#[cfg(target_os = "none")]
pub mod transfer_area;
#[cfg(target_os = "none")]
pub mod view;
#[cfg(target_os = "none")]
pub mod vm;

#[cfg(target_os = "none")]
pub use call::{
    accept_clients, accept_frame_requests, clock, console_read, console_write, destroy, device_map,
    dma_allocate, dma_reclaim, dma_release, driver_allow, events_read, fault_forward, fault_reply,
    fault_reply_and_receive, frame_references, identity, interrupt_acknowledge, interrupt_attach,
    machine, message_call, page_allocate, page_copy, page_map, page_move, page_protect, page_unmap,
    ports_allow, process_create, process_start, process_stop, range_allocate, range_protect,
    range_share, range_unmap, receive, registers_read, registers_write, reply, reply_and_receive,
    send, set_console_owner, set_fault_timeout, set_pager, set_quota, sleep, usage, view_attach,
    view_detach, yield_now,
};
#[cfg(target_os = "none")]
pub use fault::set_handler;
#[cfg(target_os = "none")]
pub use start::args;
#[cfg(target_os = "none")]
pub use view::View;
#[cfg(target_os = "none")]
pub use window::live::window;
