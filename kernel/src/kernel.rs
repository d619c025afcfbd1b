//! The kernel's state behind its one lock, and the CPU that holds the lock.
//!
//! Nobody reaches the core's [`Kernel`] or this CPU's [`Cpu`] but by [`with`], which takes the
//! lock. So there is one place that proves that each is borrowed once, and the entries in
//! `traps.rs` need no unsafe code for it.

use abi::Frame;
use kernel_core::{Cpu, Kernel};
use spin::{Mutex, MutexGuard};

use crate::x86::hardware::Machine;
use crate::x86::per_cpu::{BOOT, PerCpu};

static KERNEL: Mutex<Kernel> = Mutex::new(Kernel::new());

/// What the core knows of this CPU. The boot replaces this value, whose directory is none.
static CPU: PerCpu<Cpu<Machine>> =
    PerCpu::new(Cpu::new(Machine::new(BOOT), BOOT, Frame::from_number(0)));

/// Runs `operation` on the kernel and on this CPU.
///
/// `operation` must not call this function: it would wait for itself. A trap from ring 0 cannot do
/// so either, because it only notes an interrupt or ends the machine (`kernel_traps.rs`).
#[inline(always)]
pub fn with<R>(operation: impl FnOnce(&mut Kernel, &mut Cpu<Machine>) -> R) -> R {
    let mut kernel = lock();
    // SAFETY: only the holder of the lock comes here, and the borrow ends before the lock is given
    // back: `R` cannot hold it, because `operation` takes a borrow of any lifetime.
    let cpu = unsafe { &mut *CPU.get() };
    operation(&mut kernel, cpu)
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
