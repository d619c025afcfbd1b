//! Which instructions of the kernel may fail to load a selector, and where the kernel goes on if
//! one does.
//!
//! fs and gs stay in the CPU until another process runs; then they are saved, and later loaded as
//! they were. A program can leave values there that are no selectors: virtual-8086 mode, which
//! QEMU's TCG lets it enter, has none, and `sysenter` leaves that mode without a trace. Checking
//! both at each call by `sysenter` would cost six instructions, so the load itself is the check: a
//! general protection fault, or one for an absent segment, at one of these instructions sets fs and
//! gs to the null selector, which is always allowed, and goes on after the instruction.

use x86::segmentation::{SegmentSelector, load_fs, load_gs};

/// The address of an instruction that may fail, and of the one after it: `hardware.rs` puts both
/// into the section `.fixups`.
#[repr(C)]
struct Fixup {
    fails: u32,
    next: u32,
}

unsafe extern "C" {
    /// The first fixup; `kernel.ld` puts these symbols around the section.
    static fixups_start: Fixup;
    /// Where the fixups end: an address, nothing to read.
    static fixups_end: Fixup;
}

/// Where the kernel goes on after a failed load of fs or gs at `eip`; both are null then. `None` if
/// no instruction there may fail.
pub fn null_selectors_at(eip: u32) -> Option<u32> {
    let next = fixups().iter().find(|fixup| fixup.fails == eip)?.next;
    // SAFETY: the kernel does not use this register; the null selector is always allowed.
    unsafe { load_fs(SegmentSelector::from_raw(0)) };
    // SAFETY: as above.
    unsafe { load_gs(SegmentSelector::from_raw(0)) };
    Some(next)
}

fn fixups() -> &'static [Fixup] {
    let (start, end) = (&raw const fixups_start, &raw const fixups_end);
    let length = (end.addr() - start.addr()) / size_of::<Fixup>();
    // SAFETY: the linker script puts both symbols around the section, which is pairs of words in
    // read-only memory.
    unsafe { core::slice::from_raw_parts(start, length) }
}
