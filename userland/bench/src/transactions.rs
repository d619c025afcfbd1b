//! What a page of a transaction costs.
//!
//! The lists are written before. `protn_scattered` also counts reading the entries through the
//! window and writing the lists.

use libsys::abi::transaction::{Kind, Seen, Wish};
use libsys::paging::primitives::protn_scattered;
use libsys::{Entry, Error, Permissions, Target, UserPage, page_allocate, transact, window};

use crate::stopwatch::{Outcome, repeat};
use crate::test_pages::{allocate, test_page};

/// Pages of a transaction.
const PAGES: u32 = 100;
/// From one single page to the next.
const STRIDE: u32 = 7;
/// Where pages are mapped: from this test page on.
const SECOND: u32 = 1024;

const READ_ONLY: Wish = wish(Kind::Protect, Permissions::WRITE, Permissions::empty(), 0);
const WRITABLE: Wish = wish(Kind::Protect, Permissions::empty(), Permissions::WRITE, 0);
const UNMAP: Wish = wish(Kind::Unmap, Permissions::empty(), Permissions::empty(), 0);
const MAP: Wish = wish(Kind::Map, Permissions::empty(), Permissions::empty(), SECOND);

const fn wish(kind: Kind, drop: Permissions, add: Permissions, distance: u32) -> Wish {
    Wish { kind, drop, add, distance }
}

/// `transact_protect_per_page`, `transact_map_per_page`, `transact_unmap_per_page`, `protn_scattered_per_page`,
/// a page.
pub fn run() -> Outcome {
    allocate(Target::Caller, PAGES * STRIDE)?;
    page_allocate(Target::Caller, test_page(SECOND), Permissions::WRITE)?;
    let mut pages = [Seen::NONE; PAGES as usize];
    let protected = repeat(100, |watch| {
        for wish in [READ_ONLY, WRITABLE] {
            let list = listed(&mut pages, 0, STRIDE);
            watch.time(|| make(list, wish))?;
        }
        Ok(())
    })?;
    protected.print("transact_protect_per_page", PAGES);
    let mapped = repeat(100, |watch| {
        let list = listed(&mut pages, 0, STRIDE);
        watch.time(|| make(list, MAP))?;
        make(listed(&mut pages, SECOND, STRIDE), UNMAP)?;
        Ok(())
    })?;
    mapped.print("transact_map_per_page", PAGES);
    let unmapped = repeat(100, |watch| {
        make(listed(&mut pages, 0, STRIDE), MAP)?;
        let list = listed(&mut pages, SECOND, STRIDE);
        watch.time(|| make(list, UNMAP))?;
        Ok(())
    })?;
    unmapped.print("transact_unmap_per_page", PAGES);
    let scattered: [UserPage; PAGES as usize] =
        core::array::from_fn(|index| test_page(index as u32 * STRIDE));
    let protected = repeat(100, |watch| {
        watch.time(|| protn_scattered(&scattered))?;
        make(listed(&mut pages, 0, STRIDE), WRITABLE)?;
        Ok(())
    })?;
    protected.print("protn_scattered_per_page", PAGES);
    Ok(())
}

/// Notes test pages from `first` on, `stride` pages apart, as they are now.
fn listed(list: &mut [Seen; PAGES as usize], first: u32, stride: u32) -> &[Seen] {
    for (seen, index) in list.iter_mut().zip(0..) {
        let page = test_page(first + index * stride);
        *seen = Seen::new(page, window().entry_of(page.page()).unwrap_or(Entry::ABSENT));
    }
    list
}

fn make(list: &[Seen], wish: Wish) -> Result<u32, Error> {
    Ok(transact(Target::Caller, list, wish)?)
}
