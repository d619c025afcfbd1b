//! `stumble`: panics a few calls deep, so that its backtrace can be read.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

libsys::main!(main);
libsys::about!("panics, to show the backtrace of a panic");

fn main() {
    climb(core::hint::black_box(3));
}

/// Calls itself, then divides by the steps that are left.
#[inline(never)]
fn climb(steps: u32) -> u32 {
    // Without the black box the compiler makes a loop of it.
    if steps > 0 { core::hint::black_box(climb(steps - 1)) + 1 } else { stumble(steps) }
}

#[inline(never)]
fn stumble(over: u32) -> u32 {
    core::hint::black_box(1) / core::hint::black_box(over)
}
