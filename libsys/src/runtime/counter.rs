//! How instructions are counted: by the time-stamp counter, which under QEMU's `-icount shift=0` is
//! one a tick.
//!
//! There virtual time passes by instructions, 1 ns each, and the counter shows virtual time in
//! nanoseconds. [`unit()`] tries whether this is so; on other machines the counter shows cycles.
//! Each iteration of a `rep` instruction counts one, and so do the discovery that none is left,
//! `int`, `iretd`, INVLPG and a load of CR3: what such an instruction costs a processor is not seen.
//! While the CPU waits for an interrupt, virtual time goes on, so each nanosecond of it counts one.
#![allow(unsafe_code)]

use core::arch::asm;

/// Iterations of the loop that is timed to learn the unit.
const TURNS: u32 = 1000;
/// Its instructions: two a turn, and one before.
const INSTRUCTIONS: u32 = 2 * TURNS + 1;

/// The counter's low half: enough for any operation shorter than 4,294,967,296 ticks.
#[must_use]
#[inline(always)]
pub fn now() -> u32 {
    let low: u32;
    // SAFETY: every program may read the counter (CR4.TSD is clear). No `nomem`: loads and stores
    // stay where they are.
    unsafe { asm!("rdtsc", out("eax") low, out("edx") _, options(nostack, preserves_flags)) };
    low
}

/// Both halves of the counter, for what takes longer.
#[must_use]
pub fn now_long() -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: as in `now`.
    unsafe { asm!("rdtsc", out("eax") low, out("edx") high, options(nostack, preserves_flags)) };
    u64::from(high) << 32 | u64::from(low)
}

/// The cost of two readings of the counter, one after the other.
#[must_use]
pub fn overhead() -> u32 {
    (0..100).map(|_| elapsed(|| ())).min().unwrap_or(0)
}

/// The unit of the counter.
#[must_use]
pub fn unit() -> &'static str {
    let ticks = (0..3).map(|_| elapsed(turn)).min().unwrap_or(0) - overhead();
    if ticks == INSTRUCTIONS { "instructions" } else { "cycles" }
}

#[inline(always)]
fn elapsed(operation: impl FnOnce()) -> u32 {
    let start = now();
    operation();
    now().wrapping_sub(start)
}

#[inline(always)]
fn turn() {
    // SAFETY: counts a register down.
    unsafe {
        asm!("mov ecx, {turns}", "2: dec ecx", "jnz 2b", turns = const TURNS, out("ecx") _, options(nostack, nomem))
    };
}
