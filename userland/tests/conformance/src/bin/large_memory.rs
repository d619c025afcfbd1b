//! `large_memory`: a machine with more than 256 MiB, where JOS panics.
#![no_std]
#![no_main]

use conformance::calls::page_alloc;
use conformance::claims::{Outcome, equal, holds};
use conformance::shown::{count, frame};
use support::memory::{load, store};

conformance::program! {
    frames_above_256_mib_are_handed_out,
    they_keep_what_is_written,
    their_counts_can_be_read,
}

/// The first frame above 256 MiB.
const ABOVE: u32 = 0x1000_0000 / 0x1000;
/// The address of the pages.
const PAGES: u32 = 0x2000_0000;
/// How many pages: 384 MiB.
const NUMBER: u32 = 0x1800_0000 / 0x1000;

fn pages() -> impl Iterator<Item = u32> {
    (0..NUMBER).map(|number| PAGES + 0x1000 * number)
}

fn frames_above_256_mib_are_handed_out() -> Outcome {
    let mut above = 0;
    for page in pages() {
        equal("allocate", page_alloc(0, page, 7), 0)?;
        store(page, page);
        store(page + 0xFFC, !page);
        above += u32::from(frame(page) >= ABOVE);
    }
    holds("a quarter of them is above", above > NUMBER / 4)
}

fn they_keep_what_is_written() -> Outcome {
    for page in pages() {
        equal("words", [load(page), load(page + 0xFFC)], [page, !page])?;
    }
    Ok(())
}

/// UPAGES shows the first 2 GiB.
fn their_counts_can_be_read() -> Outcome {
    for page in pages().filter(|page| frame(*page) < 0x8_0000) {
        equal("count", (page, count(frame(page))), (page, 1))?;
    }
    Ok(())
}
