//! The short loop over the usual pages of a fork.
//!
//! A page of a fork is usual if no other process may write its frame and the child has no page at
//! its address. The loop stops before the first page that is not, and `share_page` shares that one.
//! Without the loop, a page of a fork takes 244 instructions in place of 38.

use abi::{EntryFlags, Page};

use crate::hardware::{Hardware, Reach};
use crate::memory::change::Change;
use crate::memory::range::Run;
use crate::memory::share::Flush;
use crate::memory::space::{Memory, Space};

impl<H: Hardware> Memory<'_, H> {
    /// Shares the pages of a run up to the first present one that is not usual, and returns how
    /// many pages these are. The child's table is present.
    #[inline(never)]
    pub(super) fn share_usual(
        &mut self,
        (from, to): (Space, Space),
        run: Run,
        change: Change,
        flush: Flush,
    ) -> u32 {
        let at_parent = change.keeping(EntryFlags::ACCESSED_DIRTY);
        let at_child = self.change_of_lent(from, to, change).sealing();
        let end = run.first.page().number() + run.pages;
        let mut left = run.pages;
        // Counts all pages first and takes back the absent ones, which are few.
        let mapped = &mut self.processes[to.owner].memory.mapped;
        *mapped += run.pages;
        let mut counts = self.frames.counts();
        while left > 0 {
            let page = Page::numbered(end - left);
            let old = self.cpu.hardware.read_entry(Reach::Current, page);
            if old.is_present() {
                let replaced = self.cpu.hardware.read_entry(Reach::Alternate, page);
                if replaced.is_present() || !counts.retain_unless_lent::<true>(old) {
                    break;
                }
                self.cpu.hardware.write_entry(Reach::Alternate, page, at_child.of(old));
                self.cpu.hardware.write_entry(Reach::Current, page, at_parent.of(old));
                if flush == Flush::Each {
                    self.cpu.flush_page(page);
                }
            } else {
                *mapped -= 1;
            }
            left -= 1;
        }
        *mapped -= left;
        run.pages - left
    }
}
