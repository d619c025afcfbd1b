//! The kernel: all it knows, and what it does when a trap brings it a process.

use abi::Registers;
use abi::jos::VECTOR;

use crate::console::Console;
use crate::cpu::Cpu;
use crate::dma::DmaPool;
use crate::driver::Lines;
use crate::frames::Frames;
use crate::hardware::{Hardware, Reach};
use crate::process::Index;
use crate::report::PAGE_FAULT;
use crate::sleepers::Sleepers;
use crate::space::{Memory, Space, Via};
use crate::table::{Processes, PublicFacts};
use crate::view::EmptyView;

/// What the CPU does next.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum After {
    /// Resume the process whose register area was set last.
    Run,
    /// Nobody is ready: wait for an interrupt.
    Idle,
    /// The first process has ended, or nothing will ever run again.
    PowerOff {
        /// The first process's exit status, or 0.
        status: u8,
    },
}

/// All the kernel's state that is not a CPU's.
pub struct Kernel {
    /// Physical memory.
    pub frames: Frames,
    pub(crate) processes: Processes,
    pub(crate) sleepers: Sleepers,
    pub(crate) console: Console,
    pub(crate) dma: DmaPool,
    pub(crate) lines: Lines,
    /// The first process: the machine ends with it. Without one, it ends when nothing can run any more.
    pub(crate) first: Option<Index>,
    /// Tell of processes as JOS does.
    pub(crate) report_as_jos: bool,
    /// The first process has ended with this status.
    pub(crate) ended: Option<u8>,
    pub(crate) empty_view: Option<EmptyView>,
    /// The call that is under way was made again, after a pager has freed frames for it.
    pub(crate) second_try: bool,
}

impl Kernel {
    /// A kernel without memory and processes: all zero bytes.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            frames: Frames::none(),
            processes: Processes::new(),
            sleepers: Sleepers::new(),
            console: Console::new(),
            dma: DmaPool::none(),
            lines: Lines::new(),
            first: None,
            report_as_jos: false,
            ended: None,
            empty_view: None,
            second_try: false,
        }
    }

    /// The table to map at UENVS: 31 pages.
    #[must_use]
    pub const fn public_facts(&self) -> &PublicFacts {
        self.processes.facts()
    }

    /// What lost views show; made when the first process is.
    #[must_use]
    pub const fn empty_view(&self) -> Option<EmptyView> {
        self.empty_view
    }

    /// The process table, to look at.
    #[must_use]
    pub const fn processes(&self) -> &Processes {
        &self.processes
    }

    /// A process has trapped: a call, a page fault, or another exception. Its saved registers say which.
    pub fn trap<H: Hardware>(&mut self, cpu: &mut Cpu<H>) -> After {
        let Some(current) = cpu.current else { return self.resume(cpu) };
        match self.processes[current].registers.trap {
            VECTOR => self.call(cpu),
            Registers::SYSENTER => self.call_by_sysenter(cpu),
            PAGE_FAULT => self.fault(cpu),
            vector => {
                self.exception(cpu, current, vector);
                self.resume(cpu)
            }
        }
    }

    /// A process has made a call by `int 0x30`.
    #[inline(always)]
    pub fn call<H: Hardware>(&mut self, cpu: &mut Cpu<H>) -> After {
        if let Some(caller) = cpu.current {
            self.native_call::<H, false>(cpu, caller);
        }
        self.resume(cpu)
    }

    /// A process has made a call by `sysenter`: a native one.
    #[inline(always)]
    pub fn call_by_sysenter<H: Hardware>(&mut self, cpu: &mut Cpu<H>) -> After {
        if let Some(caller) = cpu.current {
            self.native_call::<H, true>(cpu, caller);
        }
        self.resume(cpu)
    }

    /// A process has met a page fault.
    #[inline(always)]
    pub fn fault<H: Hardware>(&mut self, cpu: &mut Cpu<H>) -> After {
        if let Some(current) = cpu.current {
            self.page_fault(cpu, current);
        }
        self.resume(cpu)
    }

    /// The memory of the machine, to be changed on this CPU.
    pub(crate) fn memory<'k, H: Hardware>(&'k mut self, cpu: &'k mut Cpu<H>) -> Memory<'k, H> {
        Memory { cpu, frames: &mut self.frames, processes: &mut self.processes }
    }

    /// The space of a process that is not loaded.
    #[inline(always)]
    pub(crate) fn space_apart<H: Hardware>(&self, cpu: &mut Cpu<H>, owner: Index) -> Space {
        debug_assert!(cpu.loaded != Some(owner));
        cpu.point_alternate(self.processes[owner].directory);
        Space { owner, via: Via::Map(Reach::Alternate) }
    }

    /// The space of a process: through the self map if it is loaded, else through the alternate one.
    pub(crate) fn space<H: Hardware>(&self, cpu: &mut Cpu<H>, owner: Index) -> Space {
        if cpu.loaded == Some(owner) {
            return Space { owner, via: Via::Map(Reach::Current) };
        }
        cpu.point_alternate(self.processes[owner].directory);
        Space { owner, via: Via::Map(Reach::Alternate) }
    }

    /// Two spaces at once; where neither is loaded, the first is reached through windows.
    pub(crate) fn spaces<H: Hardware>(
        &self,
        cpu: &mut Cpu<H>,
        first: Index,
        second: Index,
    ) -> (Space, Space) {
        let neither_is_loaded = cpu.loaded != Some(first) && cpu.loaded != Some(second);
        if first != second && neither_is_loaded {
            let via = Via::Windows(self.processes[first].directory);
            return (Space { owner: first, via }, self.space(cpu, second));
        }
        (self.space(cpu, first), self.space(cpu, second))
    }

    /// Finishes pending teardowns if fewer than `frames` are free.
    #[inline(always)]
    pub(crate) fn make_room<H: Hardware>(&mut self, cpu: &mut Cpu<H>, frames: u32) {
        if self.frames.free() < frames {
            self.finish_teardowns(cpu, frames);
        }
    }

    #[cold]
    fn finish_teardowns<H: Hardware>(&mut self, cpu: &mut Cpu<H>, frames: u32) {
        while self.frames.free() < frames && self.teardown_slice(cpu) {}
    }
}

impl Default for Kernel {
    fn default() -> Self {
        Self::new()
    }
}
