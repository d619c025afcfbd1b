//! The scheduler: which process runs next.
//!
//! Ready processes run in turn (round robin) from one queue. A message can also hand the CPU
//! directly from its sender to its receiver, without that queue.
//!
//! A process that can run is on the CPU or in the queue `Ready`. A blocked process is in the queue
//! that its [`State`] names, and may have an alarm as well; `leave_queue` takes it out of both. A
//! *stopped* process keeps its state, but is in no queue of processes that can run.
//!
//! `resume` is the last step of each trap. If the current process goes on, no process is chosen.
//! Otherwise `choose` takes the first ready process and takes a step of a teardown.
//!
//! Not done: there are no priorities. There are two exceptions to the order: an interrupt puts its
//! receiver at the front of the queue (`Kernel::interrupt`), and the course machine chooses the
//! process in the lowest slot (`jos/course.rs`).

use abi::process_info::Status;

use crate::hardware::Hardware;
use crate::kernel::{After, Kernel};
use crate::state::fault::Unhandled;
use crate::state::process::{Index, State};
use crate::state::process_table::QueueName;

const LATE: Unhandled = Unhandled::Pager("its pager did not answer in time");

impl<H: Hardware> Kernel<H> {
    /// Handles a tick of the timer: wakes the processes whose alarms are due, and lets the next
    /// process run. Without a ready or a dying process, the current process goes on.
    pub fn timer(&mut self) -> After {
        self.wake_sleepers();
        self.console_tick();
        if self.processes.front(QueueName::Ready).is_some()
            || self.processes.front(QueueName::Dying).is_some()
        {
            self.give_up_cpu();
        }
        self.resume()
    }

    /// Handles the return of an idle CPU from its wait for an interrupt.
    pub fn idle(&mut self) -> After {
        self.resume()
    }

    /// Goes on with the current process, or else with the first ready one.
    ///
    /// Each choice of a process takes a step of a teardown (`lifecycle/teardown.rs`). An idle CPU
    /// takes all steps, and looks for interrupts after each. A machine without a first process (the
    /// course machine) ends when no process can run and none waits for time or input.
    pub(crate) fn resume(&mut self) -> After {
        if self.cpu.current.is_some() { After::Run } else { self.choose() }
    }

    /// The part of [`Kernel::resume`] without a current process.
    #[inline(never)]
    fn choose(&mut self) -> After {
        if let Some(status) = self.ended {
            return After::PowerOff { status };
        }
        if let Some(next) = self.processes.pop(QueueName::Ready) {
            self.switch(next);
            self.take_down_some();
            After::Run
        } else if self.teardown_slice() {
            After::TakeDown
        } else if self.first.is_some() || self.awaits_the_world() {
            After::Idle
        } else {
            self.nothing_can_run()
        }
    }

    /// Whether something outside can still make a process ready: an alarm is set, a process reads
    /// the console, or the console has an owner.
    fn awaits_the_world(&self) -> bool {
        !self.sleepers.is_empty()
            || self.processes.front(QueueName::Readers).is_some()
            || self.console.owner().is_some()
    }

    /// Lets the first ready process run, if there is one, and puts the current process at the end
    /// of the queue.
    // The inlined functions of this file: with them two yields take 232 instructions in place of
    // 260.
    #[inline(always)]
    pub(crate) fn yield_cpu(&mut self, current: Index) {
        if let Some(next) = self.processes.pop(QueueName::Ready) {
            self.processes.push(QueueName::Ready, current);
            self.processes.info_of(current).status = Status::Runnable as u32;
            self.switch_from(current, next);
        }
        self.take_down_some();
    }

    /// Takes a step of a teardown, if some process is dying.
    fn take_down_some(&mut self) {
        if self.processes.front(QueueName::Dying).is_some() {
            self.teardown_slice();
        }
    }

    /// Puts the current process at the end of the queue of ready processes. The CPU has no process
    /// then.
    pub(crate) fn give_up_cpu(&mut self) {
        if let Some(current) = self.cpu.current.take() {
            self.processes.push(QueueName::Ready, current);
            self.processes.info_of(current).status = Status::Runnable as u32;
        }
    }

    /// Makes `next`, which is in no queue, the current process, and loads its space unless that is
    /// loaded already.
    #[inline(always)]
    pub(crate) fn switch(&mut self, next: Index) {
        match self.cpu.loaded {
            Some(loaded) if loaded == next => self.set_current(next),
            Some(old) => self.switch_from(old, next),
            None => {
                self.load_more(next, true);
                self.load_space(next);
                self.set_current(next);
            }
        }
    }

    /// The part of [`Kernel::switch`] for a process whose space is not loaded, while that of `old`
    /// is.
    #[inline(always)]
    pub(crate) fn switch_from(&mut self, old: Index, next: Index) {
        debug_assert!(self.cpu.loaded == Some(old) && old != next);
        if self.processes[old].switches_more | self.processes[next].switches_more {
            self.switch_more(old, next);
        }
        self.load_space(next);
        self.set_current(next);
    }

    /// Switches the FPU and the I/O ports between two processes of which at least one has used the
    /// FPU or has ports.
    ///
    /// Between two that have never used the FPU, nothing is saved or loaded: the registers are
    /// clean, and the FPU is closed. So before a process runs, the registers are its own or the
    /// clean ones; another process's never stay in them, not even while the FPU is closed
    /// (CVE-2018-3665).
    #[cold]
    #[inline(never)]
    fn switch_more(&mut self, old: Index, next: Index) {
        let uses_fpu = self.processes[old].fpu.is_used();
        if uses_fpu {
            self.cpu.hardware.save_fpu(&mut self.processes[old].fpu);
        }
        self.load_more(next, uses_fpu);
    }

    /// Loads the FPU and the I/O ports of a process; `dirty` says that the FPU's registers are
    /// another process's, or unknown.
    fn load_more(&mut self, next: Index, dirty: bool) {
        let process = &self.processes[next];
        if process.fpu.is_used() {
            self.cpu.hardware.load_fpu(&process.fpu);
        } else if dirty {
            self.cpu.hardware.close_fpu();
        }
        if self.cpu.ports_open | self.processes[next].device.ports.any() {
            self.set_ports(next);
        }
    }

    /// Opens the FPU to the current process, which uses it for the first time. Returns `false` if
    /// the process has used it before.
    pub(crate) fn first_use_of_fpu(&mut self, current: Index) -> bool {
        let fpu = &mut self.processes[current].fpu;
        let first = !fpu.is_used();
        if first {
            fpu.set_used();
            self.processes[current].switches_more = true;
            self.cpu.hardware.open_fpu();
        }
        first
    }

    /// Loads a process's directory, and makes its slot the place where the next trap saves the
    /// registers.
    #[inline(always)]
    fn load_space(&mut self, next: Index) {
        self.cpu.load(self.processes[next].directory);
        self.cpu.hardware.set_register_area(&mut self.processes[next].registers);
        self.cpu.loaded = Some(next);
    }

    /// Notes that a process whose space is loaded has the CPU.
    fn set_current(&mut self, next: Index) {
        let info = self.processes.info_of(next);
        info.status = Status::Running as u32;
        info.runs = info.runs.wrapping_add(1);
        self.cpu.current = Some(next);
    }

    /// Blocks a process: sets the state that says what the process waits for, and takes the process
    /// off the CPU if it is the current one.
    pub(crate) fn block(&mut self, index: Index, state: State) {
        self.processes[index].state = state;
        self.processes.info_of(index).status = Status::NotRunnable as u32;
        if self.cpu.current == Some(index) {
            self.cpu.current = None;
        }
    }

    /// Ends a process's wait: cancels its alarm and puts it into the queue of ready processes,
    /// unless it is stopped. The process is in no queue.
    pub(crate) fn make_ready(&mut self, index: Index) {
        self.sleepers.remove(&mut self.processes, index);
        self.processes[index].state = State::Ready;
        if !self.processes[index].stopped {
            self.processes.push(QueueName::Ready, index);
            self.processes.info_of(index).status = Status::Runnable as u32;
        }
    }

    /// As [`Kernel::make_ready`], but if the CPU has no process, this process gets the CPU at once.
    pub(crate) fn hand_over(&mut self, index: Index) {
        if self.cpu.current.is_some() || self.processes[index].stopped {
            return self.make_ready(index);
        }
        self.sleepers.remove(&mut self.processes, index);
        self.processes[index].state = State::Ready;
        self.switch(index);
    }

    /// Stops a process. A blocked process stays blocked.
    ///
    /// A process that reads the console is the exception: its call was set back to the trap
    /// instruction when it blocked, and a stopped process must not use up the wake-up for a byte.
    /// So the process leaves the queue of readers, counts as ready, and reads again when it is
    /// started.
    pub(crate) fn stop(&mut self, index: Index) {
        if self.processes[index].stopped {
            return;
        }
        self.processes[index].stopped = true;
        if self.processes[index].state == State::Reading {
            self.processes.remove(QueueName::Readers, index);
            self.processes[index].state = State::Ready;
            return;
        }
        if self.processes[index].state != State::Ready {
            return;
        }
        if self.cpu.current == Some(index) {
            self.cpu.current = None;
        } else {
            self.processes.remove(QueueName::Ready, index);
        }
        self.processes.info_of(index).status = Status::NotRunnable as u32;
    }

    /// Starts a stopped process. A blocked process stays blocked.
    pub(crate) fn start(&mut self, index: Index) {
        if self.processes[index].stopped {
            self.processes[index].stopped = false;
            if self.processes[index].state == State::Ready {
                self.make_ready(index);
            }
        }
    }

    /// Takes a process off the CPU or out of its queue, and cancels its alarm. Called before its
    /// state changes, because the state names the queue.
    pub(crate) fn leave_queue(&mut self, index: Index) {
        self.sleepers.remove(&mut self.processes, index);
        match self.processes[index].state {
            State::Ready => {
                if self.cpu.current == Some(index) {
                    self.cpu.current = None;
                } else if !self.processes[index].stopped {
                    self.processes.remove(QueueName::Ready, index);
                }
            }
            State::Sending { to, .. } => self.processes.remove(QueueName::Senders(to), index),
            State::Answer { by, .. } => self.processes.remove(QueueName::Callers(by), index),
            State::ReceivingFrom { from } => self.processes.remove(QueueName::Callers(from), index),
            State::Reading => self.processes.remove(QueueName::Readers, index),
            State::Dying => self.processes.remove(QueueName::Dying, index),
            State::Free
            | State::Receiving
            | State::ReceivingInterrupt
            | State::ReceivingExit { .. }
            | State::JosReceiving
            | State::Sleeping
            | State::Waiting { .. }
            | State::Ended => {}
        }
    }

    /// Blocks a process for this number of milliseconds.
    pub(crate) fn sleep(&mut self, index: Index, milliseconds: u32) {
        self.block(index, State::Sleeping);
        self.wake_in(index, milliseconds);
    }

    /// Sets an alarm for a blocked process, this number of milliseconds from now.
    pub(crate) fn wake_in(&mut self, index: Index, milliseconds: u32) {
        let wake = self.cpu.hardware.now() + u64::from(milliseconds) * 1000;
        self.sleepers.insert(&mut self.processes, index, wake);
    }

    /// Handles the alarms that are due: a sleeping process wakes, and a request to a pager that has
    /// had no reply in time fails.
    fn wake_sleepers(&mut self) {
        if self.sleepers.is_empty() {
            return;
        }
        let now = self.cpu.hardware.now();
        while let Some(index) = self.sleepers.pop_due(&mut self.processes, now) {
            match self.processes[index].state {
                State::Sleeping => self.make_ready(index),
                State::Sending { pending_request, .. } | State::Answer { pending_request, .. } => {
                    self.leave_queue(index);
                    self.fail_request(index, pending_request, LATE);
                }
                state => unreachable!("{state:?} has no alarm"),
            }
        }
    }
}
