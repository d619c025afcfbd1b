//! Calls that find no free frame: the kernel asks the caller's pager for frames and makes the call
//! again.
//!
//! A process needs memory not only when it faults. `page_allocate`, `range_share`,
//! `process_create` and others take frames as well, and a pager that gets faults alone learns
//! nothing of them. So before a call returns `OutOfFrames`:
//!
//! 1. The call fails. It has changed nothing, and the caller's argument registers have not changed.
//!    (A range call that has done pages does not fail: it returns how many.)
//! 2. The caller's pager gets a message of kind *frames*, if it accepts such requests and does not
//!    wait for the caller. The caller is blocked, as by a fault. The pager of the call's target is
//!    never asked, with one exception: if the receiver of a message has no table for the page, the
//!    receiver's pager is asked, because that table is charged to the receiver.
//! 3. The pager frees frames and replies as to a fault. The kernel then makes the call a second
//!    time, from the same registers and before any process runs, so no other process can take the
//!    frames.
//! 4. If the second try finds no frame either, the call returns `OutOfFrames`. It does the same if
//!    the pager refuses, ends, or is too slow for the parent's timeout. A fault would end the
//!    process in these cases, but a call has a result, so the process can go on.
//!
//! The second try runs in the kernel and does not go back to the trap instruction. If it went back,
//! the kernel would have to note that it has asked for frames once, and every call that succeeds
//! would have to clear that note. As it is, a call that finds its frames pays nothing.

use abi::{Error, PageRange, Syscall};

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::memory::budget::PAGES_WITH_FRAMES;
use crate::memory::map::{PAGE_AND_TABLE, TABLE, TWO_TABLES};
use crate::memory::share::may_copy;
use crate::state::call_registers;
use crate::state::process::{Index, PendingRequest};

impl<H: Hardware> Kernel<H> {
    /// Handles a call of the current process that found no frame: asks a pager for frames, or
    /// returns the error to the process.
    pub(crate) fn short_of_frames(&mut self, caller: Index) {
        if !self.ask_for_frames(caller) {
            self.fail_for_frames(caller);
        }
    }

    /// Blocks the current process and asks a pager for frames. Returns `false` if this is the
    /// second try already, or if no pager can free frames for the call.
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
        self.ask(caller, pager, PendingRequest::Frames, [frames, 0, 0, 0])
    }

    /// Writes `OutOfFrames` into a process's registers as the result of its call. Does not wake the
    /// process; the caller of this function does.
    pub(crate) fn fail_for_frames(&mut self, caller: Index) {
        let eax = match self.call_of(caller) {
            Ok(_) => Error::OutOfFrames.to_wire(),
            Err(_) => self.processes[caller].numbering.error(Error::OutOfFrames),
        };
        self.processes[caller].registers.eax = eax;
    }

    /// The native call in a process's saved registers, or an error if the call is a JOS call.
    pub(crate) fn call_of(&self, caller: Index) -> Result<Syscall, Error> {
        call_registers::decode(&self.processes[caller].registers)
    }

    /// The process whose pager is asked for frames, and the most frames that the call needs.
    /// `None`: the call can get no frames from a pager.
    fn frames_wanted(
        &mut self,
        caller: Index,
        call: Result<Syscall, Error>,
    ) -> Option<(Index, u32)> {
        let Ok(call) = call else { return self.frames_wanted_by_jos(caller) };
        let wanted = match call {
            Syscall::PageAllocate { .. } | Syscall::PageCopy { .. } => PAGE_AND_TABLE,
            Syscall::PageMap { .. } | Syscall::PageUnmap { .. } | Syscall::PageMove { .. } => TABLE,
            Syscall::RangeAllocate { range, .. } => TWO_TABLES + pages_with_frames(range),
            Syscall::RangeShare { range, drop, both, .. } if may_copy(drop, both) => {
                TWO_TABLES + pages_with_frames(range)
            }
            Syscall::RangeShare { .. } => TWO_TABLES,
            Syscall::Transact { .. } => PAGE_AND_TABLE,
            Syscall::ProcessCreate { .. } => TABLE,
            Syscall::Send { to, .. }
            | Syscall::Call { to, .. }
            | Syscall::Reply { to, .. }
            | Syscall::ReplyAndReceive { to, .. } => {
                return self.processes.find(to).ok().map(|receiver| (receiver, TABLE));
            }
            // The other calls need no frame, take frames from the DMA pool, or are calls of pagers
            // themselves.
            _ => return None,
        };
        Some((caller, wanted))
    }
}

/// The most pages of a range for which one call takes a frame each.
fn pages_with_frames(range: PageRange) -> u32 {
    range.pages().min(PAGES_WITH_FRAMES)
}
