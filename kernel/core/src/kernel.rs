//! The kernel: all it knows, and what it does when a trap brings it a process.

use abi::jos::VECTOR;
use abi::{Error, ProcessId, Registers};

use crate::cpu::Cpu;
use crate::hardware::{Hardware, Reach};
use crate::jos::course::Programs;
use crate::memory::space::{Memory, Space, Via};
use crate::operations::console::Console;
use crate::operations::driver::Lines;
use crate::operations::report::PAGE_FAULT;
use crate::operations::view::EmptyView;
use crate::state::dma::DmaPool;
use crate::state::frames::Frames;
use crate::state::process::Index;
use crate::state::process_table::{ProcessInfoTable, Processes};
use crate::state::sleepers::Sleepers;
use crate::state::trace::Trace;

/// What the CPU does next.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum After {
    /// Resume the process whose register area was set last.
    Run,
    /// Nobody is ready, and memory is being taken down: take the interrupts that have come, then call
    /// [`Kernel::idle`].
    TakeDown,
    /// Nobody is ready: wait for an interrupt.
    Idle,
    /// The first process has ended, or nothing will ever run again.
    PowerOff {
        /// The first process's exit status, or that of the JOS programs.
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
    /// The JOS programs that come instead of the first process.
    pub(crate) programs: Programs,
    /// Tell of processes as JOS does.
    pub(crate) report_as_jos: bool,
    /// The first process has ended with this status.
    pub(crate) ended: Option<u8>,
    pub(crate) empty_view: Option<EmptyView>,
    /// The call that is under way was made again, after a pager has freed frames for it.
    pub(crate) second_try: bool,
    /// That call is a range call, and goes on where its first try stopped.
    pub(crate) goes_on: bool,
    /// What has happened last, if the boot line has asked for it.
    pub trace: Trace,
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
            programs: Programs::NONE,
            report_as_jos: false,
            ended: None,
            empty_view: None,
            second_try: false,
            goes_on: false,
            trace: Trace::new(),
        }
    }

    /// The table to map at UENVS: 31 pages.
    #[must_use]
    pub const fn process_info(&self) -> &ProcessInfoTable {
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

    /// Says which id the last process of a freed slot had: for tests of what happens when ids come round, which takes
    /// 524,287 processes.
    ///
    /// # Panics
    /// If the slot is not a freed one.
    pub fn forget_generations(&mut self, last: ProcessId) {
        self.processes.forget_generations(last);
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

    /// A process has entered virtual-8086 mode, in which nothing of it can be relied on, its saved registers included: it
    /// ends as by a general protection fault.
    pub fn virtual_8086<H: Hardware>(&mut self, cpu: &mut Cpu<H>) -> After {
        if let Some(current) = cpu.current {
            self.die_of_virtual_8086(cpu, current);
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
            let via = Via::FrameSlots(self.processes[first].directory);
            return (Space { owner: first, via }, self.space(cpu, second));
        }
        (self.space(cpu, first), self.space(cpu, second))
    }

    /// Whether the current process's call has to wait for memory that is being taken down: fewer than `frames` are
    /// free, and a process is dying. One table of it has then been taken down, and the call restarts: its caller must
    /// return, with no register changed. So no call takes down more than one table.
    #[inline(always)]
    pub(crate) fn waits_for_room<H: Hardware>(
        &mut self,
        cpu: &mut Cpu<H>,
        caller: Index,
        frames: u32,
    ) -> bool {
        self.frames.free() < frames && self.take_down_and_restart(cpu, caller)
    }

    /// As [`Kernel::waits_for_room`], for `frames` that are to be charged to `owner`, and for the dying processes that
    /// its bounds count.
    #[inline(always)]
    pub(crate) fn waits_for_quota<H: Hardware>(
        &mut self,
        cpu: &mut Cpu<H>,
        caller: Index,
        owner: Index,
        frames: u32,
    ) -> bool {
        self.processes.is_bounded(owner) && self.bound_gives_way(cpu, caller, owner, frames)
    }

    #[cold]
    #[inline(never)]
    fn bound_gives_way<H: Hardware>(
        &mut self,
        cpu: &mut Cpu<H>,
        caller: Index,
        owner: Index,
        frames: u32,
    ) -> bool {
        self.processes.meets_bound_that_gives_way(owner, frames)
            && self.take_down_and_restart(cpu, caller)
    }

    /// As [`Kernel::waits_for_room`], for a call that has changed nothing and met a bound, or another `error`.
    #[cold]
    pub(crate) fn waits_for_bound<H: Hardware>(
        &mut self,
        cpu: &mut Cpu<H>,
        caller: Index,
        error: Error,
    ) -> bool {
        error == Error::QuotaExceeded
            && self.processes.met_bound_gives_way()
            && self.take_down_and_restart(cpu, caller)
    }

    /// Takes down one table and restarts the current process's call; `false` if no process is dying, or if the call is a
    /// range call that goes on in the middle: made from the start, it would meet what it has done itself.
    #[cold]
    #[inline(never)]
    pub(crate) fn take_down_and_restart<H: Hardware>(
        &mut self,
        cpu: &mut Cpu<H>,
        caller: Index,
    ) -> bool {
        let some = !self.goes_on && self.teardown_slice(cpu);
        if some {
            self.restart(caller);
        }
        some
    }
}

impl Default for Kernel {
    fn default() -> Self {
        Self::new()
    }
}
