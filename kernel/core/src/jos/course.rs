//! What is different on a machine that runs JOS programs instead of `init`.
//!
//! The command line names the programs (`elf=`), and each is a process without a parent in the first slots. Three
//! questions are answered here:
//! - With which status does the machine end? Without `jos` on the command line: that of the first program, in the order
//!   of the command line, whose status is not 0. With `jos` it is 0, as JOS has no status.
//! - Which of JOS's lines belong to the run? Lab 3's kernel knows one process and prints a line for each trap; later
//!   labs do not. A program does not say from which lab it is unless it is started with `abi=`. So a program without
//!   `abi=` gets lab 3's lines as long as the machine has had no second process, and only for traps that end it. With
//!   `abi=lab3` each call gets its line as well.
//! - Who runs after a process has ended? In JOS the search begins at slot 0 then.
//!
//! Not done here: JOS's order of slots in general. The queue is first in, first out.

use abi::ProcessId;
use abi::jos::Numbering;

use crate::cpu::Cpu;
use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::state::process::Index;
use crate::state::process_table::QueueName;

/// The breakpoint vector, which `int3` raises.
const BREAKPOINT: u32 = 3;
/// The slot of the first program.
const FIRST: Index = Index::new(0);

/// The programs that the command line names, and the first of them that failed. All zero bytes at the beginning.
pub(crate) struct Programs {
    /// They are in the slots below this one.
    count: usize,
    /// The slot of the first that ended with another status than 0. It means nothing while `status` is 0.
    failed: usize,
    /// The status of that program; 0 while there is none.
    status: u8,
}

impl Programs {
    /// No programs.
    pub(crate) const NONE: Self = Self { count: 0, failed: 0, status: 0 };
}

impl Kernel {
    /// Does the machine run JOS programs instead of `init`?
    pub(crate) const fn is_course(&self) -> bool {
        self.first.is_none()
    }

    /// A program of the command line has been made.
    pub(crate) const fn count_program(&mut self) {
        self.programs.count += 1;
    }

    /// Is the first program one of lab 3, by its `abi=`?
    pub(crate) fn is_lab_3(&self) -> bool {
        self.is_course() && self.processes[FIRST].numbering == Numbering::Lab3
    }

    /// May the machine be one of lab 3? It has one process, has never had another, and nothing says that the program is
    /// of another lab.
    pub(crate) fn may_be_lab_3(&self) -> bool {
        let numbering = self.processes[FIRST].numbering;
        self.is_course()
            && self.processes.slots_used() == 1
            && matches!(numbering, Numbering::Lab3 | Numbering::Lab5)
    }

    /// Has the only process of a machine that may be one of lab 3 ended, in a run that is told as JOS tells it?
    pub(crate) fn only_process_has_ended(&self) -> bool {
        self.report_as_jos && self.may_be_lab_3() && !self.processes[FIRST].is_alive()
    }

    /// With which status the machine ends when nothing can run any more.
    pub(crate) const fn course_status(&self) -> u8 {
        if self.report_as_jos { 0 } else { self.programs.status }
    }

    /// A process of a course machine has ended.
    #[cold]
    #[inline(never)]
    pub(crate) fn end_of_course_process<H: Hardware>(&mut self, cpu: &Cpu<H>, index: Index) {
        let (slot, status) = (index.slot(), self.processes[index].status as u8);
        // A program is the first process in its slot; what comes later in the slot is somebody's child.
        let is_program = slot < self.programs.count
            && self.processes[index].name() == ProcessId::first(slot as u32);
        let is_earlier = self.programs.status == 0 || slot < self.programs.failed;
        if is_program && status != 0 && is_earlier {
            (self.programs.failed, self.programs.status) = (slot, status);
        }
        if cpu.current.is_none() {
            self.lowest_slot_first();
        }
    }

    /// Of the processes that are ready, the one in the lowest slot runs next.
    fn lowest_slot_first(&mut self) {
        let mut next = self.processes.front(QueueName::Ready);
        let mut lowest = next;
        while let Some(index) = next {
            if lowest.is_some_and(|lowest| index.slot() < lowest.slot()) {
                lowest = next;
            }
            next = self.processes[index].next;
        }
        if let Some(lowest) = lowest {
            self.processes.remove(QueueName::Ready, lowest);
            self.processes.push_front(QueueName::Ready, lowest);
        }
    }

    /// Does this exception stop the machine, as it does in JOS, instead of ending the process?
    pub(crate) const fn stops_in_monitor(&self, vector: u32) -> bool {
        vector == BREAKPOINT && self.report_as_jos && self.is_course()
    }

    /// The current process has met a breakpoint: the machine ends, and the process with it.
    #[cold]
    pub(crate) fn stop_in_monitor<H: Hardware>(&mut self, cpu: &mut Cpu<H>, index: Index) {
        self.report_breakpoint(cpu, index);
        self.give_up_cpu(cpu);
        self.ended = Some(0);
    }
}
