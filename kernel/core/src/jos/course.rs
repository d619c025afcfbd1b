//! What is different on a course machine: one that runs JOS programs instead of `init`.
//!
//! The command line names the programs (`elf=`), and each is a process without a parent, in the
//! first slots. This file answers three questions:
//! - With which status does the machine power off? Without `jos` on the command line: with the
//!   status of the first program, in the order of the command line, whose status is not 0. With
//!   `jos` the status is 0, because JOS has no exit status.
//! - Which of JOS's lines does the console show? Lab 3's kernel has one process and prints a line
//!   for each trap; later labs do not. The kernel cannot see from a program which lab it is from,
//!   unless the program is started with `abi=`. So a program without `abi=` gets lab 3's lines
//!   while the machine has had no second process, and only for traps that end it. With `abi=lab3`
//!   each call gets its line as well.
//! - Which process runs after a process has ended? In JOS the search for a ready process then
//!   begins at slot 0.
//!
//! Not done here: JOS's order of processes in general. The ready queue is first in, first out.

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
    /// Whether the machine runs JOS programs instead of `init`.
    pub(crate) const fn is_course(&self) -> bool {
        self.first.is_none()
    }

    /// Whether the first program is from lab 3, according to its `abi=`.
    pub(crate) fn is_lab_3(&self) -> bool {
        self.is_course() && self.processes[FIRST].numbering == Numbering::Lab3
    }

    /// Whether the first program may be from lab 3: the machine has had no other process, and
    /// `abi=` names no other lab.
    pub(crate) fn may_be_lab_3(&self) -> bool {
        let numbering = self.processes[FIRST].numbering;
        self.is_course()
            && self.processes.slots_used() == 1
            && matches!(numbering, Numbering::Lab3 | Numbering::Lab5)
    }

    /// Whether the machine reports as JOS does, its program may be from lab 3, and that program has
    /// ended.
    pub(crate) fn only_process_has_ended(&self) -> bool {
        self.course.reports && self.may_be_lab_3() && !self.processes[FIRST].is_alive()
    }

    /// Handles the end of a process on a course machine: records the status of a program that
    /// failed, and chooses the process that runs next.
    pub(crate) fn course_process_ended(&mut self, index: Index) {
        let (slot, status) = (index.slot(), self.processes[index].exit.status as u8);
        // A program is the first process in its slot. Later processes in the slot are children,
        // whose status does not count.
        let is_program = self.processes[index].process_id() == ProcessId::first(slot as u32);
        if slot < self.course.deciding && is_program && status != 0 {
            (self.course.deciding, self.course.status) = (slot, status);
        }
        if self.cpu.current.is_none() {
            self.lowest_slot_first();
        }
    }

    /// Moves the ready process in the lowest slot to the front of the ready queue.
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

    /// Handles an exception of the current process where JOS's kernel would enter its monitor: a
    /// breakpoint, on a machine that reports as JOS does, stops the machine.
    ///
    /// Returns whether it did. `false`: the exception is handled as on any machine.
    pub(crate) fn jos_exception(&mut self, index: Index, vector: u32) -> bool {
        let stops = vector == BREAKPOINT && self.course.reports && self.is_course();
        if stops {
            self.report_breakpoint(index);
            self.give_up_cpu();
            self.ended = Some(0);
        }
        stops
    }

    /// What a course machine does when no process can run and none waits for time or input: it
    /// powers off.
    pub(crate) fn nothing_can_run(&mut self) -> After {
        self.report_nothing_to_run();
        let course = &self.course;
        After::PowerOff { status: if course.reports { 0 } else { course.status } }
    }
}
