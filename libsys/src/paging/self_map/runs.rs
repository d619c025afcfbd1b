//! The walk over runs: neighbouring present pages of equal policy.

use abi::layout::ENTRIES;
use abi::{Entry, EntryFlags, Page};

use super::walk::{GROUP, Present};
use super::{TableReader, Window};

impl<R: TableReader> Window<R> {
    /// Neighbouring present pages of equal policy, from `first` up to, but not with, `end`. Pages
    /// for which `policy` says `None` are in no run. No run is longer than `limit` pages.
    pub fn runs<P, F>(&self, first: Page, end: Page, limit: u32, policy: F) -> Runs<'_, R, P, F>
    where
        P: Copy + PartialEq,
        F: FnMut(Page, Entry) -> Option<P>,
    {
        Runs { pages: self.present(first, end), policy, limit, alike: None, open: None }
    }
}

/// Neighbouring pages of equal policy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run<P> {
    /// The first page.
    pub first: Page,
    /// Pages: at least 1.
    pub pages: u32,
    /// The policy of each of them.
    pub policy: P,
}

/// A walk over [`Run`]s, in order.
#[derive(Debug)]
pub struct Runs<'a, R, P, F> {
    pages: Present<'a, R>,
    policy: F,
    limit: u32,
    alike: Option<EntryFlags>,
    open: Option<Run<P>>,
}

impl<R: TableReader, P, F> Runs<'_, R, P, F> {
    /// The same, where entries that agree in these bits have the same policy, wherever they are: it
    /// is then asked once for a run.
    #[must_use]
    pub fn alike_in(self, bits: EntryFlags) -> Self {
        Self { alike: Some(bits | EntryFlags::PRESENT), ..self }
    }

    /// Goes on with the pages from `page` on, after `run`, the last one. `page` lies behind the
    /// first page of the run and under the same table, or is the end of that table.
    pub fn go_on_at(&mut self, run: &Run<P>, page: Page) {
        let next = page.number();
        if next < run.first.number() + run.pages {
            // The page belongs to the run, so it has a table.
            self.pages.table_end = self.pages.end.min((next / ENTRIES + 1) * ENTRIES);
        } else if self.open.as_ref().is_none_or(|open| open.first.number() >= next) {
            return;
        }
        (self.pages.next, self.open) = (next, None);
    }

    /// Extends a run that ends before the next page by the pages under the same table that are like
    /// its last one.
    #[inline(always)]
    fn extend(&mut self, run: &mut Run<P>, last: Entry) {
        let Some(alike) = self.alike else { return };
        let room = self.pages.next + (self.limit - run.pages);
        let (start, end) = (self.pages.next, self.pages.table_end.min(room));
        let window = self.pages.window;
        let mut next = start;
        while next < end {
            if next.is_multiple_of(GROUP) && next + GROUP <= end {
                let address = window.slot.entry_address(Page::numbered(next));
                if window.reader.unlike::<GROUP>(address, last.bits()) & alike.bits() == 0 {
                    next += GROUP;
                    continue;
                }
            }
            let entry = window.leaf(Page::numbered(next));
            if (entry.bits() ^ last.bits()) & alike.bits() != 0 {
                break;
            }
            next += 1;
        }
        run.pages += next - start;
        self.pages.next = next;
    }
}

impl<R, P, F> Iterator for Runs<'_, R, P, F>
where
    R: TableReader,
    P: Copy + PartialEq,
    F: FnMut(Page, Entry) -> Option<P>,
{
    type Item = Run<P>;

    fn next(&mut self) -> Option<Run<P>> {
        while let Some((page, entry)) = self.pages.next() {
            let Some(policy) = (self.policy)(page, entry) else { continue };
            let (mut run, closed) = match self.open.take() {
                Some(run) if extends(&run, page, policy) && run.pages < self.limit => {
                    (Run { pages: run.pages + 1, ..run }, None)
                }
                closed => (Run { first: page, pages: 1, policy }, closed),
            };
            self.extend(&mut run, entry);
            self.open = Some(run);
            if closed.is_some() {
                return closed;
            }
        }
        self.open.take()
    }
}

fn extends<P: PartialEq>(run: &Run<P>, page: Page, policy: P) -> bool {
    run.first.number() + run.pages == page.number() && run.policy == policy
}
