//! Where the kernel's stacks lie: 64 KiB of addresses for each CPU, with unmapped pages around each
//! stack.

use abi::layout::{KERNEL_STACKS, PAGE_SIZE};

use crate::x86::per_cpu::BOOT;

/// Pages from one CPU's stacks to the next one's: 64 KiB.
const STACK_STRIDE: u32 = 16 * PAGE_SIZE;

/// A stack, in bytes, half-open. The pages on both sides are unmapped.
#[derive(Clone, Copy)]
pub struct Stack {
    /// Lowest address.
    pub start: u32,
    /// One past the highest address: where the stack begins.
    pub end: u32,
}

impl Stack {
    /// Where the kernel runs on the CPU that boots: pages 1 to 8 of its 16.
    pub const KERNEL: Self = Self::pages(BOOT, 1, 9);
    /// Where the tasks for a double fault and a non-maskable interrupt run: pages 10 and 11.
    pub const FAILURE: Self = Self::pages(BOOT, 10, 12);

    /// The boot's stack, in the kernel's image.
    pub fn boot() -> Self {
        let start = ::boot::image::stack_start();
        Self { start, end: start + ::boot::image::STACK_SIZE }
    }

    /// Whether two words at `frame` lie on this stack.
    pub const fn holds(&self, frame: u32) -> bool {
        frame >= self.start && frame <= self.end - 8
    }

    const fn pages(cpu: u32, first: u32, end: u32) -> Self {
        let base = KERNEL_STACKS + cpu * STACK_STRIDE;
        Self { start: base + first * PAGE_SIZE, end: base + end * PAGE_SIZE }
    }
}
