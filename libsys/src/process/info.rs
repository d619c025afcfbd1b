//! Process info and frame counts, which every process reads from two tables without a call.
#![allow(unsafe_code)]

use abi::layout::{PROCESSES, UENVS, UPAGES};
use abi::process_info::{FrameRecord, ProcessInfo, Status};
use abi::{Frame, Page, ProcessId};

use crate::call;
use crate::paging::self_map::live::window;

/// The record of slot `index` (`0..1024`): of the process in it, or of the last one that was.
///
/// # Panics
/// If `index` is 1,024 or more.
#[must_use]
pub fn slot(index: u32) -> ProcessInfo {
    assert!(index < PROCESSES, "there are 1,024 process slots");
    let record =
        core::ptr::with_exposed_provenance::<ProcessInfo>(ProcessInfo::address(index) as usize);
    // SAFETY: the kernel maps the whole table of 1,024 records, read-only, in every space; a record
    // is aligned to 4 bytes like the table, and any bits are one. Volatile, because the kernel
    // changes it.
    unsafe { record.read_volatile() }
}

/// The records of all slots that hold a process.
pub fn processes() -> impl Iterator<Item = ProcessInfo> {
    (0..PROCESSES).map(slot).filter(|info| info.status != Status::Free as u32)
}

/// The record of a process; `None` if the id is stale.
#[must_use]
pub fn process(id: ProcessId) -> Option<ProcessInfo> {
    let info = slot(id.index());
    (info.id == id.bits() && info.status != Status::Free as u32).then_some(info)
}

/// Whether a process has not ended. Its parent may not have received its end yet.
#[must_use]
pub fn is_alive(id: ProcessId) -> bool {
    process(id).is_some_and(|info| info.status != Status::Dying as u32)
}

/// Whether a process runs at this moment: on a machine with one CPU, whether it is the caller.
#[must_use]
pub fn runs_now(id: ProcessId) -> bool {
    let info = slot(id.index());
    info.id == id.bits() && info.status == Status::Running as u32
}

/// The name of a record's status.
#[must_use]
pub const fn status_name(info: &ProcessInfo) -> &'static str {
    match info.status {
        0 => "free",
        1 => "dying",
        2 => "runnable",
        3 => "running",
        4 => "blocked",
        _ => "unknown",
    }
}

/// How many mappings a frame has: by a load where UPAGES reaches, else by a call. `None`: it is not
/// RAM.
#[must_use]
pub fn frame_references(frame: Frame) -> Option<u32> {
    let public = FrameRecord::address(frame.number()).filter(|address| {
        // The table's pages end where RAM does.
        window().entry_of(Page::containing(*address)).is_some()
    });
    match public {
        Some(address) => Some(load(address).count),
        None => call::frame_references(frame).ok(),
    }
}

/// Whether a frame of RAM that is mapped here has no other mapping, as UPAGES says. `false` also if
/// UPAGES does not reach the frame.
#[must_use]
#[inline(always)]
pub(crate) fn is_only_mapping(frame: Frame) -> bool {
    // The table's pages are there for all of RAM.
    FrameRecord::address(frame.number()).is_some_and(|address| load(address).count == 1)
}

#[inline(always)]
fn load(address: u32) -> FrameRecord {
    assert!(
        (UPAGES..UPAGES + abi::layout::TABLE_SPAN).contains(&address) && address.is_multiple_of(8)
    );
    let record = core::ptr::with_exposed_provenance::<FrameRecord>(address as usize);
    // SAFETY: `address` is an aligned record of UPAGES, as asserted, in a page that the caller has
    // found present; the kernel never unmaps pages of that table, and any bits are a record.
    // Volatile, because the kernel changes it.
    unsafe { record.read_volatile() }
}

const _: () = assert!(UENVS.is_multiple_of(4) && align_of::<ProcessInfo>() == 4);
