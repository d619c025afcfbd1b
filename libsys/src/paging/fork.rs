//! How a process makes a copy of itself without copying its memory: copy-on-write, as a program.
//!
//! 1. The kernel makes a stopped child with the parent's registers.
//! 2. The pager, if there is one, adopts the child: what is lazy or swapped out is copied in its books.
//! 3. The fault handler is made ready, for the parent is about to lose its own write permissions. It comes after the
//!    steps that fail most often, so that their errors leave the parent as it was.
//! 4. The window shows which pages are present. Runs of pages that are treated alike ([`Policy`]) become the
//!    child's, one call for each run. Nothing depends on how much is absent.
//! 5. The child gets a fresh exception stack and the parent's handler, and starts.
//!
//! From step 4 on, the parent writes nothing but its stack below the point of the fork, whose contents the child
//! never looks at: anything else that it wrote might be in the child or might not.
//!
//! On an error the child is ended and nothing is left of it. If the error came in step 1 or 2, the parent is as it was.
//! If it came later, the parent keeps the fault handler and its exception stack, and pages of the parent may be marked
//! copy-on-write; its next write to each takes the mark off, by that handler.

mod policy;
#[cfg(target_os = "none")]
mod stub;

pub use policy::{DECISIVE, Policy, policy};

#[cfg(target_os = "none")]
pub use live::{Fork, fork, unshare};

/// `eax` of the call that the stub makes: [`abi::Syscall::ProcessCreate`].
#[cfg(any(test, target_os = "none"))]
const PROCESS_CREATE: u32 = abi::call::Number::ProcessCreate as u32;
/// Word 0 of that call: with a copy of the caller's registers.
#[cfg(any(test, target_os = "none"))]
const COPY: u32 = 1;

#[cfg(target_os = "none")]
#[allow(unsafe_code)]
mod live {
    use abi::layout::EXCEPTION_STACK;
    use abi::process::Target;
    use abi::{EntryFlags, Error, Page, PageRange, Permissions, ProcessId, UserPage};

    use super::{DECISIVE, Policy, policy, stub};
    use crate::call;
    use crate::paging::self_map::Run;
    use crate::paging::self_map::live::window;
    use crate::paging::{checked, fault};

    /// Which of the two the caller is after [`fork`].
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub enum Fork {
        /// The parent.
        Parent {
            /// Its new child.
            child: ProcessId,
        },
        /// The child.
        Child,
    }

    /// Makes a copy of the calling process.
    ///
    /// # Errors
    /// - `OutOfProcesses`, `OutOfFrames`, `QuotaExceeded`: there is no room for a child.
    /// - `Refused`, `PeerEnded`, `Deadlock`: the pager does not take it.
    pub fn fork() -> Result<Fork, Error> {
        let child = stub::fork_through_build()?;
        Ok(child.map_or(Fork::Child, |child| Fork::Parent { child }))
    }

    /// Makes every page that a fork has marked copy-on-write the caller's own, so that its next write needs no frame.
    ///
    /// # Errors
    /// `OutOfFrames`, `QuotaExceeded`: there is no frame for a copy; the pages before stay copied.
    pub fn unshare() -> Result<(), Error> {
        for (page, entry) in window().present_user() {
            if entry.flags().contains(EntryFlags::COPY_ON_WRITE) && !entry.is_writable() {
                let page = UserPage::new(page.address())?;
                let marks = entry.permissions().difference(Permissions::COPY_ON_WRITE);
                // SAFETY: a copy has the contents of the page, so no object changes.
                unsafe { call::page_copy(Target::Caller, page, marks) }?;
            }
        }
        Ok(())
    }

    /// Gives the new child all that it needs, in the parent.
    pub(super) fn build(child: ProcessId) -> Result<(), Error> {
        let built = populate(child);
        if built.is_err() {
            // Both can only fail if the child is gone already, which is what they are for.
            let _ = call::destroy(child, false);
            let _ = call::wait(Some(child));
        }
        built
    }

    fn populate(child: ProcessId) -> Result<(), Error> {
        call::clone(child)?;
        fault::enable_copy_on_write()?;
        // The last page of all is the exception stack, of which every process needs its own: a handler runs on it while it
        // mends copy-on-write pages.
        let end = Page::containing(EXCEPTION_STACK);
        let window = window();
        let runs = window.runs(Page::containing(0), end, PageRange::LIMIT, policy);
        for run in runs.alike_in(DECISIVE) {
            share(child, run)?;
        }
        checked::page_allocate(child, UserPage::known(EXCEPTION_STACK), Permissions::WRITE)?;
        fault::set_handler_of(child)?;
        call::process_start(child)
    }

    fn share(child: ProcessId, run: Run<Policy>) -> Result<(), Error> {
        let (change, both) = run.policy.change();
        let mut first = UserPage::new(run.first.address())?;
        let mut left = run.pages;
        loop {
            let range = PageRange::new(first, left)?;
            let (from, to) = ((Target::Caller, range), (child, first));
            // SAFETY: pages that the child may write are those that the program itself has marked *shared*. The others
            // lose W on both sides, and the fault handler copies each before it is written.
            let walked = unsafe { call::range_share(from, to, change, both) }?;
            if walked >= left {
                return Ok(());
            }
            // A call may stop early, but it never makes no progress without an error.
            left -= walked;
            first = range.page(walked);
        }
    }
}

#[cfg(test)]
mod tests {
    use abi::Syscall;
    use abi::call::RawCall;

    #[test]
    fn the_stub_makes_the_call_that_it_names() {
        let expected = RawCall {
            head: super::PROCESS_CREATE,
            words: [super::COPY, 0, 0, 0],
            ..RawCall::default()
        };
        assert_eq!(Syscall::ProcessCreate { copy: true }.encode(), expected);
    }
}
