//! The core's kernel, which holds this CPU, and the one way to it.
//!
//! The entries in `traps.rs` take the core's [`Kernel`](kernel_core::Kernel) by [`at_entry`], which
//! looks at nothing. Everybody else borrows it by [`borrow`], which does.

use core::cell::{RefCell, RefMut};

use abi::Frame;
use kernel_core::Cpu;

use crate::x86::hardware::Machine;
use crate::x86::per_cpu::BOOT;

/// The core's kernel on this machine.
pub type Kernel = kernel_core::Kernel<Machine>;

/// A value of the one CPU. It is no lock: taking one would cost a locked instruction at each trap.
struct OneCpu<T>(RefCell<T>);

// SAFETY: there is one CPU. Ring 0 runs with interrupts off but in the idle loop, which borrows
// nothing, so no two borrows begin at the same time; a second one inside the first panics.
unsafe impl<T> Sync for OneCpu<T> {}

/// The kernel. The boot replaces its CPU, whose directory is none. All bytes are zero, so the
/// megabyte is no part of the kernel's image.
static KERNEL: OneCpu<Kernel> =
    OneCpu(RefCell::new(Kernel::new(Cpu::new(Machine::new(), BOOT, Frame::from_number(0)))));

/// Borrows the kernel. The caller gives it back before it leaves to a process.
///
/// # Panics
/// If it is borrowed already. A trap from ring 0 does not borrow it: it only notes an interrupt or
/// ends the machine (`kernel_traps.rs`).
pub fn borrow() -> RefMut<'static, Kernel> {
    KERNEL.0.borrow_mut()
}

/// Borrows the kernel for an entry. Only a build with debug assertions looks whether it is borrowed
/// already: that costs four instructions, and an entry knows that it is not.
///
/// # Safety
/// Nothing borrows the kernel now, and nothing does while the result is used.
#[inline(always)]
pub unsafe fn at_entry() -> &'static mut Kernel {
    debug_assert!(KERNEL.0.try_borrow_mut().is_ok(), "an entry while the kernel is borrowed");
    // SAFETY: by the contract of this function.
    unsafe { &mut *KERNEL.0.as_ptr() }
}

/// Runs `operation` on the kernel, unless that is borrowed.
pub fn if_free(operation: impl FnOnce(&mut Kernel)) {
    if let Ok(mut kernel) = KERNEL.0.try_borrow_mut() {
        operation(&mut kernel);
    }
}

/// Runs `operation` on the kernel for a panic, which may have come while the kernel was borrowed.
pub fn after_panic(operation: impl FnOnce(&mut Kernel)) {
    // SAFETY: there is one CPU, and the panic never returns to the borrower.
    operation(unsafe { &mut *KERNEL.0.as_ptr() });
}
