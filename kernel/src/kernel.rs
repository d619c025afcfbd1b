//! The core's kernel, which holds this CPU, behind its one lock.
//!
//! Nobody reaches the core's [`Kernel`](kernel_core::Kernel) but by [`with`], which takes the lock.
//! So the entries in `traps.rs` need no unsafe code to borrow it.

use abi::Frame;
use kernel_core::Cpu;
use spin::{Mutex, MutexGuard};

use crate::x86::hardware::Machine;
use crate::x86::per_cpu::BOOT;

/// The core's kernel on this machine.
pub type Kernel = kernel_core::Kernel<Machine>;

/// The kernel. The boot replaces its CPU, whose directory is none. All bytes are zero, so the
/// megabyte is no part of the kernel's image.
static KERNEL: Mutex<Kernel> =
    Mutex::new(Kernel::new(Cpu::new(Machine::new(), BOOT, Frame::from_number(0))));

/// Runs `operation` on the kernel.
///
/// `operation` must not call this function: it would wait for itself. A trap from ring 0 cannot do
/// so either, because it only notes an interrupt or ends the machine (`kernel_traps.rs`).
#[inline(always)]
pub fn with<R>(operation: impl FnOnce(&mut Kernel) -> R) -> R {
    operation(&mut lock())
}

/// Runs `operation` on the kernel, unless the lock is taken.
pub fn if_free(operation: impl FnOnce(&mut Kernel)) {
    if let Some(mut kernel) = KERNEL.try_lock() {
        operation(&mut kernel);
    }
}

/// Runs `operation` on the kernel for a panic, which may have come while the lock was taken.
pub fn after_panic(operation: impl FnOnce(&mut Kernel)) {
    // SAFETY: there is one CPU, and the panic never returns to the holder of the lock.
    unsafe { KERNEL.force_unlock() };
    if_free(operation);
}

/// Takes the lock, which on a machine of one CPU is always free.
#[inline(always)]
fn lock() -> MutexGuard<'static, Kernel> {
    match KERNEL.try_lock() {
        Some(kernel) => kernel,
        None => wait_for_lock(),
    }
}

#[cold]
#[inline(never)]
fn wait_for_lock() -> MutexGuard<'static, Kernel> {
    KERNEL.lock()
}
