//! A page that a program fills for another one: allocated at the scratch address, written, mapped away.
#![allow(unsafe_code)]

use core::sync::atomic::{AtomicBool, Ordering};

use abi::layout::{PAGE_SIZE, SCRATCH};
use abi::process::Target;
use abi::{Error, Permissions, UserPage};

use crate::call;

/// The contents of a page.
pub type Bytes = [u8; PAGE_SIZE as usize];

/// The page at the scratch address: private, zeroed when made, unmapped when dropped. There is one at a time.
#[derive(Debug)]
pub struct Scratch(());

static TAKEN: AtomicBool = AtomicBool::new(false);

impl Scratch {
    /// Where it lies.
    pub const PAGE: UserPage = UserPage::known(SCRATCH);

    /// Takes the scratch page.
    ///
    /// # Errors
    /// `OutOfFrames`, `QuotaExceeded`: there is no frame for it. `Busy`: it is taken.
    pub fn new() -> Result<Self, Error> {
        if TAKEN.swap(true, Ordering::Relaxed) {
            return Err(Error::Busy);
        }
        let mut scratch = Self(());
        scratch.renew()?;
        Ok(scratch)
    }

    /// Puts a fresh zeroed page in place of the one that was filled.
    ///
    /// # Errors
    /// `OutOfFrames`, `QuotaExceeded`: there is no frame for it.
    pub fn renew(&mut self) -> Result<(), Error> {
        call::page_allocate(Target::Caller, Self::PAGE, Permissions::WRITE)
    }

    /// The page's bytes.
    pub fn bytes(&mut self) -> &mut Bytes {
        let bytes = core::ptr::with_exposed_provenance_mut::<Bytes>(SCRATCH as usize);
        // SAFETY: `new` and `renew` have mapped a writable page there, and only they and `drop` change that, which
        // the borrow of `self` excludes for as long as the reference lives. `TAKEN` makes `self` the only one.
        unsafe { &mut *bytes }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Unmapping without marks needs no memory and cannot fail.
        let _ = call::page_unmap(Target::Caller, Self::PAGE, Permissions::empty());
        TAKEN.store(false, Ordering::Relaxed);
    }
}
