//! What belongs to one CPU: its descriptor tables, its view of the machine, its pending interrupts.
//!
//! There is one CPU today. More need a larger [`CPUS`], a way to ask which one runs (the task register), and
//! their own start; nothing else is shared but the kernel behind its lock.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use abi::Frame;
use abi::layout::{KERNEL_STACKS, PAGE_SIZE};
use kernel_core::Cpu;

use crate::x86::descriptors::Tables;
use crate::x86::features;
use crate::x86::hardware::Machine;

/// The number of the CPU that boots.
pub const BOOT: u32 = 0;

/// The per-CPU tables.
static CPUS: [Local; 1] = [Local::new()];

/// The CPU that this code runs on.
pub fn local() -> &'static Local {
    &CPUS[BOOT as usize]
}

/// One CPU's own.
pub struct Local {
    tables: UnsafeCell<Tables>,
    cpu: UnsafeCell<Cpu<Machine>>,
    /// Bit `n`: interrupt line `n` arrived while the CPU was idle.
    pending: AtomicU32,
    panicking: AtomicBool,
}

// SAFETY: `pending` and `panicking` are atomic. The cells are touched only by the CPU that they belong to,
// with interrupts off, and their accessors say how long a borrow may live.
unsafe impl Sync for Local {}

impl Local {
    const fn new() -> Self {
        Self {
            tables: UnsafeCell::new(Tables::new()),
            cpu: UnsafeCell::new(Cpu::new(Machine::new(BOOT), BOOT, Frame::from_number(0))),
            pending: AtomicU32::new(0),
            panicking: AtomicBool::new(false),
        }
    }

    /// The descriptor tables, which hardware reads and writes as well: by pointer only.
    pub const fn tables(&self) -> *mut Tables {
        self.tables.get()
    }

    /// Fills and loads the descriptor tables.
    pub fn load_descriptors(&self) {
        // SAFETY: the tables are in a static, belong to this CPU, and are written here once, before hardware
        // reads them.
        unsafe { Tables::load(self.tables()) }
    }

    /// Lets all traps from now on be recorded; at boot, with interrupts off.
    pub fn trace(&self) {
        // SAFETY: the tables belong to this CPU, on which the boot runs, and nothing borrows them.
        unsafe { Tables::trace(self.tables()) }
        features::trace_sysenter();
    }

    /// Puts the CPU's view of the machine in its place, at boot.
    ///
    /// # Safety
    /// As for [`Local::cpu`].
    #[expect(clippy::mut_from_ref, reason = "the caller proves that the borrow is the only one")]
    pub unsafe fn start(&self, cpu: Cpu<Machine>) -> &mut Cpu<Machine> {
        // SAFETY: the caller's promise.
        let place = unsafe { &mut *self.cpu.get() };
        *place = cpu;
        place
    }

    /// The CPU's view of the machine; before [`Local::start`], one that shows nothing.
    ///
    /// # Safety
    /// The caller runs on this CPU with interrupts off, and no other borrow is alive: each trap from a process
    /// and each turn of the idle loop borrows it once, at its start.
    #[expect(clippy::mut_from_ref, reason = "the caller proves that the borrow is the only one")]
    pub unsafe fn cpu(&self) -> &mut Cpu<Machine> {
        // SAFETY: the caller's promise.
        unsafe { &mut *self.cpu.get() }
    }

    /// Notes an interrupt that arrived while the CPU was idle.
    pub fn set_pending(&self, line: u32) {
        self.pending.fetch_or(1 << line, Ordering::Relaxed);
    }

    /// Takes the interrupts that arrived while the CPU was idle: bit `n` for line `n`.
    pub fn take_pending(&self) -> u32 {
        self.pending.swap(0, Ordering::Relaxed)
    }

    /// True the first time: a panic inside a panic must not start another.
    pub fn first_panic(&self) -> bool {
        !self.panicking.swap(true, Ordering::Relaxed)
    }
}

/// Pages from one CPU's stacks to the next one's: 64 KiB.
const STACK_STRIDE: u32 = 16 * PAGE_SIZE;

/// A stack of one CPU, in bytes: half-open, unmapped pages on both sides.
#[derive(Clone, Copy)]
pub struct Stack {
    /// Lowest address.
    pub start: u32,
    /// One past the highest address: where the stack begins.
    pub end: u32,
}

impl Stack {
    /// Where the kernel runs on CPU `number`: pages 1 to 8 of its 16.
    pub const fn kernel(number: u32) -> Self {
        Self::pages(number, 1, 9)
    }

    /// Where CPU `number` reports a double fault: pages 10 and 11 of its 16.
    pub const fn double_fault(number: u32) -> Self {
        Self::pages(number, 10, 12)
    }

    const fn pages(number: u32, first: u32, end: u32) -> Self {
        let base = KERNEL_STACKS + number * STACK_STRIDE;
        Self { start: base + first * PAGE_SIZE, end: base + end * PAGE_SIZE }
    }
}
