//! The kernel as one value, and how the address spaces of its processes are reached.
//!
//! The road not taken is a context for each trap that borrows the kernel and the CPU. Most
//! functions are not inlined, so the context's two references would lie in memory and each access
//! would load one of them: measured, 2 to 12 % more instructions a call, and 7 KiB of code.

use abi::ProcessId;
use abi::transaction::{LIST, Seen};

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
    /// Resume the process that has trapped: nothing has blocked it, and no other process has run. A
    /// call has returned: it does not restart.
    Return,
    /// Resume the process whose register area was set last.
    Run,
    /// No process is ready, and the memory of an ended process is being freed: take the pending
    /// interrupts, then call [`Kernel::idle`].
    TakeDown,
    /// No process is ready: wait for an interrupt.
    Idle,
    /// Power the machine off: the first process has ended, or no process can ever run again.
    PowerOff {
        /// The first process's exit status, or that of the JOS programs.
        status: u8,
    },
}

/// The kernel: its whole state, and the CPU that it runs on.
///
/// Everything that the kernel does is a method of this value, so this value is also the context
/// that each function gets. `H` is the real machine, or the model that tests run on.
pub struct Kernel<H> {
    /// The CPU. Nothing else uses it while the kernel runs.
    pub cpu: Cpu<H>,
    /// Physical memory.
    pub frames: Frames,
    pub(crate) processes: Processes,
    pub(crate) sleepers: Sleepers,
    pub(crate) console: ConsoleBuffer,
    pub(crate) dma: DmaPool,
    pub(crate) lines: InterruptLines,
    /// The first process: the machine powers off when the first process ends. On a machine without
    /// one (JOS programs), the machine powers off when no process can run any more.
    pub(crate) first: Option<Index>,
    /// The JOS programs that run in place of a first process.
    #[cfg(feature = "jos")]
    pub(crate) course: Course,
    /// The status with which the machine powers off, once that is decided.
    pub(crate) ended: Option<u8>,
    /// The frames that lost views show (`operations/view.rs`). `None` before boot has made them.
    pub(crate) empty_view: Option<EmptyView>,
    /// The current call is a second try: it found no frame the first time, and the pager has freed
    /// some since.
    pub(crate) second_try: bool,
    /// The list of the transaction that the current call makes.
    pub(crate) list: [Seen; LIST as usize],
    /// The last events, if the kernel's command line turned recording on.
    pub trace: Trace,
}

impl<H: Hardware> Kernel<H> {
    /// A kernel without memory and processes. It is all zero bytes if `cpu` is, so it lies in
    /// `.bss` and takes no room in the kernel image.
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
            list: [Seen::NONE; LIST as usize],
            trace: Trace::new(),
        }
    }

    /// The table that is mapped at UENVS: 31 pages.
    #[must_use]
    pub const fn process_info(&self) -> &ProcessInfoTable {
        self.processes.info()
    }

    /// The frames that lost views show. `None` before boot has made them.
    #[must_use]
    pub const fn empty_view(&self) -> Option<EmptyView> {
        self.empty_view
    }

    /// Sets frames aside for [`abi::Syscall::DmaAllocate`].
    ///
    /// `range` holds at most [`crate::state::dma::POOL`] frames, outside the ranges that `frames`
    /// manages.
    pub fn set_dma_pool(&mut self, range: FrameRange) {
        self.dma = DmaPool::new(range);
        self.dma.frames().for_each(|frame| self.frames.reserve(frame));
    }

    /// Whether the console device should hand over the next byte. If not, the byte stays in the
    /// device.
    #[must_use]
    pub const fn takes_input(&self) -> bool {
        self.console.takes_input()
    }

    /// The process table, read-only.
    #[must_use]
    pub const fn processes(&self) -> &Processes {
        &self.processes
    }

    /// Sets the id of the last process of a freed slot. A test of ids that are used again would
    /// otherwise have to make 524,287 processes in that slot.
    ///
    /// # Panics
    /// If the slot holds a process or was never used.
    pub fn forget_generations(&mut self, last: ProcessId) {
        self.processes.forget_generations(last);
    }

    /// What is needed to read and change the memory of the machine on this CPU.
    pub(crate) fn memory(&mut self) -> Memory<'_, H> {
        Memory { cpu: &mut self.cpu, frames: &mut self.frames, processes: &mut self.processes }
    }

    /// The space of a process: through the self map if its directory is loaded, otherwise through
    /// the alternate self map.
    pub(crate) fn space(&mut self, owner: Index) -> Space {
        if self.cpu.loaded == Some(owner) {
            Space::current(owner)
        } else {
            self.space_not_loaded(owner)
        }
    }

    /// The space of a process whose directory is not loaded, through the alternate self map.
    // Inlined: a fault that a pager handles takes 588 instructions in place of 630.
    #[inline(always)]
    pub(crate) fn space_not_loaded(&mut self, owner: Index) -> Space {
        debug_assert!(self.cpu.loaded != Some(owner));
        self.cpu.point_alternate(self.processes[owner].directory);
        Space::through(Reach::Alternate, owner)
    }

    /// The spaces of two processes, both usable at the same time.
    ///
    /// There is only one alternate self map. So if neither directory is loaded, the first space is
    /// reached through frame slots.
    pub(crate) fn spaces(&mut self, first: Index, second: Index) -> (Space, Space) {
        let neither_is_loaded = self.cpu.loaded != Some(first) && self.cpu.loaded != Some(second);
        if first != second && neither_is_loaded {
            let directory = self.processes[first].directory;
            let third = Space { owner: first, via: Via::FrameSlots, directory };
            return (third, self.space(second));
        }
        (self.space(first), self.space(second))
    }
}
