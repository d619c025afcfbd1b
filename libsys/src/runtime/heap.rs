//! The heap: 256 MiB of demand-zero pages, which the `talc` allocator gives to `alloc`.
//!
//! A page costs a frame from its first touch on; freed memory stays with the process.
#![allow(unsafe_code)]

use core::sync::atomic::{AtomicBool, Ordering};

use abi::layout::PAGE_SIZE;
use abi::process::Target;
use abi::{Entry, Error, Permissions, UserPage};
use talc::TalcLock;
use talc::source::Claim;

use crate::call;
use crate::paging::regions::{HEAP_END, HEAP_START};
use crate::paging::self_map::Step;
use crate::paging::self_map::live::window;

#[global_allocator]
static HEAP: TalcLock<OneThread, Claim> = TalcLock::new(
    // SAFETY: the region from HEAP_START to HEAP_END is the heap's alone in the memory map, and the
    // process's pager, or its own fault handler, maps zeros at any page of it that is touched.
    unsafe {
        Claim::new(
            core::ptr::without_provenance_mut(HEAP_START as usize),
            (HEAP_END - HEAP_START) as usize,
        )
    },
);

/// Makes heap memory present before it is touched, so that a process that serves its own faults
/// does not end for want of a frame.
///
/// # Errors
/// `NotPermitted`: the bytes are not all the heap's, or a pager has a page of them. `OutOfFrames`,
/// `QuotaExceeded`: pages before the one that failed stay.
pub fn commit(address: usize, bytes: usize) -> Result<(), Error> {
    let heap = HEAP_START as usize..HEAP_END as usize;
    if !heap.contains(&address) || bytes > heap.end - address {
        return Err(Error::NotPermitted);
    }
    let (first, end) = (address as u32 & !(PAGE_SIZE - 1), (address + bytes) as u32);
    for address in (first..end).step_by(PAGE_SIZE as usize) {
        let page = UserPage::known(address);
        match window().walk(page.page()) {
            Step::Leaf(leaf) if leaf.is_present() => {}
            Step::NoTable(_) | Step::Leaf(Entry::ABSENT) => {
                // SAFETY: the page is absent and has no marks, so it has no contents yet: zeros are
                // what its first touch would find.
                unsafe { call::page_allocate(Target::Caller, page, Permissions::WRITE) }?;
            }
            Step::Leaf(_) | Step::Hidden(_) | Step::Large(_) | Step::View(_) => {
                return Err(Error::NotPermitted);
            }
        }
    }
    Ok(())
}

/// The lock of a process with one thread. If it is taken already, a fault handler allocates while
/// the program does. Waiting would never end, so that bug panics.
struct OneThread(AtomicBool);

// SAFETY: `lock` returns only when it has changed the flag from free to taken, so there is one
// holder at a time.
unsafe impl talc::lock_api::RawMutex for OneThread {
    #[allow(clippy::declare_interior_mutable_const)]
    const INIT: Self = Self(AtomicBool::new(false));

    type GuardMarker = talc::lock_api::GuardSend;

    fn lock(&self) {
        assert!(self.try_lock(), "a fault handler used the heap while the program did");
    }

    fn try_lock(&self) -> bool {
        !self.0.swap(true, Ordering::Acquire)
    }

    unsafe fn unlock(&self) {
        self.0.store(false, Ordering::Release);
    }
}
