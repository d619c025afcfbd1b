//! Calls that need memory which a dying process still holds: such a call takes a step of the
//! teardown and restarts.
//!
//! A process that ends gives its memory back step by step (`lifecycle/teardown.rs`). A call may
//! find too few free frames, or meet a bound of a quota, although dying processes will give back
//! enough. It must not fail then. It must not take down everything at once either, because no
//! interrupt is handled meanwhile. So the call takes one step and *restarts*: the saved
//! instruction pointer goes back to the trap instruction, and the process makes the same call
//! again. This repeats until there is room or no process is dying.
//!
//! Each function here that returns `true`, or `None` in place of a space, has restarted the call.
//! Its caller must then return at once and change no register.

use abi::Error;
use abi::process::Target;

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::memory::space::Space;
use crate::state::process::Index;

impl<H: Hardware> Kernel<H> {
    /// Whether the current process's call must wait for memory: fewer than `frames` frames are
    /// free, and some process is dying. If so, a step of the teardown is done and the call restarts.
    pub(crate) fn waits_for_room(&mut self, caller: Index, frames: u32) -> bool {
        self.frames.free() < frames && self.take_down_and_restart(caller)
    }

    /// As [`Kernel::waits_for_room`], for `frames` frames that will be charged to `owner`: whether
    /// they would exceed a quota that counts a dying process, too.
    pub(crate) fn waits_for_quota(&mut self, caller: Index, owner: Index, frames: u32) -> bool {
        self.processes.is_bounded(owner) && self.bound_gives_way(caller, owner, frames)
    }

    /// The part of [`Kernel::waits_for_quota`] for a process with a quota. Not inlined, because
    /// most processes have none.
    #[cold]
    #[inline(never)]
    fn bound_gives_way(&mut self, caller: Index, owner: Index, frames: u32) -> bool {
        self.processes.meets_bound_that_gives_way(owner, frames)
            && self.take_down_and_restart(caller)
    }

    /// As [`Kernel::waits_for_room`], for a call that failed with `error` and has changed nothing:
    /// whether the error is `QuotaExceeded` and the quota counts a dying process.
    pub(crate) fn waits_for_bound(&mut self, caller: Index, error: Error) -> bool {
        error == Error::QuotaExceeded
            && self.processes.met_bound_gives_way()
            && self.take_down_and_restart(caller)
    }

    /// Takes a step of a teardown and restarts the current process's call. Returns `false` and does
    /// nothing if no process is dying.
    #[cold]
    #[inline(never)]
    pub(crate) fn take_down_and_restart(&mut self, caller: Index) -> bool {
        let some = self.teardown_slice();
        if some {
            self.restart(caller);
        }
        some
    }

    /// The space of a process that the caller may change, if `frames` frames are free or no process
    /// is dying. `None`: the call restarts, as by [`Kernel::waits_for_room`].
    ///
    /// # Errors
    /// `NoSuchProcess`: the caller may not change the process's memory.
    // Inlined: see `message/fast.rs`.
    #[inline(always)]
    pub(crate) fn room_in(
        &mut self,
        caller: Index,
        target: Target,
        frames: u32,
    ) -> Result<Option<Space>, Error> {
        let index = self.memory_of(caller, target)?;
        if self.waits_for_room(caller, frames) {
            return Ok(None);
        }
        Ok(Some(self.space(index)))
    }

    /// As [`Kernel::room_in`], for a call with a source and a destination.
    #[inline(always)]
    pub(crate) fn room_in_both(
        &mut self,
        caller: Index,
        from: Target,
        to: Target,
        frames: u32,
    ) -> Result<Option<(Space, Space)>, Error> {
        let (from, to) = (self.memory_of(caller, from)?, self.memory_of(caller, to)?);
        if self.waits_for_room(caller, frames) {
            return Ok(None);
        }
        Ok(Some(self.spaces(from, to)))
    }
}
