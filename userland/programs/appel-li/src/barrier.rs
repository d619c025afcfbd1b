//! How writes to old pages are noticed (the write barrier): by a fault at the first write, or by
//! the dirty bit of each page.
//!
//! Both are a [`Watched`] memory at [`crate::raw_pages`]. Dirty bits are read from the window
//! without a call, and they slow down no write; but every page of the old generation must be looked
//! at. A fault names the page that was written, but is expensive.

use core::ops::Range;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use libsys::abi::layout::PAGE_SIZE;
use libsys::paging::fault::{Fault, Handled};
use libsys::paging::primitives;
use libsys::{Error, PageRange, UserPage};

use crate::copying::Memory;
use crate::generations::Watched;
use crate::raw_pages::{END, START, load, store};

/// Pages are watched by PROTN. TRAP remembers the pages that are written, and UNPROT permits the
/// write.
#[derive(Debug)]
pub struct ByFaults(());

/// Pages are watched by clearing their dirty bits.
#[derive(Debug)]
pub struct ByDirtyBits(());

/// Words of a set with one bit for each raw page.
const WORDS: usize = ((END - START) / PAGE_SIZE / 32) as usize;
/// The pages that were written since they were protected.
static WRITTEN: [AtomicU32; WORDS] = [const { AtomicU32::new(0) }; WORDS];
static FAULTS: AtomicU32 = AtomicU32::new(0);

impl ByFaults {
    /// Installs the fault handler.
    ///
    /// # Errors
    /// See [`primitives::trap`].
    pub fn new() -> Result<Self, Error> {
        primitives::trap(Some(remember))?;
        Ok(Self(()))
    }

    /// How many faults there were.
    #[must_use]
    pub fn faults() -> u32 {
        FAULTS.load(Relaxed)
    }
}

impl ByDirtyBits {
    /// Removes the fault handler: it is not needed.
    ///
    /// # Errors
    /// See [`primitives::trap`].
    pub fn new() -> Result<Self, Error> {
        primitives::trap(None)?;
        Ok(Self(()))
    }
}

fn remember(fault: &mut Fault<'_>) -> Handled {
    let Some(page) = fault.page().filter(|page| (START..END).contains(&page.address())) else {
        return Handled::PassOn;
    };
    FAULTS.store(FAULTS.load(Relaxed) + 1, Relaxed);
    let (word, bit) = bit(page.address());
    word.store(word.load(Relaxed) | bit, Relaxed);
    match primitives::unprot(page) {
        Ok(()) => Handled::Resume,
        Err(_) => Handled::PassOn,
    }
}

fn bit(page: u32) -> (&'static AtomicU32, u32) {
    let index = (page - START) / PAGE_SIZE;
    (&WRITTEN[index as usize / 32], 1 << (index % 32))
}

/// Ranges of at most as many pages as one call takes.
fn ranges(pages: Range<u32>) -> impl Iterator<Item = PageRange> {
    const MOST: u32 = PageRange::LIMIT * PAGE_SIZE;
    pages.clone().step_by(MOST as usize).map(move |start| {
        let length = (pages.end - start).min(MOST) / PAGE_SIZE;
        PageRange::new(UserPage::known(start), length).expect("raw pages are a process's")
    })
}

impl Memory for ByFaults {
    #[inline(always)]
    fn load(&self, address: u32) -> u32 {
        load(address)
    }

    #[inline(always)]
    fn store(&mut self, address: u32, word: u32) {
        store(address, word);
    }
}

impl Watched for ByFaults {
    fn written(&mut self, pages: Range<u32>, mut each: impl FnMut(u32)) {
        for page in pages.step_by(PAGE_SIZE as usize) {
            let (word, bit) = bit(page);
            if word.load(Relaxed) & bit != 0 {
                each(page);
            }
        }
    }

    fn open(&mut self, page: u32) {
        primitives::unprot(UserPage::known(page)).expect("the page is the program's");
    }

    fn watch(&mut self, pages: Range<u32>) {
        ranges(pages.clone())
            .for_each(|range| primitives::protn(range).expect("the pages are the program's"));
        for page in pages.step_by(PAGE_SIZE as usize) {
            let (word, bit) = bit(page);
            word.store(word.load(Relaxed) & !bit, Relaxed);
        }
    }
}

impl Memory for ByDirtyBits {
    #[inline(always)]
    fn load(&self, address: u32) -> u32 {
        load(address)
    }

    #[inline(always)]
    fn store(&mut self, address: u32, word: u32) {
        store(address, word);
    }
}

impl Watched for ByDirtyBits {
    fn written(&mut self, pages: Range<u32>, mut each: impl FnMut(u32)) {
        ranges(pages).for_each(|range| primitives::dirty(range, |page| each(page.address())));
    }

    /// Every page can be written.
    fn open(&mut self, _: u32) {}

    fn watch(&mut self, pages: Range<u32>) {
        ranges(pages)
            .for_each(|range| primitives::clean(range).expect("the pages are the program's"));
    }
}
