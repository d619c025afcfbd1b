//! Pages through which a process and the disk hand each other bytes: 16 in a row, mapped for good.
//!
//! A slot is a frame, which the driver maps as well. So the pages carry the mark *shared*: a fork leaves them as they are, and
//! parent and child have the same ones. Made copy-on-write, the parent's next write would give the parent another frame than
//! the driver's. A forked child cannot make an area of its own; it may share other pages with the disk.
#![allow(unsafe_code)]

use core::sync::atomic::{AtomicBool, Ordering};

use abi::layout::{PAGE_SIZE, SCRATCH};
use abi::process::Target;
use abi::{Error, PageRange, Permissions, UserPage};

use crate::call;
use crate::paging::scratch::Bytes;
use crate::service::disk::protocol::SLOTS;

/// `0x0042_0000  PDE 0x001`: where it lies.
const FIRST: u32 = SCRATCH + 0x2_0000;

/// The transfer area. There is one.
#[derive(Debug)]
pub struct TransferArea(());

static TAKEN: AtomicBool = AtomicBool::new(false);

impl TransferArea {
    /// Maps it.
    ///
    /// # Errors
    /// `OutOfFrames`, `QuotaExceeded`: there are not enough frames; it can be tried again. `Busy`: it is there already.
    pub fn new() -> Result<Self, Error> {
        let range = PageRange::new(UserPage::known(FIRST), SLOTS)?;
        if TAKEN.swap(true, Ordering::Relaxed) {
            return Err(Error::Busy);
        }
        let permissions = Permissions::WRITE | Permissions::SHARED;
        if let Err(partial) = call::range_allocate(Target::Caller, range, permissions) {
            // Unmapping without marks needs no memory and cannot fail.
            let _ = call::range_unmap(Target::Caller, range, Permissions::empty());
            // Nobody has the area, and the next attempt may find more frames.
            TAKEN.store(false, Ordering::Relaxed);
            return Err(partial.error);
        }
        Ok(Self(()))
    }

    /// Page `slot` (`0..16`).
    ///
    /// # Panics
    /// If there is no such slot.
    #[must_use]
    pub const fn page(&self, slot: u32) -> UserPage {
        assert!(slot < SLOTS, "a transfer area has 16 slots");
        UserPage::known(FIRST + slot * PAGE_SIZE)
    }

    /// Its bytes. The disk writes them only while a request of this process's waits for it.
    pub fn bytes(&mut self, slot: u32) -> &mut Bytes {
        let address = self.page(slot).address() as usize;
        let bytes = core::ptr::with_exposed_provenance_mut::<Bytes>(address);
        // SAFETY: `new` has mapped writable pages there, which nobody ever unmaps, and `TAKEN` makes `self` the only one.
        // The driver, which maps them as well, is trusted to write them only during a request, and this thread is in the
        // request's call then: no reference from here is alive, as each borrows `self` or is dead.
        unsafe { &mut *bytes }
    }
}
