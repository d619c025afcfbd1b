//! `mappings`: call 5: pages that are mapped twice.
#![no_std]
#![no_main]

use conformance::calls::{getenvid, page_alloc, page_map, page_unmap};
use conformance::claims::{Outcome, equal};
use conformance::family::{blank_child, end};
use conformance::shown::{
    BAD_PAGES, BAD_PERMISSIONS, INVALID, READ, WRITE, count, entry, flags, frame, fresh, pageref,
    strangers, test_page,
};
use conformance::upcall::{Access, touch};
use support::Registers;
use support::memory::{load, store};

conformance::program! {
    page_map_shares_the_frame,
    page_map_gives_no_write_to_a_read_only_source,
    page_map_drops_write_and_changes_marks,
    page_map_of_nothing_is_invalid,
    page_map_takes_no_other_permissions,
    page_map_takes_only_pages_below_utop,
    page_map_reaches_only_oneself_and_children,
    page_map_moves_pages_between_parent_and_children,
    page_map_replaces_what_was_there,
    page_map_onto_itself_clears_accessed_and_dirty,
    page_map_onto_itself_flushes,
}

fn page_map_shares_the_frame() -> Outcome {
    let (page, other) = (fresh(1), test_page(2));
    equal("map", page_map((0, page), (0, other), WRITE), 0)?;
    equal("frame", frame(other), frame(page))?;
    equal("count", pageref(page), 2)?;
    store(other + 8, 0xABCD);
    equal("word", load(page + 8), 0xABCD)
}

fn page_map_gives_no_write_to_a_read_only_source() -> Outcome {
    let (page, other) = (test_page(1), test_page(2));
    equal("allocate", page_alloc(0, page, READ), 0)?;
    equal("unmap", page_unmap(0, other), 0)?;
    equal("W", page_map((0, page), (0, other), WRITE), INVALID)?;
    equal("W onto itself", page_map((0, page), (0, page), WRITE), INVALID)?;
    equal("nothing was mapped", entry(other), 0)?;
    equal("no W", page_map((0, page), (0, other), READ), 0)
}

fn page_map_drops_write_and_changes_marks() -> Outcome {
    let (page, other) = (fresh(1), test_page(2));
    equal("map", page_map((0, page), (0, other), 0x805), 0)?;
    equal("flags", flags(other), 0x805)?;
    equal("the source's", flags(page) & 0xE07, 7)?;
    equal("exception stack", page_alloc(0, 0xEEBF_F000, WRITE), 0)?;
    let write = Registers { ecx: other, ..Registers::default() };
    let caught = touch(Access::Write, write);
    equal("a write faults", caught.map(|caught| (caught.word(0), caught.word(4))), Some((other, 7)))
}

fn page_map_of_nothing_is_invalid() -> Outcome {
    equal("unmap", page_unmap(0, test_page(1)), 0)?;
    equal("no page", page_map((0, test_page(1)), (0, test_page(2)), READ), INVALID)?;
    equal("no table", page_map((0, 0x3000_0000), (0, test_page(2)), READ), INVALID)?;
    let child = blank_child()?;
    equal("not in a child", page_map((child, test_page(0)), (0, test_page(2)), READ), INVALID)?;
    end(child)
}

fn page_map_takes_no_other_permissions() -> Outcome {
    let page = fresh(1);
    for perm in BAD_PERMISSIONS {
        equal("permissions", (perm, page_map((0, page), (0, test_page(2)), perm)), (perm, -3))?;
    }
    Ok(())
}

fn page_map_takes_only_pages_below_utop() -> Outcome {
    let page = fresh(1);
    for va in BAD_PAGES {
        equal("source", (va, page_map((0, va), (0, test_page(2)), READ)), (va, -3))?;
        equal("destination", (va, page_map((0, page), (0, va), READ)), (va, -3))?;
    }
    Ok(())
}

fn page_map_reaches_only_oneself_and_children() -> Outcome {
    let page = fresh(1);
    for env in strangers() {
        equal("from", (env, page_map((env, page), (0, test_page(2)), READ)), (env, -2))?;
        equal("to", (env, page_map((0, page), (env, test_page(2)), READ)), (env, -2))?;
    }
    let id = getenvid();
    equal("oneself by id", page_map((id, page), (id, test_page(2)), READ), 0)
}

/// To a child, within it, from one child to another, and back.
fn page_map_moves_pages_between_parent_and_children() -> Outcome {
    let page = fresh(1);
    store(page, 0x5EED);
    let (one, two) = (blank_child()?, blank_child()?);
    equal("to a child", page_map((0, page), (one, 0x5000), WRITE), 0)?;
    equal("within it", page_map((one, 0x5000), (one, 0x9000_0000), READ), 0)?;
    equal("W is lost", page_map((one, 0x9000_0000), (two, 0), WRITE), INVALID)?;
    equal("to the other", page_map((one, 0x9000_0000), (two, 0), READ), 0)?;
    equal("back, with W", page_map((two, 0), (0, test_page(2)), WRITE), INVALID)?;
    equal("back", page_map((two, 0), (0, test_page(2)), READ), 0)?;
    equal("word", load(test_page(2)), 0x5EED)?;
    equal("count", pageref(page), 5)?;
    equal("within it", page_unmap(one, 0x5000), 0)?;
    equal("count", pageref(page), 4)?;
    end(one)?;
    end(two)?;
    equal("count", pageref(page), 2)
}

fn page_map_replaces_what_was_there() -> Outcome {
    let (page, other) = (fresh(1), fresh(2));
    let old = frame(other);
    store(page, 1);
    equal("map", page_map((0, page), (0, other), WRITE), 0)?;
    equal("word", load(other), 1)?;
    equal("counts: new, old", [pageref(page), count(old)], [2, 0])
}

/// The course's file server relies on it. A fresh page reads 007, after a read 027, after a write
/// 067.
fn page_map_onto_itself_clears_accessed_and_dirty() -> Outcome {
    let page = fresh(1);
    store(page, 9);
    equal("dirty", flags(page), 0x067)?;
    let before = frame(page);
    equal("map", page_map((0, page), (0, page), WRITE), 0)?;
    equal("clean", flags(page), 0x007)?;
    equal("frame and count", (frame(page), pageref(page)), (before, 1))?;
    equal("word", load(page), 9)
}

/// If the old translation were still cached, the second read and write would set no bit.
fn page_map_onto_itself_flushes() -> Outcome {
    let page = fresh(1);
    store(page, 9);
    for _ in 0..3 {
        equal("map", page_map((0, page), (0, page), WRITE), 0)?;
        load(page);
        equal("accessed", flags(page), 0x027)?;
        store(page, 10);
        equal("dirty", flags(page), 0x067)?;
    }
    Ok(())
}
