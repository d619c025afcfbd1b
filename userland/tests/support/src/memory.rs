//! Loads and stores at any address, code at any address, and where the program's image ends.

use core::arch::asm;

/// Loads a word; at an address that the page does not allow this is a page fault.
pub fn load(address: u32) -> u32 {
    let value;
    // SAFETY: a load of any bits. x86 does not mind the alignment, and `asm!` does not either.
    unsafe {
        asm!("mov {0:e}, [{1:e}]", out(reg) value, in(reg) address, options(nostack, readonly));
    }
    value
}

/// Stores a word at an address at which no Rust object lies.
pub fn store(address: u32, value: u32) {
    // SAFETY: the caller's part is that no Rust object lies there (see the crate's head).
    unsafe { asm!("mov [{0:e}], {1:e}", in(reg) address, in(reg) value, options(nostack)) }
}

/// Copies a page to one at which no Rust object lies.
pub fn copy_page(from: u32, to: u32) {
    // SAFETY: as for `store`. LLVM keeps esi for itself, so it is exchanged around the copy.
    unsafe {
        asm!(
            "xchg esi, {from:e}",
            "rep movsd",
            "xchg esi, {from:e}",
            from = inout(reg) from => _,
            inout("ecx") 1024 => _,
            inout("edi") to => _,
            options(nostack),
        );
    }
}

/// Calls code at an address, with a word on the stack; it returns a word.
pub fn call_at(address: u32, argument: u32) -> u32 {
    let code = core::ptr::with_exposed_provenance::<()>(address as usize);
    // SAFETY: the tests put code of the C convention there that touches no Rust object, or nothing,
    // which faults.
    let code: extern "C" fn(u32) -> u32 = unsafe { core::mem::transmute(code) };
    code(argument)
}

/// The first address after the program's image, as its linker script says.
pub fn image_end() -> u32 {
    (&raw const program_end).expose_provenance() as u32
}

unsafe extern "C" {
    /// Only its address is used.
    static program_end: u8;
}
