//! Why the machine does not come up: the one line that says so.

use core::fmt;

use abi::layout::PAGE_SIZE;
use kernel_core::BootError;
use kernel_core::memory_plan::PlanError;

/// A boot that ends with one clear line and exit status 1.
pub enum CannotBoot {
    /// The CPU lacks something that the kernel uses.
    Processor(&'static str),
    /// Not started by a Multiboot 1 loader.
    NotMultiboot {
        /// What `eax` held instead of the magic.
        magic: u32,
    },
    /// The command line does not fit.
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
    /// The 8254 does not count, so no interrupt of the timer will come.
    NoTimer,
    /// The archive or `init` in it is damaged, or does not fit.
    First(BootError),
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
            Self::Processor(what) => write!(f, "the CPU has no {what}"),
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
            Self::NoTimer => write!(f, "no timer interrupt: the 8254 does not count"),
            Self::Memory(error) => write!(f, "{error}"),
            Self::First(error) => write!(f, "{error}"),
        }
    }
}
