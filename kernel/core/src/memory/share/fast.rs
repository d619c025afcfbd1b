//! The short loop over the usual pages that are mapped a second time.
//!
//! A page is usual if it is present and a leaf of its own table, as it was seen; if nothing is
//! present at its destination, whose table is present; if no mark of its leaf has to change for
//! another leaf of its frame; and if, with `BOTH`, no other process may write the frame. An absent
//! page of a range is usual, too. The loop stops before the first page that is not, and `share_page`
//! maps that one. Without the loop, a page of a fork takes 244 instructions in place of 39.

use abi::EntryFlags;
use abi::transaction::Wish;

use crate::hardware::{Hardware, Reach};
use crate::memory::change::Change;
use crate::memory::pages::{Pages, Run};
use crate::memory::space::{Memory, Space};

impl<H: Hardware> Memory<'_, H> {
    /// Maps usual pages from the one with the index `first` on, as far as they lie under the table
    /// of that one. Returns the index of the first page that is not done. It does not flush.
    ///
    /// `share_pages` has seen that pages may be usual at all: the source is the loaded space, and
    /// each page has the same place in its table as its destination; with `BOTH`, it goes to another
    /// space and keeps its address.
    // Not inlined, so that the loop has all registers.
    #[inline(never)]
    pub(super) fn share_usual<const BOTH: bool, P: Pages>(
        &mut self,
        (from, to): (Space, Space),
        pages: P,
        first: u32,
        wish: Wish,
    ) -> u32 {
        let Ok(page) = pages.get(first) else { return first };
        let run = Run::of(pages, first, page);
        let target = if BOTH { Ok(run.table) } else { wish.place(run.table) };
        let Ok(target) = target else { return first };
        if !self.has_table(Space::current(from.owner), run.table) || !self.has_table(to, target) {
            return first;
        }
        let change = Change::new(wish.drop, wish.add);
        let at_source = change.keeping(EntryFlags::ACCESSED_DIRTY);
        let at_target = self.change_of_lent(from, to, change);
        let (reach, seal) = if !BOTH && from == to {
            (Reach::Current, EntryFlags::empty())
        } else {
            (Reach::Alternate, EntryFlags::SEALED)
        };
        let (mut left, mut absent) = (run.end - first, 0);
        let mut counts = self.frames.counts();
        while left > 0
            && let index = run.end - left
            && let Some(place) = pages.place(index, run.table)
        {
            let (page, to) = (run.table.page().plus(place), target.page().plus(place));
            let old = self.cpu.hardware.read_entry(Reach::Current, page);
            if !pages.expects(index, old) {
                break;
            }
            // The pager's mark stays where the frame gets no leaf with W (`clean.rs`).
            if !old.is_present() || !BOTH && old.contains(EntryFlags::PAGER) {
                if P::LISTED || old.is_present() {
                    break;
                }
                absent += 1;
                left -= 1;
                continue;
            }
            let replaced = self.cpu.hardware.read_entry(reach, to);
            if replaced.is_present() || !counts.retain_unless_lent::<BOTH>(old) {
                break;
            }
            let new = at_target.of(old);
            let seal = if !BOTH && new.is_writable() { EntryFlags::empty() } else { seal };
            self.cpu.hardware.write_entry(reach, to, new.with_flags(new.flags() | seal));
            if BOTH {
                self.cpu.hardware.write_entry(Reach::Current, page, at_source.of(old));
            }
            left -= 1;
        }
        let done = run.end - left;
        self.processes[to.owner].memory.mapped += done - first - absent;
        done
    }
}
