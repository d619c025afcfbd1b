//! Which process runs: queues, alarms, and what each decision takes down.

use super::decode::Raw;
use super::state::{Doing, Model, Next, R, Regs, SYSENTER, Slot};

impl Model {
    /// The last step of each trap.
    pub fn resume(&mut self) -> Next {
        if self.current.is_some() {
            return Next::Run;
        }
        if let Some(status) = self.ended {
            return Next::PowerOff(status);
        }
        if let Some(next) = self.ready.pop_front() {
            self.switch(next);
            self.slice();
            return Next::Run;
        }
        if self.slice() { Next::TakeDown } else { Next::Idle }
    }

    pub fn timer(&mut self) {
        self.wake_due();
        if !self.input.is_empty() {
            self.wake_reader();
        }
        if !self.ready.is_empty() || !self.dying.is_empty() {
            self.give_up_cpu();
        }
    }

    fn wake_due(&mut self) {
        loop {
            let due = |s: &Slot| self.procs[*s].alarm.is_some_and(|alarm| alarm <= self.now);
            let first = (0..self.procs.len()).filter(due).min_by_key(|s| self.procs[*s].alarm);
            let Some(s) = first else { return };
            self.procs[s].alarm = None;
            match self.procs[s].doing {
                Doing::Sleeping => self.make_ready(s),
                Doing::Sending(_, ask) | Doing::Answer(_, ask) => {
                    self.leave_queue(s);
                    self.fail_request(s, ask);
                }
                doing => self.broken.push(format!("an alarm wakes a process that is {doing:?}")),
            }
        }
    }

    pub fn wake_in(&mut self, s: Slot, milliseconds: u32) {
        self.procs[s].alarm = Some(self.now + u64::from(milliseconds) * 1000);
    }

    /// The process on the CPU goes to the end of the queue.
    pub fn give_up_cpu(&mut self) {
        if let Some(current) = self.current.take() {
            self.ready.push_back(current);
        }
    }

    /// A process gets the CPU.
    pub fn switch(&mut self, s: Slot) {
        self.current = Some(s);
        self.procs[s].runs = self.procs[s].runs.wrapping_add(1);
    }

    pub fn yield_cpu(&mut self, me: Slot) {
        if let Some(next) = self.ready.pop_front() {
            self.ready.push_back(me);
            self.switch(next);
        }
        self.slice();
    }

    pub fn block(&mut self, s: Slot, doing: Doing) {
        self.procs[s].doing = doing;
        if self.current == Some(s) {
            self.current = None;
        }
    }

    pub fn make_ready(&mut self, s: Slot) {
        self.procs[s].alarm = None;
        self.procs[s].doing = Doing::Ready;
        if !self.procs[s].stopped {
            self.ready.push_back(s);
        }
    }

    /// A process that is ready gets the CPU, if nobody has it.
    pub fn hand_over(&mut self, s: Slot) {
        if self.current.is_some() || self.procs[s].stopped {
            return self.make_ready(s);
        }
        self.procs[s].alarm = None;
        self.procs[s].doing = Doing::Ready;
        self.switch(s);
    }

    pub fn stop(&mut self, s: Slot) {
        if self.procs[s].stopped {
            return;
        }
        match self.procs[s].doing {
            Doing::Reading => {
                self.leave_queue(s);
                self.procs[s].doing = Doing::Ready;
            }
            Doing::Ready => self.leave_queue(s),
            _ => {}
        }
        self.procs[s].stopped = true;
    }

    pub fn start(&mut self, s: Slot) {
        if self.procs[s].stopped {
            self.procs[s].stopped = false;
            if self.procs[s].doing == Doing::Ready {
                self.make_ready(s);
            }
        }
    }

    /// Takes a process off the CPU, out of its queue, and cancels its alarm.
    pub fn leave_queue(&mut self, s: Slot) {
        self.procs[s].alarm = None;
        let queue = match self.procs[s].doing {
            Doing::Ready => {
                if self.current == Some(s) {
                    self.current = None;
                }
                &mut self.ready
            }
            Doing::Sending(to, _) => &mut self.procs[to].senders,
            Doing::Answer(by, _) | Doing::ReceivingFrom(by) => &mut self.procs[by].callers,
            Doing::Reading => &mut self.readers,
            _ => return,
        };
        queue.retain(|other| *other != s);
    }

    /// A call whose pager has freed frames is made again, before anything else.
    pub fn call_again(&mut self, s: Slot) {
        self.give_up_cpu();
        self.switch(s);
        self.second_try = true;
        self.enough = self.free >= self.procs[s].wanted;
        let raw = Raw::of(&self.procs[s].regs);
        let native = raw.number >= 32 || self.procs[s].regs.trap == SYSENTER;
        self.calling = raw.number;
        if native {
            self.again_native(s, &raw);
        } else {
            self.jos_call(s);
        }
        (self.second_try, self.enough) = (false, false);
        if self.current == Some(s) && self.procs[s].stopped {
            self.current = None;
        }
    }

    fn again_native(&mut self, s: Slot, raw: &Raw) {
        if self.was_made_again(s) {
            return;
        }
        let done: R = self.native(s, raw);
        if let Err(error) = done {
            self.refuse_again(s, error);
        }
    }

    /// The program sets its own registers.
    pub fn set_own(&mut self, s: Slot, regs: Regs) {
        self.procs[s].regs = regs;
    }
}
