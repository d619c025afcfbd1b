//! The library that every Vitrine program links: the calls as functions, the window onto the
//! program's own page tables, and the memory policy that other systems have in the kernel: fault
//! handling, fork, loading, a heap.
//!
//! Reading order: [`paging::self_map`] (what a program sees), `call` (what it can ask for),
//! [`paging::own_pages`] (which of its pages safe code may change), [`paging::regions`] and
//! `paging::fault` (how it handles page faults), [`paging::fork`] and `process` (how it makes other
//! processes).
//!
//! Assumed: a process has one thread. A fault handler may run between any two of its instructions.
//!
//! The decisions are pure and are tested on the host. Code that touches the machine exists for the
//! target only. Unsafe code is confined to the modules that begin with `#![allow(unsafe_code)]`.
#![cfg_attr(not(test), no_std)]
#![deny(unsafe_code)]

extern crate alloc;

pub use abi;
pub use abi::process::Target;
pub use abi::{
    Entry, EntryFlags, Error, Frame, Page, PageRange, Permissions, ProcessId, Slot, Syscall,
    UserPage, ViewSlot,
};

#[cfg(target_os = "none")]
pub mod call;
pub mod device;
pub mod paging;
pub mod process;
pub mod runtime;
pub mod service;

#[cfg(target_os = "none")]
pub use call::{
    accept_clients, accept_frame_requests, clock, console_read, console_write, destroy, device_map,
    dma_allocate, dma_reclaim, dma_release, driver_allow, events_read, fault_forward, fault_reply,
    fault_reply_and_receive, frame_references, identity, interrupt_acknowledge, interrupt_attach,
    machine, message_call, ports_allow, process_create, process_start, process_stop, receive,
    registers_read, registers_write, reply, reply_and_receive, send, set_console_owner,
    set_fault_timeout, set_pager, set_quota, sleep, usage, view_detach, yield_now,
};
#[cfg(target_os = "none")]
pub use paging::checked::{
    page_allocate, page_copy, page_map, page_move, page_protect, page_unmap, range_allocate,
    range_protect, range_share, range_unmap, transact, view_attach,
};
#[cfg(target_os = "none")]
pub use paging::fault::set_handler;
#[cfg(target_os = "none")]
pub use paging::self_map::live::window;
#[cfg(target_os = "none")]
pub use paging::view::View;
#[cfg(target_os = "none")]
pub use process::arguments::args;
