//! The calls about processes: their beginning and end, quotas, handlers and pagers, and what the
//! kernel returns about them.
//!
//! `child`, `self_or_child`, `descendant` and `memory_of` check that the caller may name the
//! process. Their error is `NoSuchProcess`.

use abi::message::Reason;
use abi::process::Target;
use abi::{Error, Frame, ProcessId};

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::state::account::Quota;
use crate::state::process::{Index, State};

/// How many frame numbers there are: those of the frames below 4 GiB.
const FRAME_NUMBERS: u32 = 1 << 20;

impl<H: Hardware> Kernel<H> {
    /// Returns the ids of the caller, its parent and its pager.
    pub(crate) fn identity(&mut self, caller: Index, sysenter: bool) -> Result<(), Error> {
        let info = self.processes.info_of(caller);
        let (own, parent) = (info.id, info.parent);
        let pager = self.processes[caller].paging.pager.map_or(0, ProcessId::bits);
        self.processes[caller].set_three_words_of(sysenter, [own, parent, pager]);
        Ok(())
    }

    /// Makes a stopped child. With `copy`, the child gets the caller's registers and FPU state.
    ///
    /// # Errors
    /// As `create`. Before an error is returned for lack of a slot or a frame, the call waits for
    /// dying processes that will free one.
    pub(crate) fn process_create(&mut self, caller: Index, copy: bool) -> Result<(), Error> {
        // Everything that may restart the call comes before the child is created.
        let waits_for_slot = !self.processes.has_room() && self.a_slot_comes_back();
        if self.waits_for_room(caller, 1) || waits_for_slot && self.take_down_and_restart(caller) {
            return Ok(());
        }
        let child = self.create(Some(caller), true)?;
        if copy {
            self.copy_registers(caller, child);
            self.processes[child].registers.eax = 0;
            self.processes[child].registers.ebx = 0;
        }
        let id = self.processes[child].process_id().bits();
        self.answer(caller, id)
    }

    /// Starts a child: it runs when it is ready.
    pub(crate) fn process_start(&mut self, caller: Index, child: Target) -> Result<(), Error> {
        let child = self.child(caller, child)?;
        self.start(child);
        self.succeed(caller)
    }

    /// Stops a child: it does not run, whatever its state, until it is started.
    pub(crate) fn process_stop(&mut self, caller: Index, child: Target) -> Result<(), Error> {
        let child = self.child(caller, child)?;
        self.stop(child);
        self.succeed(caller)
    }

    /// Ends the caller with this exit status.
    pub(crate) fn exit(&mut self, caller: Index, status: u32) -> Result<(), Error> {
        self.end(caller, status, Reason::Exited);
        Ok(())
    }

    /// Ends the caller or a descendant. With `subtree`, all descendants of that process end first,
    /// a bounded number in each call: the call restarts until none is left.
    ///
    /// The end of a descendant also ends the processes that wait for it as their pager, and the
    /// root may be one of them. If the root ended that way, its remaining children would become
    /// children of its parent, and the call would miss them. So the root first stops waiting for
    /// anything, and is stopped.
    pub(crate) fn destroy(
        &mut self,
        caller: Index,
        process: Target,
        subtree: bool,
    ) -> Result<(), Error> {
        let index = self.descendant(caller, process)?;
        if subtree {
            if index != caller {
                self.leave_queue(index);
                self.block(index, State::Ready);
                self.processes[index].stopped = true;
            }
            if !self.end_descendants(index) {
                self.restart(caller);
                return Ok(());
            }
        }
        self.end(index, 0, Reason::Destroyed);
        if index == caller { Ok(()) } else { self.succeed(caller) }
    }

    /// Sets the quota of a child and its descendants.
    ///
    /// # Errors
    /// As `Processes::set_quota`.
    pub(crate) fn set_quota(
        &mut self,
        caller: Index,
        child: Target,
        quota: Quota,
    ) -> Result<(), Error> {
        let child = self.child(caller, child)?;
        self.processes.set_quota(child, quota)?;
        self.succeed(caller)
    }

    /// Returns what a process and its descendants use, and the quota.
    pub(crate) fn usage(&mut self, caller: Index, process: Target) -> Result<(), Error> {
        let index = self.memory_of(caller, process)?;
        let (used, bound) = self.processes.usage(index);
        self.answer_all(caller, [used.frames, bound.frames, used.processes, bound.processes])
    }

    /// Returns how many frames there are, how many are free, how many processes there are, and how
    /// often the TLB was flushed: single pages in the low half of the word, all pages in the high
    /// half.
    pub(crate) fn machine(&mut self, caller: Index) -> Result<(), Error> {
        let flushes = self.cpu.flushes.pages & 0xFFFF | self.cpu.flushes.all << 16;
        let (total, free) = (self.frames.total(), self.frames.free());
        self.answer_all(caller, [total, free, self.processes.live(), flushes])
    }

    /// Returns how many mappings a frame has.
    ///
    /// # Errors
    /// `NotMapped`: the number is 2^20 (4 GiB) or more, or the frame is not RAM that the kernel
    /// manages.
    pub(crate) fn frame_references(&mut self, caller: Index, number: u32) -> Result<(), Error> {
        let known = number < FRAME_NUMBERS;
        let count = known.then(|| self.frames.count(Frame::from_number(number))).flatten();
        self.answer(caller, count.ok_or(Error::NotMapped)?)
    }

    /// Sets the fault handler of the caller or of a child; 0 for none.
    pub(crate) fn set_handler(
        &mut self,
        caller: Index,
        process: Target,
        handler: u32,
    ) -> Result<(), Error> {
        let index = self.self_or_child(caller, process)?;
        self.processes[index].paging.handler = handler;
        // UENVS shows only a handler that a JOS call has set. This call replaces it.
        self.processes.info_of(index).handler = 0;
        self.succeed(caller)
    }

    /// Sets whether every process may name the caller as a pager.
    pub(crate) fn accept_clients(&mut self, caller: Index, accept: bool) -> Result<(), Error> {
        self.processes[caller].paging.accepts_clients = accept;
        self.succeed(caller)
    }

    /// Sets whether the caller, as a pager, gets its clients' requests for frames.
    pub(crate) fn accept_frame_requests(
        &mut self,
        caller: Index,
        accept: bool,
    ) -> Result<(), Error> {
        self.processes[caller].paging.frees_frames = accept;
        self.succeed(caller)
    }

    /// Sets how long a child's pager may take for a reply, in milliseconds; 0 for no limit.
    pub(crate) fn set_fault_timeout(
        &mut self,
        caller: Index,
        child: Target,
        milliseconds: u32,
    ) -> Result<(), Error> {
        let child = self.child(caller, child)?;
        self.processes[child].paging.fault_timeout = milliseconds;
        self.succeed(caller)
    }

    /// Returns the microseconds since boot, in two words, the low one first.
    pub(crate) fn clock(&mut self, caller: Index) -> Result<(), Error> {
        let now = self.cpu.hardware.now();
        self.answer_all(caller, [now as u32, (now >> 32) as u32, 0, 0])
    }

    /// Gives the CPU to the next ready process.
    // Inlined: two yields take 232 instructions in place of 256.
    #[inline(always)]
    pub(crate) fn yield_call(&mut self, caller: Index) -> Result<(), Error> {
        self.processes[caller].registers.eax = 0;
        self.yield_cpu(caller);
        Ok(())
    }

    /// Blocks the caller for so many milliseconds.
    pub(crate) fn sleep_call(&mut self, caller: Index, milliseconds: u32) -> Result<(), Error> {
        self.processes[caller].registers.eax = 0;
        self.sleep(caller, milliseconds);
        Ok(())
    }
}
