//! Takes memory until few frames are left, so that the families run out of them.
//!
//! The pages belong to a process of their own, the supervisor's parent. In the supervisor they
//! would be shared with each family by the fork, and count for its quota.

use libsys::abi::layout::PAGE_SIZE;
use libsys::paging::fork::{Fork, fork};
use libsys::process::{exit, wait};
use libsys::{Error, Permissions, Target, UserPage, machine, page_allocate, yield_now};

/// The address of the pages.
const BALLAST: u32 = 0x4000_0000;

/// Forks. The parent takes the memory, waits for the child, and ends with its status. The child
/// returns when so few frames are left.
///
/// # Errors
/// There is no memory for the fork.
pub fn leave(frames: u32) -> Result<(), Error> {
    match fork()? {
        Fork::Child => {
            while machine().free > frames {
                yield_now();
            }
            Ok(())
        }
        Fork::Parent { child } => {
            let mut address = BALLAST;
            while machine().free > frames {
                let page = UserPage::new(address)?;
                page_allocate(Target::Caller, page, Permissions::WRITE)?;
                address += PAGE_SIZE;
            }
            exit(wait(Some(child)).map_or(1, |ended| ended.status as u8))
        }
    }
}
