//! Machine code that a claim writes byte by byte and executes: every page of this machine is
//! executable.

use crate::shown::fresh;
use support::memory::{call_at, store};

/// The test page of the code.
const TEST_PAGE: u32 = 900;

/// Puts code at a page of its own, and returns its address.
pub fn put(code: &[u8]) -> u32 {
    let page = fresh(TEST_PAGE);
    for (at, word) in (page..).step_by(4).zip(code.chunks(4)) {
        store(at, word.iter().rev().fold(0, |all, byte| all << 8 | u32::from(*byte)));
    }
    page
}

/// Executes code that begins with `eax` = `ecx` = `edx` = the argument, and returns the value of
/// `eax` at its end.
pub fn execute(code: &[u8], argument: u32) -> u32 {
    /// mov eax, [esp + 4]; mov ecx, eax; mov edx, eax.
    const ARGUMENT: [u8; 8] = [0x8B, 0x44, 0x24, 0x04, 0x89, 0xC1, 0x89, 0xC2];
    let mut all = [0xC3; 64];
    all[..8].copy_from_slice(&ARGUMENT);
    all[8..8 + code.len()].copy_from_slice(code);
    call_at(put(&all), argument)
}
