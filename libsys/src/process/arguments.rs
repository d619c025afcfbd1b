//! The arguments of a program: `argc` and `argv`, which lie on its first stack page.
#![allow(unsafe_code)]

use core::sync::atomic::{AtomicU32, Ordering};

static ARGUMENT_COUNT: AtomicU32 = AtomicU32::new(0);
static ARGUMENTS: AtomicU32 = AtomicU32::new(0);

/// Notes where they are. They are not looked at before [`args`] is called.
pub(super) fn set(count: u32, argv: u32) {
    ARGUMENT_COUNT.store(count, Ordering::Relaxed);
    ARGUMENTS.store(argv, Ordering::Relaxed);
}

/// The program's arguments, its name first. One that is not UTF-8 reads as an empty string.
pub fn args() -> impl ExactSizeIterator<Item = &'static str> {
    let (count, argv) = (ARGUMENT_COUNT.load(Ordering::Relaxed), ARGUMENTS.load(Ordering::Relaxed));
    (0..count).map(move |index| argument(argv, index))
}

fn argument(argv: u32, index: u32) -> &'static str {
    let pointer = core::ptr::with_exposed_provenance::<u32>((argv + 4 * index) as usize);
    // SAFETY: the kernel or the parent has put `argc` aligned addresses at `argv`, on the first
    // stack page, and nothing writes there afterwards: the stack grows downwards from there. That
    // is how a program is started (ARCHITECTURE.md).
    let string = unsafe { pointer.read() };
    let string = core::ptr::with_exposed_provenance::<core::ffi::c_char>(string as usize);
    // SAFETY: as above: each address is that of a string that ends in a zero byte, on the same
    // page.
    let string = unsafe { core::ffi::CStr::from_ptr(string) };
    string.to_str().unwrap_or("")
}
