//! Where `alloc` gets its memory: 256 MiB of demand-zero pages, kept by the `talc` allocator.
//!
//! A page costs a frame from its first touch on; freed memory stays with the process.
#![allow(unsafe_code)]

use core::sync::atomic::{AtomicBool, Ordering};

use talc::TalcLock;
use talc::source::Claim;

use crate::paging::regions::{HEAP_END, HEAP_START};

#[global_allocator]
static HEAP: TalcLock<OneThread, Claim> = TalcLock::new(
    // SAFETY: the region from HEAP_START to HEAP_END is the heap's alone in the memory map, and whoever serves the
    // process's faults (its pager, or its own handler) backs any page of it with zeros.
    unsafe {
        Claim::new(
            core::ptr::without_provenance_mut(HEAP_START as usize),
            (HEAP_END - HEAP_START) as usize,
        )
    },
);

/// The lock of a process with one thread. It can only be taken already if a fault handler allocates while the
/// program does, and waiting would be for ever: that is a bug, and panics.
struct OneThread(AtomicBool);

// SAFETY: `lock` returns only when it has changed the flag from free to taken, so there is one holder at a time.
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
