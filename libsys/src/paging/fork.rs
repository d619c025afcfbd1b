//! How a process makes a copy of itself without copying its memory: copy-on-write, done by the
//! program.
//!
//! The kernel has no fork. It makes a child with the registers of its parent and an empty space;
//! the parent then shares its pages with the child, and both copy a page when they first write it.
//!
//! 1. The kernel makes a stopped child with the parent's registers.
//! 2. The pager, if there is one, adopts the child. Only the pager knows which absent pages it has
//!    promised or paged out; it copies its records of them.
//! 3. The parent installs the fault handler, because step 4 takes W from its own pages. This comes
//!    after the two steps that fail most often, so that their errors leave the parent as it was.
//! 4. The window shows which pages are present. Neighbouring pages of equal [`Policy`] are a run,
//!    and one call shares a run with the child. The cost depends on what is present, not on the
//!    size of the space.
//! 5. The child gets an exception stack of its own and the parent's handler, and is started.
//!
//! The child continues with the stack as it is when its page is shared, in step 4, but with the
//! registers of step 1. So the trap of step 1 is made in a stack frame that does not change until
//! the child is started: see `stub`. From step 4 on, the parent writes only to its stack below that
//! frame, which the child never reads. A page that it wrote otherwise might be shared before or
//! after the write.
//!
//! The types: [`Policy`] is what becomes of a page, decided from its entry alone; `Fork` says in
//! which of the two processes `fork` has returned.
//!
//! On an error the child is ended, and nothing is left of it. If the error came in step 1 or 2, the
//! parent is as it was. Otherwise the parent keeps the fault handler and the exception stack, and
//! some of its pages may be marked copy-on-write; the handler clears each mark at the next write.
//!
//! Not done: views are not inherited, and a page of a driver's own
//! makes the fork fail.

mod policy;
#[cfg(target_os = "none")]
mod stub;

pub use policy::{DECISIVE, Policy, policy};

#[cfg(target_os = "none")]
pub use live::{Fork, fork, unshare};

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

    /// In which of the two processes [`fork`] has returned.
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
    /// - `Refused`, `PeerEnded`, `Deadlock`: the pager does not adopt the child, has ended, or
    ///   waits for the caller.
    /// - `NotPermitted`: a page is a driver's own.
    pub fn fork() -> Result<Fork, Error> {
        let child = stub::fork_through(complete)?;
        Ok(child.map_or(Fork::Child, |child| Fork::Parent { child }))
    }

    /// Makes every page that a fork has marked copy-on-write the caller's own, so that its next
    /// write needs no frame.
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

    extern "C" fn complete(value: u32, child: u32) -> u32 {
        match Error::check(value).and_then(|_| ProcessId::new(child)).and_then(build) {
            Ok(()) => child,
            Err(error) => error.to_wire(),
        }
    }

    /// Completes and starts a new child; runs in the parent.
    fn build(child: ProcessId) -> Result<(), Error> {
        let built = populate(child);
        if built.is_err() {
            // They fail only if the child has ended already.
            let _ = call::destroy(child, false);
            let _ = call::wait(Some(child));
        }
        built
    }

    fn populate(child: ProcessId) -> Result<(), Error> {
        call::clone(child)?;
        fault::enable_copy_on_write()?;
        // The last page of all is the exception stack. Each process needs its own: the handler of
        // copy-on-write pages runs on it.
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
        let first = UserPage::new(run.first.address())?;
        let range = PageRange::new(first, run.pages)?;
        let (from, to) = ((Target::Caller, range), (child, first));
        // SAFETY: pages that the child may write are those that the program itself has marked
        // *shared*. The others lose W on both sides, and the fault handler copies each before it is
        // written.
        unsafe { call::range_share(from, to, change, both) }?;
        Ok(())
    }
}
