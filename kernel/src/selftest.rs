//! Failures of the kernel on request, so that tests can see how it reports them.
//!
//! The word `selftest=NAME` on the command line asks for it, with a name from [`SelfTest::ALL`].
//! Only the user who boots the machine can ask.

use core::arch::asm;

use abi::boot_line::{SelfTest, words};

/// Fails in the way that the command line asks for, if it asks for one.
pub fn run(command_line: &[u8]) {
    match words(command_line).find_map(SelfTest::asked) {
        Some(SelfTest::Panic) => panic!("as the command line asked"),
        Some(SelfTest::Fault) => read(0x10_0000),
        Some(SelfTest::Stack) => {
            core::hint::black_box(descend(0));
        }
        Some(SelfTest::Triple) => triple_fault(),
        Some(SelfTest::Hang) => loop {
            core::hint::spin_loop();
        },
        // `traced.rs` does this one, at an event.
        Some(SelfTest::PanicLater) | None => {}
    }
}

/// Reads an address that only the boot's identity map had.
fn read(address: usize) {
    let address = core::ptr::with_exposed_provenance::<u32>(address);
    // SAFETY: the identity map is gone, so this raises the page fault that was asked for.
    core::hint::black_box(unsafe { address.read_volatile() });
}

/// Uses up the kernel's stack.
fn descend(level: u32) -> u32 {
    let frame = core::hint::black_box([level; 64]);
    if level == u32::MAX { 0 } else { frame[3].wrapping_add(descend(level + 1)) }
}

/// Raises an exception without an interrupt table: the CPU gives up.
fn triple_fault() {
    let nothing = [0_u16; 3];
    // SAFETY: the machine ends here, as was asked.
    unsafe { asm!("lidt [{}]", "int3", in(reg) &nothing) };
}
