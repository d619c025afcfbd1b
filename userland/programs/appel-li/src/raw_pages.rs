//! Pages at addresses at which no Rust object lies, so that a page can be mapped, unmapped and
//! protected at any time.
#![allow(unsafe_code)]

use core::arch::asm;

use libsys::abi::layout::PAGE_SIZE;
use libsys::call::Partial;
use libsys::{PageRange, Permissions, Target, UserPage, range_allocate};

use crate::copying::Memory;

/// `0x4000_0000  PDE 0x100`: the first address.
pub const START: u32 = 0x4000_0000;
/// `0x8000_0000  PDE 0x200`: the end, exclusive.
pub const END: u32 = 0x8000_0000;
/// Bytes of the instruction in [`touch`].
pub const TOUCH_LENGTH: u32 = 2;
/// The most pages that one call allocates.
const ALLOCATION: u32 = 64;

/// The `index`-th page.
///
/// # Panics
/// If `index` is 262,144 or more.
#[must_use]
pub const fn raw_page(index: u32) -> UserPage {
    assert!(index < (END - START) / PAGE_SIZE);
    UserPage::known(START + index * PAGE_SIZE)
}

/// The raw pages, as the memory of a collector.
#[derive(Clone, Copy, Debug)]
pub struct RawPages;

impl Memory for RawPages {
    #[inline(always)]
    fn load(&self, address: u32) -> u32 {
        load(address)
    }

    #[inline(always)]
    fn store(&mut self, address: u32, word: u32) {
        store(address, word);
    }
}

/// Maps fresh writable pages.
///
/// # Errors
/// See [`range_allocate`]. The pages before the one that failed stay.
pub fn allocate(first: UserPage, pages: u32) -> Result<(), Partial> {
    for done in (0..pages).step_by(ALLOCATION as usize) {
        let range = PageRange::new(first.plus(done), ALLOCATION.min(pages - done));
        let range = range.map_err(|error| Partial { error, done })?;
        range_allocate(Target::Caller, range, Permissions::WRITE)?;
    }
    Ok(())
}

/// Loads a word.
///
/// # Panics
/// If the address is not an aligned word of a raw page.
#[must_use]
#[inline(always)]
pub fn load(address: u32) -> u32 {
    check(address);
    let word = core::ptr::with_exposed_provenance::<u32>(address as usize);
    // SAFETY: `check` has found an aligned word where no Rust object lies; any bits are a `u32`. If
    // the page does not allow the load, a handler makes it possible or the process ends. Volatile,
    // because the handler may change the word.
    unsafe { word.read_volatile() }
}

/// Stores a word.
///
/// # Panics
/// As [`load`].
#[inline(always)]
pub fn store(address: u32, value: u32) {
    check(address);
    let word = core::ptr::with_exposed_provenance_mut::<u32>(address as usize);
    // SAFETY: as above.
    unsafe { word.write_volatile(value) }
}

/// Stores a word at the start of a page, by one instruction of [`TOUCH_LENGTH`] bytes, which a
/// handler can skip.
///
/// # Panics
/// If it is not a raw page.
#[inline(always)]
pub fn touch(page: UserPage) {
    check(page.address());
    // SAFETY: as in `store`. Without `nomem`, because the handler runs at this instruction.
    unsafe { asm!("mov [eax], eax", in("eax") page.address(), options(nostack, preserves_flags)) };
}

#[inline(always)]
fn check(address: u32) {
    assert!(
        address.wrapping_sub(START) < END - START && address.is_multiple_of(4),
        "not a word of a raw page"
    );
}
