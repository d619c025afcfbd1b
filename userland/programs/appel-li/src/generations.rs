//! A collector with two generations. Cells are allocated in a nursery; the cells that are live when
//! the nursery is full become old.
//!
//! An old cell may come to refer to a young one. So that a collection of the nursery need not read
//! all old cells, the memory remembers which old pages were written ([`Watched`]), by faults or by
//! dirty bits.
//!
//! Pure over [`Watched`]. Assumed: the caller keeps every reference in the roots while
//! [`Generations::reserve`] runs.
//!
//! Not done: ageing. A cell becomes old at the first collection that finds it live.

use alloc::vec::Vec;
use core::ops::Range;

use libsys::abi::layout::PAGE_SIZE;

use crate::copying::{CELL, Copying, Memory, Value};

/// Memory that remembers which pages were written. A page is named by its first address.
pub trait Watched: Memory {
    /// Calls `each` with the pages that were written since they were last watched, in order.
    fn written(&mut self, pages: Range<u32>, each: impl FnMut(u32));

    /// Permits the collector itself to write a page.
    fn open(&mut self, page: u32);

    /// Counts these pages as not written, and watches them.
    fn watch(&mut self, pages: Range<u32>);
}

/// The old generation has no room for the live cells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

/// What the collections have done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Work {
    /// Collections of the nursery.
    pub minor: u32,
    /// Collections of the old generation.
    pub major: u32,
    /// Old pages that were read because they had been written.
    pub pages: u32,
}

/// The heap.
#[derive(Debug)]
pub struct Generations<M> {
    memory: M,
    nursery: Range<u32>,
    next: u32,
    /// The space of the old cells. A major collection moves them to the other space.
    old: Range<u32>,
    other: Range<u32>,
    old_end: u32,
    work: Work,
}

impl<M: Watched> Generations<M> {
    /// A heap with a nursery of `nursery` pages and two spaces of `old` pages for old cells, one
    /// after the other from `start`, the first address of a page.
    #[must_use]
    pub fn new(memory: M, start: u32, nursery: u32, old: u32) -> Self {
        let nursery = start..start + nursery * PAGE_SIZE;
        let first = nursery.end..nursery.end + old * PAGE_SIZE;
        let second = first.end..first.end + old * PAGE_SIZE;
        Self {
            memory,
            next: nursery.start,
            old_end: first.start,
            old: first,
            other: second,
            nursery,
            work: Work::default(),
        }
    }

    /// What the collections have done.
    #[must_use]
    pub const fn work(&self) -> Work {
        self.work
    }

    /// The memory.
    pub const fn memory(&mut self) -> &mut M {
        &mut self.memory
    }

    /// The old cells.
    #[must_use]
    pub const fn old_cells(&self) -> Range<u32> {
        self.old.start..self.old_end
    }

    /// A field of a cell: 0 or 1.
    #[must_use]
    pub fn get(&self, cell: u32, field: u32) -> Value {
        Value::from_word(self.memory.load(cell + 4 * field))
    }

    /// Changes a field of a cell.
    pub fn set(&mut self, cell: u32, field: u32, value: Value) {
        self.memory.store(cell + 4 * field, value.word());
    }

    /// A new cell.
    ///
    /// # Panics
    /// If [`Generations::reserve`] did not succeed for it.
    pub fn cons(&mut self, first: Value, second: Value) -> Value {
        let cell = self.next;
        assert!(cell < self.nursery.end, "more cells than were reserved");
        self.next += CELL;
        self.set(cell, 0, first);
        self.set(cell, 1, second);
        Value::cell(cell)
    }

    /// Makes sure that `cells` cells can be allocated, by collections if necessary, which change
    /// the roots.
    ///
    /// # Errors
    /// `Full`: there is no room for the next collection, or the nursery is smaller than that.
    /// Nothing is lost.
    pub fn reserve(&mut self, cells: u32, roots: &mut [Value]) -> Result<(), Full> {
        let free = |heap: &Self| (heap.nursery.end - heap.next) / CELL;
        if free(self) < cells {
            self.collect(roots)?;
        }
        if free(self) < cells { Err(Full) } else { Ok(()) }
    }

    /// Makes all live cells old.
    ///
    /// # Errors
    /// `Full`: there is no room for so many.
    pub fn collect(&mut self, roots: &mut [Value]) -> Result<(), Full> {
        if self.room() < self.next - self.nursery.start {
            return Err(Full);
        }
        self.minor(roots);
        if self.room() < self.nursery.end - self.nursery.start {
            self.major(roots);
        }
        Ok(())
    }

    /// Moves all live old cells to the other space, after [`Generations::collect`].
    ///
    /// # Panics
    /// If there are young cells.
    pub fn major(&mut self, roots: &mut [Value]) {
        assert_eq!(self.next, self.nursery.start, "young cells refer to old ones");
        let old = self.old_cells();
        // Each cell that moves leaves its new address where it was, so its page is written. The
        // other space has been writable since the last major collection.
        for page in (old.start..old.end).step_by(PAGE_SIZE as usize) {
            self.memory.open(page);
        }
        let mut copying = Copying::new(&mut self.memory, old, self.other.start);
        roots.iter_mut().for_each(|root| *root = copying.root(*root));
        self.old_end = copying.finish();
        core::mem::swap(&mut self.old, &mut self.other);
        self.memory.watch(self.old.start..page_end(self.old_end));
        self.work.major += 1;
    }

    /// Bytes of the old generation that are free.
    const fn room(&self) -> u32 {
        self.old.end - self.old_end
    }

    fn minor(&mut self, roots: &mut [Value]) {
        let old = self.old_cells();
        let mut written = Vec::new();
        self.memory.written(old.start..page_end(old.end), |page| written.push(page));
        self.work.pages += written.len() as u32;
        // Cells become old from this address on, and its page may be watched.
        let first = page_of(old.end);
        if first != old.end && written.last() != Some(&first) {
            self.memory.open(first);
        }
        let mut copying = Copying::new(&mut self.memory, self.nursery.start..self.next, old.end);
        roots.iter_mut().for_each(|root| *root = copying.root(*root));
        for page in &written {
            copying.roots_in(*page..old.end.min(page + PAGE_SIZE));
        }
        self.old_end = copying.finish();
        self.next = self.nursery.start;
        written.retain(|page| *page != first);
        for run in runs(&written) {
            self.memory.watch(run);
        }
        self.memory.watch(first..page_end(self.old_end));
        self.work.minor += 1;
    }
}

const fn page_of(address: u32) -> u32 {
    address & !(PAGE_SIZE - 1)
}

const fn page_end(address: u32) -> u32 {
    address.next_multiple_of(PAGE_SIZE)
}

/// Neighbouring pages as one range.
fn runs(pages: &[u32]) -> impl Iterator<Item = Range<u32>> {
    let runs = pages.chunk_by(|page, next| page + PAGE_SIZE == *next);
    runs.map(|run| run[0]..run[run.len() - 1] + PAGE_SIZE)
}

#[cfg(test)]
mod tests;
