//! The reasons for which the kernel cannot boot, and the line that each prints.

use core::fmt;

use abi::layout::PAGE_SIZE;
use kernel_core::BootError;
use kernel_core::boot::memory_map::PlanError;

use crate::device::timer::NoTimer;

/// The reasons. Each ends the boot with one line and exit status 1. A CPU that is too old is
/// refused earlier and in the same form, by `start.s` of the crate `boot`.
pub enum CannotBoot {
    /// The 8254 by which the clock is measured does not count.
    NoTimer(NoTimer),
    /// Not started by a Multiboot 1 loader.
    NotMultiboot {
        /// What `eax` held instead of the magic.
        magic: u32,
    },
    /// The command line is longer than the kernel's copy of it.
    LongCommandLine {
        /// The most bytes.
        limit: usize,
    },
    /// There is no module, or it is empty.
    NoArchive,
    /// The boot archive does not start on a page.
    UnalignedArchive {
        /// Its physical address.
        address: u32,
    },
    /// Memory is too small.
    Memory(PlanError),
    /// The archive or `init` in it is damaged, or does not fit.
    First(BootError),
}

impl From<NoTimer> for CannotBoot {
    fn from(error: NoTimer) -> Self {
        Self::NoTimer(error)
    }
}

impl From<PlanError> for CannotBoot {
    fn from(error: PlanError) -> Self {
        Self::Memory(error)
    }
}

impl From<BootError> for CannotBoot {
    fn from(error: BootError) -> Self {
        Self::First(error)
    }
}

impl fmt::Display for CannotBoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTimer(NoTimer) => write!(f, "no timer: the 8254 at port 0x40 does not count"),
            Self::NotMultiboot { magic } => {
                write!(f, "not a Multiboot loader: magic {magic:#010x}")
            }
            Self::LongCommandLine { limit } => {
                write!(f, "the command line is longer than {limit} bytes")
            }
            Self::NoArchive => write!(f, "no boot archive: the loader gave no module"),
            Self::UnalignedArchive { address } => {
                write!(f, "the boot archive at {address:#010x} is not on a {PAGE_SIZE}-byte page")
            }
            Self::Memory(error) => write!(f, "{error}"),
            Self::First(error) => write!(f, "{error}"),
        }
    }
}
