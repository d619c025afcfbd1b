//! What happens to a call that finds no free frame: its caller's pager is asked for frames, and the
//! call is made again.
//!
//! A process needs memory not only when it faults. `page_allocate`, `range_share`,
//! `process_create` and others take frames as well, and a pager that gets faults alone learns
//! nothing of them. So before a call returns `OutOfFrames`:
//!
//! 1. The call fails. It has changed nothing, or, if it is a range call, only the pages that it has
//!    walked. Its caller's argument registers are as they were.
//! 2. The caller's pager gets a message of kind *frames*, if it accepts such requests and does not
//!    wait for the caller. The caller is blocked, as by a fault. The pager of the call's target is
//!    never asked, with one exception: if the receiver of a message has no table for the page, the
//!    receiver's pager is asked, because that table is charged to the receiver.
//! 3. The pager frees frames and replies as to a fault. The kernel then makes the call a second
//!    time, from the same registers and before any process runs, so no other process can take the
//!    frames. A range call goes on where it stopped.
//! 4. If the second try finds no frame either, the call returns `OutOfFrames`. So it does if the
//!    pager refuses, ends, or is too slow for the parent's timeout. A fault would end the process in
//!    these cases; a call has a result, so its caller goes on.
//!
//! The second try runs in the kernel and does not go back to the trap instruction. Going back would
//! need a note that frames were asked for once, and every call that succeeds would have to clear
//! that note. This way a call that finds its frames pays nothing.

use abi::layout::ENTRIES;
use abi::{Error, PageRange, Syscall};

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::state::call_registers;
use crate::state::process::{Index, PendingRequest};

/// A page, and the table that it may need.
pub(crate) const PAGE_AND_TABLE: u32 = 2;
/// The table that a mapping may need, or the directory of a new process.
pub(crate) const TABLE: u32 = 1;

impl<H: Hardware> Kernel<H> {
    /// A call of the current process has found no frame: asks for frames, or gives the caller the error.
    #[cold]
    #[inline(never)]
    pub(crate) fn short_of_frames(&mut self, caller: Index) {
        if !self.ask_for_frames(caller) {
            self.fail_for_frames(caller);
        }
    }

    /// Blocks the current process and asks a pager for frames. `false`: no pager can free any.
    fn ask_for_frames(&mut self, caller: Index) -> bool {
        if self.second_try {
            return false;
        }
        let call = self.call_of(caller);
        let Some((needy, frames)) = self.frames_wanted(caller, call) else { return false };
        let Some(pager) = self.pager_of(needy) else { return false };
        if !self.processes[pager].paging.frees_frames {
            return false;
        }
        let is_range = call.is_ok_and(is_range_call);
        let done = if is_range { self.processes[caller].pages_done() } else { 0 };
        let words = [frames, done, 0, 0];
        self.ask(caller, pager, PendingRequest::Frames, words)
    }

    /// Gives a process the error of its call. It goes on; whoever calls this has it run.
    pub(crate) fn fail_for_frames(&mut self, caller: Index) {
        let eax = match self.call_of(caller) {
            Ok(call) => {
                if is_range_call(call) || matches!(call, Syscall::DeviceMap { .. }) {
                    let process = &mut self.processes[caller];
                    process.registers.ebx = process.pages_done();
                }
                Error::OutOfFrames.to_wire()
            }
            Err(_) => self.processes[caller].numbering.error(Error::OutOfFrames),
        };
        self.processes[caller].registers.eax = eax;
    }

    /// The native call in a process's saved registers; an error if it is a JOS call.
    pub(crate) fn call_of(&self, caller: Index) -> Result<Syscall, Error> {
        call_registers::decode(&self.processes[caller].registers)
    }

    /// Whose pager is to free frames for a call, and how many the call needs at most. `None`: no pager can help.
    fn frames_wanted(&self, caller: Index, call: Result<Syscall, Error>) -> Option<(Index, u32)> {
        let Ok(call) = call else { return self.frames_wanted_by_jos(caller) };
        let wanted = match call {
            Syscall::PageAllocate { .. } | Syscall::PageCopy { .. } => PAGE_AND_TABLE,
            Syscall::PageMap { .. } | Syscall::PageUnmap { .. } | Syscall::PageMove { .. } => TABLE,
            Syscall::RangeAllocate { range, .. } => range.pages() + tables(range),
            Syscall::RangeShare { range, .. } | Syscall::RangeUnmap { range, .. } => tables(range),
            Syscall::ProcessCreate { .. } => TABLE,
            Syscall::Send { to, .. }
            | Syscall::Call { to, .. }
            | Syscall::Reply { to, .. }
            | Syscall::ReplyAndReceive { to, .. } => {
                return self.processes.find(to).ok().map(|receiver| (receiver, TABLE));
            }
            // The others need no frame, or one of the pool for devices, or are a pager's own.
            _ => return None,
        };
        Some((caller, wanted))
    }
}

/// Whether the call says how far it got, also if it fails.
pub(crate) const fn is_range_call(call: Syscall) -> bool {
    matches!(
        call,
        Syscall::RangeShare { .. } | Syscall::RangeUnmap { .. } | Syscall::RangeAllocate { .. }
    )
}

/// The most tables that a range needs.
const fn tables(range: PageRange) -> u32 {
    range.pages() / ENTRIES + 2
}
