//! Who is asked about a page fault, in which order.
//!
//! 1. Copy-on-write, once the process has forked: such a page is the process's own business and nobody else's.
//! 2. The program's handler.
//! 3. The region map, in a process without a pager.
//! 4. The pager.
#![allow(unsafe_code)]

use core::sync::atomic::Ordering;

use abi::fault::Access;
use abi::process::Target;
use abi::{EntryFlags, Permissions};

use super::{Fault, Handled, Line};
use crate::call;
use crate::paging::regions::{self, Decision};
use crate::paging::self_map::live::window;

/// Asks one after the other; [`Handled::PassOn`] if nobody helps.
pub(super) fn serve(fault: &mut Fault<'_>, line: &Line) -> Handled {
    if line.copy_on_write.load(Ordering::Relaxed) && copy_on_write(fault) == Handled::Resume {
        return Handled::Resume;
    }
    if let Some(handler) = line.program()
        && handler(fault) == Handled::Resume
    {
        return Handled::Resume;
    }
    if line.own_regions.load(Ordering::Relaxed) && grow(fault) == Handled::Resume {
        return Handled::Resume;
    }
    match call::fault_forward(fault.address(), fault.access(), fault.eip()) {
        Ok(()) => Handled::Resume,
        Err(_) => Handled::PassOn,
    }
}

/// Mends a write to a page that fork has shared.
fn copy_on_write(fault: &Fault<'_>) -> Handled {
    let Some(page) = fault.page() else { return Handled::PassOn };
    let Some(entry) = window().entry_of(page.page()) else { return Handled::PassOn };
    let marked = entry.flags().contains(EntryFlags::COPY_ON_WRITE);
    if !marked || entry.is_writable() || !fault.access().contains(Access::WRITE) {
        return Handled::PassOn;
    }
    let marks = entry.permissions().difference(Permissions::COPY_ON_WRITE);
    // SAFETY: a copy has the contents of the page, so no object changes; it only becomes this process's own.
    match unsafe { call::page_copy(Target::Caller, page, marks) } {
        Ok(_) => Handled::Resume,
        // Out of frames, or of quota: nothing here can free any.
        Err(_) => Handled::PassOn,
    }
}

/// Maps zeros where the heap or the stack grows.
fn grow(fault: &Fault<'_>) -> Handled {
    match regions::STANDARD.decide(fault.address(), fault.access()) {
        Decision::Zero(page) => {
            // SAFETY: the page is absent, for the region map refuses accesses to present ones, and of the heap or the
            // stack of a process without a pager: it has no contents yet.
            match unsafe { call::page_allocate(Target::Caller, page, Permissions::WRITE) } {
                Ok(()) => Handled::Resume,
                Err(_) => Handled::PassOn,
            }
        }
        // The image of a process without a pager was loaded whole.
        Decision::Image { .. } | Decision::Refuse(_) => Handled::PassOn,
    }
}
