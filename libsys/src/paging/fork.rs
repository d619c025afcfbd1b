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
//! 4. The window shows which pages are present. One call shares a long run of pages that are
//!    alike. Any other page is put into a list, with the entry that was read, and one call shares
//!    a list. The cost depends on what is present, not on the size of the space.
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
    use abi::transaction::{Kind, Seen, Wish};
    use abi::{EntryFlags, Error, Page, PageRange, Permissions, ProcessId, UserPage};

    use super::{DECISIVE, Policy, policy, stub};
    use crate::call::{self, Change};
    use crate::paging::self_map::live::window;
    use crate::paging::transaction::transact;
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
        share(child)?;
        checked::page_allocate(child, UserPage::known(EXCEPTION_STACK), Permissions::WRITE)?;
        fault::set_handler_of(child)?;
        call::process_start(child)
    }

    /// The pages for which a call of their own is worth it: a list takes 50 instructions more for
    /// each page.
    const LONG: u32 = 32;

    /// Shares all present pages with the child, but for the last one, the exception stack: each
    /// process needs its own, because the handler of copy-on-write pages runs on it.
    fn share(child: ProcessId) -> Result<(), Error> {
        let [mut shared, mut copied] = Policy::ALL.map(|policy| List::new(child, policy));
        let window = window();
        let mut groups = window.groups(Page::containing(0), Page::containing(EXCEPTION_STACK));
        while let Some(group) = groups.next() {
            let first = Page::numbered(group.start);
            let entry = window.leaf(first);
            let alike = groups.alike(&group, entry, DECISIVE);
            if let Some(policy) = policy(entry)
                && alike >= LONG
            {
                share_run(child, policy, PageRange::new(UserPage::new(first.address())?, alike)?)?;
                continue;
            }
            for page in (group.start..group.end.max(group.start + alike)).map(Page::numbered) {
                let entry = window.leaf(page);
                let seen = Seen { page: page.address(), entry: entry.bits() };
                match policy(entry) {
                    Some(Policy::CopyOnWrite) => copied.add(seen)?,
                    Some(Policy::ShareAsIs) => shared.add(seen)?,
                    None => {}
                }
            }
        }
        shared.share()?;
        copied.share()
    }

    /// Shares pages of one policy that follow each other.
    fn share_run(child: ProcessId, policy: Policy, run: PageRange) -> Result<(), Error> {
        let Wish { kind, drop, add, .. } = policy.wish();
        let (from, to) = ((Target::Caller, run), (child, run.first()));
        // SAFETY: pages that the child may write are those that the program itself has marked
        // *shared*. The others lose W on both sides, and the fault handler copies each before it is
        // written.
        unsafe { call::range_share(from, to, Change { drop, add }, kind == Kind::MapBoth) }?;
        Ok(())
    }

    /// Single pages of one policy.
    struct List {
        child: ProcessId,
        policy: Policy,
        pages: [Seen; Self::PAGES],
        used: usize,
    }

    impl List {
        /// Pages that one call shares.
        const PAGES: usize = 64;

        const fn new(child: ProcessId, policy: Policy) -> Self {
            Self { child, policy, pages: [Seen::NONE; Self::PAGES], used: 0 }
        }

        #[inline(always)]
        fn add(&mut self, seen: Seen) -> Result<(), Error> {
            if self.used == Self::PAGES {
                self.share()?;
            }
            self.pages[self.used] = seen;
            self.used += 1;
            Ok(())
        }

        /// Shares the pages. If an entry has changed since it was read, the page is looked at
        /// again: its pager has taken it or brought it back, or the parent's stack was copied.
        fn share(&mut self) -> Result<(), Error> {
            let mut list = &mut self.pages[..self.used];
            self.used = 0;
            // SAFETY: as above.
            while let Err(stopped) = unsafe { transact(self.child, list, self.policy.wish()) } {
                if stopped.error != Error::Busy {
                    return Err(stopped.error);
                }
                list = &mut list[stopped.done..];
                match window().entry_of(Page::containing(list[0].page)) {
                    Some(entry) => list[0].entry = entry.bits(),
                    None => list = &mut list[1..],
                }
            }
            Ok(())
        }
    }
}
