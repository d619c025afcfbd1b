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
use abi::fault::BREAKPOINT;
use abi::jos::Numbering;

use crate::hardware::Hardware;
use crate::kernel::{After, Kernel};
use crate::state::process::Index;
use crate::state::process_table::QueueName;

/// The slot of the first program.
const FIRST: Index = Index::new(0);

impl<H: Hardware> Kernel<H> {
    /// Does the machine run JOS programs instead of `init`?
    pub(crate) const fn is_course(&self) -> bool {
        self.first.is_none()
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
        self.course.reports && self.may_be_lab_3() && !self.processes[FIRST].is_alive()
    }

    /// A process of a course machine has ended.
    #[cold]
    #[inline(never)]
    pub(crate) fn course_process_ended(&mut self, index: Index) {
        let (slot, status) = (index.slot(), self.processes[index].exit.status as u8);
        // A program is the first process in its slot; what comes later in the slot is somebody's child.
        let is_program = slot < self.course.count
            && self.processes[index].process_id() == ProcessId::first(slot as u32);
        let is_earlier = self.course.status == 0 || slot < self.course.failed;
        if is_program && status != 0 && is_earlier {
            (self.course.failed, self.course.status) = (slot, status);
        }
        if self.cpu.current.is_none() {
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
            next = self.processes[index].links.next;
        }
        if let Some(lowest) = lowest {
            self.processes.remove(QueueName::Ready, lowest);
            self.processes.push_front(QueueName::Ready, lowest);
        }
    }

    /// The current process has met an exception. JOS's monitor stops the machine at a breakpoint, and the process with it.
    /// `false`: this is another exception, or the machine does not report as JOS does.
    pub(crate) fn jos_exception(&mut self, index: Index, vector: u32) -> bool {
        let stops = vector == BREAKPOINT && self.course.reports && self.is_course();
        if stops {
            self.report_breakpoint(index);
            self.give_up_cpu();
            self.ended = Some(0);
        }
        stops
    }

    /// No process can run any more, and none waits for time or input: a course machine ends.
    pub(crate) fn nothing_can_run(&mut self) -> After {
        self.report_nothing_to_run();
        let course = &self.course;
        After::PowerOff { status: if course.reports { 0 } else { course.status } }
    }
}
