//! What some checks need of the machine. A check whose need is not met is skipped, with the reason:
//! it has neither passed nor failed.

use libsys::process::end;
use libsys::service::pager::{Request, Space, ask};
use libsys::{driver_allow, machine, process_create};

use crate::memory::{ONE_PROCESS, most_frames};

/// A need that not every boot meets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Need {
    /// The process is a driver and may make its children drivers.
    Driver,
    /// The pager has no disk to put pages on, so that memory can be used up.
    NoSwapDisk,
    /// So few free frames that one process has addresses for all of them.
    FewFrames,
    /// So many free frames that processes are used up before memory is.
    ManyFrames,
}

impl Need {
    /// Why a check with this need cannot run here; `None` if it can.
    pub fn missing(self) -> Option<&'static str> {
        let (met, reason) = match self {
            Self::Driver => (is_driver(), "it needs a driver: boot with `trust`"),
            Self::NoSwapDisk => (!has_swap_disk(), "the pager has a swap disk: boot without one"),
            Self::FewFrames => {
                (machine().free < most_frames(), "one process cannot use up so much memory")
            }
            Self::ManyFrames => (
                machine().free >= 1024 * ONE_PROCESS,
                "memory would be used up before the process slots are",
            ),
        };
        (!met).then_some(reason)
    }
}

/// Only a driver may make another process a driver. This tries it with a child that never runs.
fn is_driver() -> bool {
    let Ok(child) = process_create() else { return false };
    let allowed = driver_allow(child, true).is_ok();
    // The child has not run, so it can end at once.
    let _ = end(child);
    allowed
}

/// A pager that does not answer has no disk.
fn has_swap_disk() -> bool {
    ask(Request::Space).is_ok_and(|words| Space::decode(words).slots > 0)
}
