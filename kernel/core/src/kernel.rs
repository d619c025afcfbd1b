//! The kernel as one value, and how the spaces of its processes are reached.
//!
//! The road not taken is a context for each trap that borrows the kernel and the CPU. Its two references lie in memory,
//! because most functions are not inlined, and each access went through them: 2 to 12 % more instructions a call, and
//! 7 KiB of code.

use abi::ProcessId;

use crate::cpu::Cpu;
use crate::hardware::{Hardware, Reach};
use crate::memory::space::{Memory, Space, Via};
use crate::state::console_buffer::ConsoleBuffer;
#[cfg(feature = "jos")]
use crate::state::course::Course;
use crate::state::dma::DmaPool;
use crate::state::empty_view::EmptyView;
use crate::state::frames::{FrameRange, Frames};
use crate::state::interrupt_lines::InterruptLines;
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

/// The kernel: all it knows, and the CPU that it runs on. All that the kernel does is a method of this value, so it is
/// also the context that each of its functions gets. `H` is the real machine, or the model that tests run on.
pub struct Kernel<H> {
    /// The CPU, which belongs to nobody else while the kernel runs.
    pub cpu: Cpu<H>,
    /// Physical memory.
    pub frames: Frames,
    pub(crate) processes: Processes,
    pub(crate) sleepers: Sleepers,
    pub(crate) console: ConsoleBuffer,
    pub(crate) dma: DmaPool,
    pub(crate) lines: InterruptLines,
    /// The first process: the machine ends with it. Without one, it ends when nothing can run any more.
    pub(crate) first: Option<Index>,
    /// The JOS programs that come instead of the first process.
    #[cfg(feature = "jos")]
    pub(crate) course: Course,
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

impl<H: Hardware> Kernel<H> {
    /// A kernel without memory and processes: all zero bytes, if `cpu` is, so that the kernel's image need not hold them.
    #[must_use]
    pub const fn new(cpu: Cpu<H>) -> Self {
        Self {
            cpu,
            frames: Frames::none(),
            processes: Processes::new(),
            sleepers: Sleepers::new(),
            console: ConsoleBuffer::new(),
            dma: DmaPool::none(),
            lines: InterruptLines::new(),
            first: None,
            #[cfg(feature = "jos")]
            course: Course::NONE,
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
        self.processes.info()
    }

    /// What lost views show; made when the first process is.
    #[must_use]
    pub const fn empty_view(&self) -> Option<EmptyView> {
        self.empty_view
    }

    /// Sets frames aside for [`abi::Syscall::DmaAllocate`]: at most [`crate::state::dma::POOL`], outside the ranges that `frames` knows.
    pub fn set_dma_pool(&mut self, range: FrameRange) {
        self.dma = DmaPool::new(range);
        self.dma.frames().for_each(|frame| self.frames.reserve(frame));
    }

    /// May the device hand over a byte, or shall it keep what it has?
    #[must_use]
    pub const fn takes_input(&self) -> bool {
        self.console.takes_input()
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

    /// The memory of the machine, to be changed on this CPU.
    pub(crate) fn memory(&mut self) -> Memory<'_, H> {
        Memory { cpu: &mut self.cpu, frames: &mut self.frames, processes: &mut self.processes }
    }

    /// The space of a process that is not loaded.
    #[inline(always)]
    pub(crate) fn space_not_loaded(&mut self, owner: Index) -> Space {
        debug_assert!(self.cpu.loaded != Some(owner));
        self.cpu.point_alternate(self.processes[owner].directory);
        Space { owner, via: Via::Map(Reach::Alternate) }
    }

    /// The space of a process: through the self map if it is loaded, else through the alternate one.
    pub(crate) fn space(&mut self, owner: Index) -> Space {
        if self.cpu.loaded == Some(owner) {
            return Space { owner, via: Via::Map(Reach::Current) };
        }
        self.cpu.point_alternate(self.processes[owner].directory);
        Space { owner, via: Via::Map(Reach::Alternate) }
    }

    /// Two spaces at once; where neither is loaded, the first is reached through windows.
    pub(crate) fn spaces(&mut self, first: Index, second: Index) -> (Space, Space) {
        let neither_is_loaded = self.cpu.loaded != Some(first) && self.cpu.loaded != Some(second);
        if first != second && neither_is_loaded {
            let via = Via::FrameSlots(self.processes[first].directory);
            return (Space { owner: first, via }, self.space(second));
        }
        (self.space(first), self.space(second))
    }
}
