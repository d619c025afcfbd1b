//! Whether a call has to wait for memory that is being taken down, and how it waits: it restarts.

use abi::Error;
use abi::process::Target;

use crate::hardware::Hardware;
use crate::kernel::Kernel;
use crate::memory::space::Space;
use crate::state::process::Index;

impl<H: Hardware> Kernel<H> {
    /// Whether the current process's call has to wait for memory that is being taken down: fewer than `frames` are
    /// free, and a process is dying. One table of it has then been taken down, and the call restarts: its caller must
    /// return, with no register changed. So no call takes down more than one table.
    #[inline(always)]
    pub(crate) fn waits_for_room(&mut self, caller: Index, frames: u32) -> bool {
        self.frames.free() < frames && self.take_down_and_restart(caller)
    }

    /// As [`Kernel::waits_for_room`], for `frames` that are to be charged to `owner`, and for the dying processes that
    /// its bounds count.
    #[inline(always)]
    pub(crate) fn waits_for_quota(&mut self, caller: Index, owner: Index, frames: u32) -> bool {
        self.processes.is_bounded(owner) && self.bound_gives_way(caller, owner, frames)
    }

    #[cold]
    #[inline(never)]
    fn bound_gives_way(&mut self, caller: Index, owner: Index, frames: u32) -> bool {
        self.processes.meets_bound_that_gives_way(owner, frames)
            && self.take_down_and_restart(caller)
    }

    /// As [`Kernel::waits_for_room`], for a call that has changed nothing and met a bound, or another `error`.
    #[cold]
    pub(crate) fn waits_for_bound(&mut self, caller: Index, error: Error) -> bool {
        error == Error::QuotaExceeded
            && self.processes.met_bound_gives_way()
            && self.take_down_and_restart(caller)
    }

    /// Takes down one table and restarts the current process's call; `false` if no process is dying, or if the call is a
    /// range call that goes on in the middle: made from the start, it would meet what it has done itself.
    #[cold]
    #[inline(never)]
    pub(crate) fn take_down_and_restart(&mut self, caller: Index) -> bool {
        let some = !self.goes_on && self.teardown_slice();
        if some {
            self.restart(caller);
        }
        some
    }

    /// A space to change, if there is room for `frames`. `None`: the call restarts ([`Kernel::waits_for_room`]).
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
