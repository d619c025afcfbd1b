//! What the kernel does to itself on request, so that tests can watch how it fails.
//!
//! The word `selftest=panic`, `selftest=fault`, `selftest=stack`, `selftest=triple` or `selftest=hang` on the command
//! line asks for it. Only whoever boots the machine can.

use core::arch::asm;

/// Before the name, on the command line.
const PREFIX: &[u8] = b"selftest=";

/// Fails as the command line says, if it says so.
pub fn run(command_line: &[u8]) {
    let words = command_line.split(|byte| *byte == b' ');
    match words.filter_map(|word| word.strip_prefix(PREFIX)).next() {
        Some(b"panic") => panic!("as the command line asked"),
        Some(b"fault") => read(0x10_0000),
        Some(b"stack") => {
            core::hint::black_box(descend(0));
        }
        Some(b"triple") => triple_fault(),
        Some(b"hang") => loop {
            core::hint::spin_loop();
        },
        Some(_) | None => {}
    }
}

/// Reads where the identity map was.
fn read(address: usize) {
    let address = core::ptr::with_exposed_provenance::<u32>(address);
    // SAFETY: nothing is mapped there any more, so this is the page fault that was asked for.
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
