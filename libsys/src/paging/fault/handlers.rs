//! The handlers of a page fault, in the order in which they are asked.
//!
//! 1. Copy-on-write, once the process has forked. It comes first because no other handler knows of
//!    these pages.
//! 2. The program's own handler.
//! 3. The region map, in a process without a pager.
//! 4. The pager.
#![allow(unsafe_code)]

use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use abi::fault::{Access, FaultRecord};
use abi::process::Target;
use abi::{EntryFlags, Permissions, UserPage};

use crate::call::{self, Change};
use crate::paging::regions::{self, Decision};
use crate::paging::self_map::live::window;
use crate::process::info::is_only_mapping;

/// A page fault, as its handler sees it.
#[derive(Debug)]
pub struct Fault<'a> {
    record: &'a mut FaultRecord,
}

impl<'a> Fault<'a> {
    pub(super) const fn new(record: &'a mut FaultRecord) -> Self {
        Self { record }
    }

    /// The address that was touched.
    #[must_use]
    pub const fn address(&self) -> u32 {
        self.record.address
    }

    /// The page that was touched; `None` if no process may map it.
    #[must_use]
    pub const fn page(&self) -> Option<UserPage> {
        UserPage::containing(self.record.address)
    }

    /// The kind of access.
    #[must_use]
    pub const fn access(&self) -> Access {
        Access::from_bits_truncate(self.record.access)
    }

    /// The instruction.
    #[must_use]
    pub const fn eip(&self) -> u32 {
        self.record.eip
    }

    /// Everything that the kernel recorded.
    #[must_use]
    pub const fn record(&self) -> &FaultRecord {
        self.record
    }

    /// Continues at `eip` instead of repeating the access. The registers stay as they were at the
    /// fault.
    ///
    /// # Safety
    /// The code at `eip` may run with the registers and the stack of the fault: for example,
    /// because the access was made by assembly that says where it continues.
    pub const unsafe fn resume_at(&mut self, eip: u32) {
        self.record.eip = eip;
    }
}

/// A handler's answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Handled {
    /// The fault is handled: the process continues.
    Resume,
    /// The fault is not handled: the next handler is asked.
    PassOn,
}

/// A program's own fault handler. It may run between any two instructions of the program, on a
/// stack of at most 4 KiB. It should not allocate, and print at most one line.
pub type Handler = fn(&mut Fault<'_>) -> Handled;

/// Which handlers are asked about a fault. The program changes this, and the fault entry may read
/// it between any two instructions; so the fields are atomic.
pub(super) struct Handlers {
    /// The one that is asked first: [`copy_on_write`], or the program's own.
    first: OptionalHandler,
    /// The program's own, if that is not the first.
    second: OptionalHandler,
    pub(super) own_regions: AtomicBool,
}

/// A [`Handler`] or none, in one word.
struct OptionalHandler(AtomicPtr<()>);

impl OptionalHandler {
    #[inline(always)]
    fn get(&self) -> Option<Handler> {
        let handler = self.0.load(Ordering::Relaxed);
        // SAFETY: the pointer is null or what `set` stored, a `Handler`; both are an `Option` of
        // one.
        unsafe { core::mem::transmute::<*mut (), Option<Handler>>(handler) }
    }

    fn set(&self, handler: Option<Handler>) {
        let handler = handler.map_or(core::ptr::null_mut(), |handler| handler as *mut ());
        self.0.store(handler, Ordering::Relaxed);
    }

    /// Whether the fault is handled.
    #[inline(always)]
    fn handles(&self, fault: &mut Fault<'_>) -> bool {
        self.get().is_some_and(|handler| handler(fault) == Handled::Resume)
    }
}

impl Handlers {
    pub(super) const fn none() -> Self {
        Self {
            first: OptionalHandler(AtomicPtr::new(core::ptr::null_mut())),
            second: OptionalHandler(AtomicPtr::new(core::ptr::null_mut())),
            own_regions: AtomicBool::new(false),
        }
    }

    fn copies_on_write(&self) -> bool {
        self.first.get().is_some_and(|first| core::ptr::fn_addr_eq(first, copy_on_write as Handler))
    }

    /// Sets the program's own handler.
    pub(super) fn set_program(&self, handler: Option<Handler>) {
        if self.copies_on_write() { &self.second } else { &self.first }.set(handler);
    }

    /// Asks [`copy_on_write`] first from now on.
    pub(super) fn enable_copy_on_write(&self) {
        if !self.copies_on_write() {
            // A fault between the two finds the program's handler twice, and not none.
            self.second.set(self.first.get());
            self.first.set(Some(copy_on_write));
        }
    }

    /// Asks the first handler: all that most faults need. Whether that has handled the fault.
    #[inline(always)]
    pub(super) fn first_handles(&self, fault: &mut Fault<'_>) -> bool {
        self.first.handles(fault)
    }
}

/// Asks the others one after the other; [`Handled::PassOn`] if none has handled the fault.
pub(super) fn serve(fault: &mut Fault<'_>, handlers: &Handlers) -> Handled {
    if handlers.second.handles(fault) {
        return Handled::Resume;
    }
    if handlers.own_regions.load(Ordering::Relaxed) && grow(fault) == Handled::Resume {
        return Handled::Resume;
    }
    match call::fault_forward(fault.address(), fault.access(), fault.eip()) {
        Ok(()) => Handled::Resume,
        Err(_) => Handled::PassOn,
    }
}

/// Handles a write to a page that fork has shared.
fn copy_on_write(fault: &mut Fault<'_>) -> Handled {
    let Some(page) = fault.page() else { return Handled::PassOn };
    let Some(entry) = window().entry_of(page.page()) else { return Handled::PassOn };
    let marked = entry.flags().contains(EntryFlags::COPY_ON_WRITE);
    if !marked || entry.is_writable() || !fault.access().contains(Access::WRITE) {
        return Handled::PassOn;
    }
    let drop = Permissions::COPY_ON_WRITE;
    let done = if entry.is_drivers_own() || !is_only_mapping(entry.frame()) {
        // SAFETY: a copy has the contents of the page, so no object changes; it only becomes this
        // process's own.
        unsafe { call::page_copy(Target::Caller, page, entry.permissions().difference(drop)) }
            .map(|_| ())
    } else {
        // The last owner's page gets W. (`page_copy` would find that out, too, in 30 instructions
        // more.)
        // SAFETY: no object changes; W was taken from the page to share it.
        unsafe {
            call::page_protect(Target::Caller, page, Change { drop, add: Permissions::WRITE })
        }
        .map(|_| ())
    };
    // Out of frames, or of quota: nothing here can free any.
    if done.is_ok() { Handled::Resume } else { Handled::PassOn }
}

/// Maps zeros where the heap or the stack grows.
fn grow(fault: &Fault<'_>) -> Handled {
    match regions::STANDARD.decide(fault.address(), fault.access()) {
        Decision::Zero(page) => {
            // SAFETY: the page is absent, for the region map refuses accesses to present ones, and
            // of the heap or the stack of a process without a pager: it has no contents yet.
            match unsafe { call::page_allocate(Target::Caller, page, Permissions::WRITE) } {
                Ok(()) => Handled::Resume,
                Err(_) => Handled::PassOn,
            }
        }
        // The image of a process without a pager was loaded whole.
        Decision::Image { .. } | Decision::Refuse(_) => Handled::PassOn,
    }
}
