//! What a fork costs: of a small process (this one, as it was spawned), and for each further page
//! that was written.

use libsys::call::Change;
use libsys::paging::fork::{Fork, fork};
use libsys::process::{exit, wait};
use libsys::{Permissions, Target, page_protect, window};

use crate::stopwatch::{Failure, Outcome, Samples, print_size, repeat};
use crate::test_pages::{allocate, protect, test_page};

/// Further pages: one page table of them.
const PAGES: u32 = 1024;

/// The change that drops fork's mark from a page of which this process is the last owner.
pub const UNMARKED: Change = Change { drop: Permissions::COPY_ON_WRITE, add: Permissions::WRITE };

/// `fork_small`, `fork_per_page`, `fork_wait_per_page`.
pub fn run() -> Outcome {
    let (small, small_whole) = (alone(0, 50)?, whole(0)?);
    print_size("small_process", window().present_user().count(), "pages");
    small_whole.print("fork_small", 1);
    allocate(Target::Caller, PAGES)?;
    alone(PAGES, 20)?.beyond(&small).print("fork_per_page", PAGES);
    whole(PAGES)?.beyond(&small_whole).print("fork_wait_per_page", PAGES);
    Ok(())
}

/// `fork_mixed_per_page`: every other page is shared over fork, so no two neighbours are alike.
pub fn mixed() -> Outcome {
    let small = alone(0, 20)?;
    allocate(Target::Caller, PAGES)?;
    let shared = Change { drop: Permissions::empty(), add: Permissions::SHARED };
    for page in (1..PAGES).step_by(2) {
        page_protect(Target::Caller, test_page(page), shared)?;
    }
    alone(PAGES, 20)?.beyond(&small).print("fork_mixed_per_page", PAGES);
    Ok(())
}

/// From the call of fork to its return in the parent, with `pages` test pages that only the parent
/// maps.
pub fn alone(pages: u32, iterations: usize) -> Result<Samples, Failure> {
    repeat(iterations, |watch| {
        let forked = watch.time(fork)?;
        finish(forked, pages)
    })
}

/// Fork, exit and wait.
fn whole(pages: u32) -> Result<Samples, Failure> {
    repeat(50, |watch| {
        let ended = watch.time(|| match fork()? {
            Fork::Child => exit(0),
            Fork::Parent { child } => wait(Some(child)),
        })?;
        protect(pages, UNMARKED)?;
        if ended.status == 0 { Ok(()) } else { Err(Failure::Wrong("a child failed")) }
    })
}

fn finish(forked: Fork, pages: u32) -> Outcome {
    match forked {
        Fork::Child => exit(0),
        Fork::Parent { child } => {
            wait(Some(child))?;
            protect(pages, UNMARKED)?;
            Ok(())
        }
    }
}
