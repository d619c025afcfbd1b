//! The pages that one call changes, those of a range or those of a list, and how they are walked.
//!
//! The pages are walked in *runs*: a run is the part of them that lies under one table. Whether the
//! table is present is found out once for a run.
//!
//! A range names all its pages, so absent ones are nothing special: runs without a table are passed
//! over. A list names each of its pages, with the leaf that its caller has seen there.

use abi::layout::{ENTRIES, PAGE_SIZE};
use abi::transaction::{COMPARED, Seen};
use abi::{Entry, Error, PageRange, UserPage};

use crate::hardware::Hardware;
use crate::memory::space::{Memory, Space, SpacePage};

/// The bits of an address that say which page of a table it is.
const IN_TABLE: u32 = (ENTRIES - 1) * PAGE_SIZE;

/// The pages that a call changes, in this order.
pub(crate) trait Pages: Copy {
    /// Whether each page comes with the leaf that its caller has seen there.
    const LISTED: bool;

    /// How many they are.
    fn count(self) -> u32;
    /// The page with this index.
    ///
    /// # Errors
    /// `InvalidArgument`: what the list has in its place is no address of a page below UTOP.
    fn get(self, index: u32) -> Result<UserPage, Error>;
    /// The place of the page with this index among those of a table, which are these from `first`
    /// on. `None`: it is not one of them.
    fn place(self, index: u32, first: UserPage) -> Option<u32>;
    /// Whether a leaf is as it was seen at the page with this index. A and D do not matter.
    fn expects(self, index: u32, leaf: Entry) -> bool;
    /// The first `pages` pages, or all if they are fewer.
    fn at_most(self, pages: u32) -> Self;
}

impl Pages for PageRange {
    const LISTED: bool = false;

    #[inline(always)]
    fn count(self) -> u32 {
        self.pages()
    }

    #[inline(always)]
    fn get(self, index: u32) -> Result<UserPage, Error> {
        Ok(self.page(index))
    }

    #[inline(always)]
    fn place(self, index: u32, first: UserPage) -> Option<u32> {
        Some(self.page(index).page().number() - first.page().number())
    }

    #[inline(always)]
    fn expects(self, _: u32, _: Entry) -> bool {
        true
    }

    #[inline(always)]
    fn at_most(self, pages: u32) -> Self {
        Self::at_most(self, pages)
    }
}

impl Pages for &[Seen] {
    const LISTED: bool = true;

    #[inline(always)]
    fn count(self) -> u32 {
        self.len() as u32
    }

    #[inline(always)]
    fn get(self, index: u32) -> Result<UserPage, Error> {
        UserPage::new(self[index as usize].page)
    }

    #[inline(always)]
    fn place(self, index: u32, first: UserPage) -> Option<u32> {
        let in_table = self[index as usize].page.wrapping_sub(first.address());
        (in_table & !IN_TABLE == 0).then_some(in_table / PAGE_SIZE)
    }

    #[inline(always)]
    fn expects(self, index: u32, leaf: Entry) -> bool {
        (leaf.bits() ^ self[index as usize].entry) & COMPARED == 0
    }

    #[inline(always)]
    fn at_most(self, pages: u32) -> Self {
        &self[..self.len().min(pages as usize)]
    }
}

/// How far a walk has come, and the error that stopped it there.
pub(crate) type Walked = Result<u32, (u32, Error)>;

/// Where a run of pages lies.
#[derive(Clone, Copy)]
pub(super) struct Run {
    /// The first page of the table.
    pub table: UserPage,
    /// The index of the page behind the run; of a list, behind the list.
    pub end: u32,
}

impl Run {
    /// The run of the page with this index.
    #[inline(always)]
    pub fn of<P: Pages>(pages: P, index: u32, page: UserPage) -> Self {
        let to_the_end = ENTRIES - page.page().table_index();
        let end = if P::LISTED { pages.count() } else { pages.count().min(index + to_the_end) };
        Self { table: page.slot().first_page(), end }
    }
}

impl<H: Hardware> Memory<'_, H> {
    /// Gives `present` or `absent` the pages with their leaves, from the one with the index `done`
    /// on: up to the first for which it fails, or answers that it is the last. Runs of a range that
    /// have no table are passed over. Returns the index of the first page that is not done, with the
    /// error that stopped the walk there.
    ///
    /// # Errors
    /// Those of the two, and of [`Pages::get`]; `Busy`: the leaf of a listed page is another one
    /// than was seen.
    #[inline(always)]
    pub fn walk<P: Pages>(
        &mut self,
        space: Space,
        pages: P,
        mut done: u32,
        mut present: impl FnMut(&mut Self, SpacePage, u32, Entry) -> Result<bool, Error>,
        mut absent: impl FnMut(&mut Self, SpacePage, Entry) -> Result<bool, Error>,
    ) -> Walked {
        while done < pages.count() {
            let page = pages.get(done).map_err(|error| (done, error))?;
            let run = Run::of(pages, done, page);
            let has_table = self.has_table(space, page);
            while has_table
                && done < run.end
                && let Some(place) = pages.place(done, run.table)
            {
                let at = space.at(run.table.plus(place));
                let leaf = self.leaf_of_table(space, at.page);
                let goes_on = if !pages.expects(done, leaf) {
                    Err(Error::Busy)
                } else if leaf.is_present() {
                    present(self, at, done, leaf)
                } else {
                    absent(self, at, leaf)
                };
                let goes_on = goes_on.map_err(|error| (done, error))?;
                done += 1;
                if !goes_on {
                    return Ok(done);
                }
            }
            if !has_table && P::LISTED {
                if !pages.expects(done, Entry::ABSENT) {
                    return Err((done, Error::Busy));
                }
                let goes_on = absent(self, space.at(page), Entry::ABSENT);
                let goes_on = goes_on.map_err(|error| (done, error))?;
                done += 1;
                if !goes_on {
                    return Ok(done);
                }
            } else if !has_table {
                done = run.end;
            }
        }
        Ok(done)
    }
}
