//! What each CPU has of its own.
//!
//! There is one CPU today. More need a longer array in [`PerCpu`], a way to ask which one runs (the
//! task register), and a start of their own; nothing else is shared but the kernel.

use core::cell::UnsafeCell;

/// The number of the CPU that boots.
pub const BOOT: u32 = 0;

/// A static of which each CPU has its own value.
pub struct PerCpu<T>([UnsafeCell<T>; 1]);

// SAFETY: a CPU gets a pointer to its own value alone, and the code that dereferences it proves
// that no other borrow is alive.
unsafe impl<T> Sync for PerCpu<T> {}

impl<T> PerCpu<T> {
    /// `value` for the CPU that boots.
    pub const fn new(value: T) -> Self {
        Self([UnsafeCell::new(value)])
    }

    /// The value of the CPU that this code runs on.
    pub const fn get(&self) -> *mut T {
        self.0[BOOT as usize].get()
    }
}
