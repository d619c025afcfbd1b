//! Reference counts of frames: they have 32 bits, and are right.

use libsys::call::Change;
use libsys::{PageRange, Target, machine, page_unmap, range_share, range_unmap};

use crate::expect::{Outcome, checks, equal};
use crate::memory::{fresh, leaf, mappings, test_page, test_pages};
use support::memory::{load, store};

checks! {
    one_frame_has_70000_mappings,
}

/// More mappings than 16 bits can count.
const MAPPINGS: u32 = 70_000;
const SELF: Target = Target::Caller;

fn one_frame_has_70000_mappings() -> Outcome {
    let first = fresh(0)?;
    store(first.address(), 0x7000_0000);
    let frame = leaf(first).frame();
    // Each round maps the pages that are mapped once more behind them, up to 1,024 pages at a time.
    let mut mapped = 1;
    while mapped < MAPPINGS {
        let pages = mapped.min(PageRange::LIMIT).min(MAPPINGS - mapped);
        range_share((SELF, test_pages(0, pages)?), (SELF, test_page(mapped)), Change::NONE, false)?;
        mapped += pages;
    }
    equal("mappings", mappings(first), Some(MAPPINGS))?;
    for index in [1, 65_535, 65_536, MAPPINGS - 1] {
        equal("the frame", leaf(test_page(index)).frame(), frame)?;
        equal("its contents", load(test_page(index).address()), 0x7000_0000)?;
    }
    let free = machine().free;
    // With 16 bits the frame would be free after 4,464 of these pages.
    let mut index = 1;
    while index < MAPPINGS {
        let pages = PageRange::LIMIT.min(MAPPINGS - index);
        range_unmap(SELF, test_pages(index, pages)?, libsys::Permissions::empty())?;
        index += pages;
    }
    equal("mappings that are left", mappings(first), Some(1))?;
    equal("free frames", machine().free, free)?;
    equal("the contents", load(first.address()), 0x7000_0000)?;
    page_unmap(SELF, first, libsys::Permissions::empty())?;
    equal("free frames after the last", machine().free, free + 1)
}
