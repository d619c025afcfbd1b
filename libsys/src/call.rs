//! The native calls, each as a function of the same name. What a call does, and each of its errors
//! with its condition, is written at
//! [`abi::Syscall`].
//!
//! A function is safe if it cannot change memory in which a Rust object of the caller's lies. Those
//! that can are `unsafe fn`: the mapping calls of `memory`, [`set_handler`], and a [`Gate`], which
//! makes any call at all. Message calls and fault replies check the page that travels with them and
//! are safe.
#![allow(unsafe_code)]

mod device;
mod entry;
mod fault;
mod gate;
mod memory;
mod message;
mod process;

use abi::call::Number;
use abi::process::Target;

pub use device::{
    console_read, console_write, device_map, dma_allocate, dma_reclaim, dma_release, driver_allow,
    interrupt_acknowledge, interrupt_attach, ports_allow, set_console_owner,
};
pub use fault::{
    accept_clients, accept_frame_requests, clone, fault_forward, fault_reply,
    fault_reply_and_receive, set_fault_timeout, set_handler, set_pager,
};
pub use gate::{Answer, Gate};
pub use memory::{
    Change, Partial, Protected, Transacted, frame_references, page_allocate, page_copy, page_map,
    page_move, page_protect, page_unmap, range_allocate, range_protect, range_share, range_unmap,
    transact, view_attach, view_detach,
};
pub use message::{message_call, receive, reply, reply_and_receive, send};
pub use process::{
    Ended, FAREWELL, Identity, Machine, Usage, ask_before_exit, clock, destroy, events_read, exit,
    identity, machine, process_create, process_start, process_stop, registers_read,
    registers_write, set_quota, sleep, usage, wait, yield_now,
};

/// Names the function that makes each call, so that a call without one does not compile.
const _: fn(Number) = |number| match number {
    Number::PageAllocate => _ = page_allocate as unsafe fn(Target, _, _) -> _,
    Number::PageMap => _ = page_map as unsafe fn((Target, _), (Target, _), _) -> _,
    Number::PageMove => _ = page_move as unsafe fn((Target, _), (Target, _), _) -> _,
    Number::PageUnmap => _ = page_unmap as unsafe fn(Target, _, _) -> _,
    Number::PageCopy => _ = page_copy as unsafe fn(Target, _, _) -> _,
    Number::PageProtect => _ = page_protect as unsafe fn(Target, _, _) -> _,
    Number::FrameReferences => _ = frame_references,
    Number::RangeShare => _ = range_share as unsafe fn((Target, _), (Target, _), _, _) -> _,
    Number::RangeProtect => _ = range_protect as unsafe fn(Target, _, _) -> _,
    Number::RangeUnmap => _ = range_unmap as unsafe fn(Target, _, _) -> _,
    Number::RangeAllocate => _ = range_allocate as unsafe fn(Target, _, _) -> _,
    Number::Transact => _ = transact as unsafe fn(Target, _, _) -> _,
    Number::ViewAttach => _ = view_attach as unsafe fn(Target, _) -> _,
    Number::ViewDetach => _ = view_detach,
    Number::Identity => _ = identity,
    Number::ProcessCreate => _ = process_create,
    Number::ProcessStart => _ = process_start,
    Number::ProcessStop => _ = process_stop,
    Number::RegistersRead => _ = registers_read,
    Number::RegistersWrite => _ = registers_write,
    Number::EventsRead => _ = events_read,
    Number::Exit => _ = exit,
    Number::Wait => _ = wait,
    Number::Destroy => _ = destroy as fn(Target, _) -> _,
    Number::SetQuota => _ = set_quota,
    Number::Usage => _ = usage as fn(Target) -> _,
    Number::Machine => _ = machine,
    Number::Clock => _ = clock,
    Number::Sleep => _ = sleep,
    Number::Yield => _ = yield_now,
    Number::SetHandler => _ = set_handler as unsafe fn(Target, _) -> _,
    Number::SetPager => _ = set_pager,
    Number::AcceptClients => _ = accept_clients,
    Number::AcceptFrameRequests => _ = accept_frame_requests,
    Number::FaultForward => _ = fault_forward,
    Number::FaultReply => _ = fault_reply,
    Number::FaultReplyAndReceive => _ = fault_reply_and_receive,
    Number::SetFaultTimeout => _ = set_fault_timeout,
    Number::Clone => _ = clone,
    Number::Send => _ = send,
    Number::Receive => _ = receive,
    Number::Call => _ = message_call,
    Number::Reply => _ = reply,
    Number::ReplyAndReceive => _ = reply_and_receive,
    Number::ConsoleWrite => _ = console_write,
    Number::ConsoleRead => _ = console_read,
    Number::SetConsoleOwner => _ = set_console_owner,
    Number::DriverAllow => _ = driver_allow,
    Number::PortsAllow => _ = ports_allow,
    Number::DeviceMap => _ = device_map,
    Number::DmaAllocate => _ = dma_allocate,
    Number::DmaRelease => _ = dma_release,
    Number::DmaReclaim => _ = dma_reclaim,
    Number::InterruptAttach => _ = interrupt_attach,
    Number::InterruptAcknowledge => _ = interrupt_acknowledge,
};
