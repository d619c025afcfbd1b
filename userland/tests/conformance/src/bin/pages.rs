//! `pages`: calls 4 and 6: which pages are mapped and unmapped.
#![no_std]
#![no_main]

use conformance::calls::{env_destroy, getenvid, page_alloc, page_map, page_unmap};
use conformance::claims::{Outcome, equal, holds};
use conformance::family::{blank_child, end};
use conformance::shown::{
    BAD_ENV, BAD_PAGES, BAD_PERMISSIONS, INVALID, READ, WRITE, count, entry, flags, frame, fresh,
    pageref, strangers, test_page,
};
use conformance::upcall::{handle_faults, peek};
use support::memory::{load, store};

conformance::program! {
    page_alloc_maps_a_page_of_zeros,
    page_alloc_replaces_what_was_there,
    page_alloc_takes_the_marks_of_programs,
    page_alloc_takes_no_other_permissions,
    page_alloc_takes_only_pages_below_utop,
    page_alloc_reaches_only_oneself_and_children,
    page_alloc_maps_into_a_child,
    page_zero_can_be_mapped,
    no_page_below_utop_is_reserved,
    page_unmap_of_nothing_is_no_error,
    page_unmap_gives_the_frame_back,
    page_unmap_takes_only_pages_below_utop,
    page_unmap_reaches_only_oneself_and_children,
    an_unmapped_page_faults_at_once,
    what_is_refused_changes_nothing,
}

fn is_zero(page: u32) -> bool {
    (page..page + 0x1000).step_by(4).all(|at| load(at) == 0)
}

fn fill(page: u32, word: u32) {
    (page..page + 0x1000).step_by(4).for_each(|at| store(at, word));
}

/// The frame that was written last is the first to be allocated again.
fn page_alloc_maps_a_page_of_zeros() -> Outcome {
    let page = fresh(1);
    let mut seen = [0; 4];
    for frame_seen in &mut seen {
        fill(page, 0xDEAD_BEEF);
        *frame_seen = frame(page);
        equal("unmap", page_unmap(0, page), 0)?;
        equal("allocate", page_alloc(0, page, WRITE), 0)?;
        holds("zeros", is_zero(page))?;
    }
    holds("a used frame came back", seen.contains(&frame(page)))
}

fn page_alloc_replaces_what_was_there() -> Outcome {
    let page = fresh(1);
    equal("keep", page_map((0, page), (0, test_page(2)), WRITE), 0)?;
    store(page, 7);
    equal("allocate", page_alloc(0, page, WRITE), 0)?;
    equal("new and old", [load(page), load(test_page(2))], [0, 7])?;
    equal("counts", [pageref(page), pageref(test_page(2))], [1, 1])?;
    equal("allocate without W", page_alloc(0, page, READ), 0)?;
    equal("flags", flags(page) & 0xE07, 5)
}

fn page_alloc_takes_the_marks_of_programs() -> Outcome {
    for perm in [5, 7, 0x205, 0x407, 0x807, 0xE05, 0xE07] {
        equal("allocate", page_alloc(0, test_page(1), perm), 0)?;
        equal("flags", flags(test_page(1)), perm)?;
    }
    Ok(())
}

fn page_alloc_takes_no_other_permissions() -> Outcome {
    for perm in BAD_PERMISSIONS {
        equal("permissions", (perm, page_alloc(0, test_page(1), perm)), (perm, -3))?;
    }
    Ok(())
}

fn page_alloc_takes_only_pages_below_utop() -> Outcome {
    for va in BAD_PAGES {
        equal("page", (va, page_alloc(0, va, WRITE)), (va, -3))?;
    }
    Ok(())
}

fn page_alloc_reaches_only_oneself_and_children() -> Outcome {
    for env in strangers() {
        equal("env", (env, page_alloc(env, test_page(1), WRITE)), (env, -2))?;
    }
    equal("by 0", page_alloc(0, test_page(1), WRITE), 0)?;
    equal("by id", page_alloc(getenvid(), test_page(1), READ), 0)?;
    equal("flags", flags(test_page(1)), 5)
}

fn page_alloc_maps_into_a_child() -> Outcome {
    let child = blank_child()?;
    let own = fresh(1);
    let before = entry(own);
    equal("allocate", page_alloc(child, test_page(1), WRITE), 0)?;
    equal("the same place here", entry(own), before)?;
    equal("see it", page_map((child, test_page(1)), (0, test_page(2)), WRITE), 0)?;
    holds("another frame", frame(test_page(2)) != frame(own))?;
    equal("count", pageref(test_page(2)), 2)?;
    holds("zeros", is_zero(test_page(2)))?;
    end(child)
}

fn page_zero_can_be_mapped() -> Outcome {
    equal("allocate", page_alloc(0, 0, WRITE), 0)?;
    store(0x10, 0x1234);
    equal("word", load(0x10), 0x1234)?;
    equal("unmap", page_unmap(0, 0), 0)?;
    equal("it faults", peek(0x10), None)
}

fn no_page_below_utop_is_reserved() -> Outcome {
    let pages = [
        0x0000_1000,
        0x0010_0000,
        0x001F_F000,
        0x0020_1000,
        0x0040_0000,
        0x007F_F000,
        0x007F_E000,
        0x0FFF_F000,
        0x2000_0000,
        0x8000_0000,
        0xC000_0000,
        0xCFFF_F000,
        0xD000_0000,
        0xD002_0000,
        0xEE80_0000,
        0xEEBF_E000,
    ];
    for page in pages {
        equal("allocate", (page, page_alloc(0, page, WRITE)), (page, 0))?;
        store(page + 0xFFC, page);
    }
    for page in pages {
        equal("word", load(page + 0xFFC), page)?;
        equal("unmap", page_unmap(0, page), 0)?;
    }
    Ok(())
}

fn page_unmap_of_nothing_is_no_error() -> Outcome {
    let page = fresh(1);
    equal("a page", page_unmap(0, page), 0)?;
    equal("entry", entry(page), 0)?;
    equal("again", page_unmap(0, page), 0)?;
    equal("no table", page_unmap(0, 0x4000_0000), 0)?;
    equal("still none", entry(0x4000_0000), 0)
}

fn page_unmap_gives_the_frame_back() -> Outcome {
    let page = fresh(1);
    equal("map", page_map((0, page), (0, test_page(2)), READ), 0)?;
    let number = frame(page);
    equal("count", count(number), 2)?;
    equal("one", page_unmap(0, page), 0)?;
    equal("count", count(number), 1)?;
    equal("other", page_unmap(0, test_page(2)), 0)?;
    equal("count", count(number), 0)
}

fn page_unmap_takes_only_pages_below_utop() -> Outcome {
    for va in BAD_PAGES {
        equal("page", (va, page_unmap(0, va)), (va, -3))?;
    }
    Ok(())
}

fn page_unmap_reaches_only_oneself_and_children() -> Outcome {
    let page = fresh(1);
    for env in strangers() {
        equal("env", (env, page_unmap(env, page)), (env, -2))?;
    }
    let child = blank_child()?;
    equal("a child's", page_unmap(child, page), 0)?;
    equal("one's own is there", flags(page) & 7, 7)?;
    equal("end", env_destroy(child), 0)?;
    equal("one that has ended", page_unmap(child, page), BAD_ENV)
}

fn an_unmapped_page_faults_at_once() -> Outcome {
    let page = fresh(1);
    handle_faults();
    store(page, 1);
    equal("word", peek(page), Some(1))?;
    equal("unmap", page_unmap(0, page), 0)?;
    equal("gone", peek(page), None)
}

fn what_is_refused_changes_nothing() -> Outcome {
    let (page, other) = (fresh(1), fresh(2));
    store(page, 1);
    store(other, 2);
    let before = [entry(page), entry(other), pageref(page), pageref(other)];
    let stranger = 0x1000 | 999;
    let refused = [
        page_alloc(0, page, 2),
        page_alloc(stranger, page, 7),
        page_map((0, test_page(3)), (0, other), 7),
        page_map((0, page), (0, other), 0x1007),
        page_map((stranger, page), (0, other), 7),
        page_map((0, page), (stranger, other), 7),
        page_unmap(stranger, page),
    ];
    equal("results", refused, [INVALID, BAD_ENV, INVALID, INVALID, BAD_ENV, BAD_ENV, BAD_ENV])?;
    equal(
        "entries and counts",
        [entry(page), entry(other), pageref(page), pageref(other)],
        before,
    )?;
    equal("words", [load(page), load(other)], [1, 2])
}
