//! Quotas: what a child and all its descendants may have together.

use libsys::abi::call::PageTransfer;
use libsys::call::Partial;
use libsys::process::end;
use libsys::{
    Error, Permissions, Target, machine, page_allocate, page_map, page_unmap, process_create,
    range_allocate, range_share, receive, send, set_quota, usage,
};

use crate::expect::{Outcome, checks, equal, holds, refused};
use crate::family::{child, ends_well, idle_child, until_blocked};
use crate::memory::{fresh, parent, test_page, test_pages};

checks! {
    a_quota_bounds_frames_tables_included,
    a_quota_counts_shared_frames_for_each,
    a_range_call_says_where_the_quota_ended,
    marks_are_charged_for_their_table,
    a_page_by_message_is_charged_to_its_receiver,
    a_quota_bounds_processes,
    a_quota_bounds_descendants_together,
    a_quota_within_a_quota_cannot_exceed_it,
    a_quota_comes_before_children,
    a_full_quota_is_no_longer_full_when_a_child_is_gone,
}

const NONE: Permissions = Permissions::empty();
const WRITE: Permissions = Permissions::WRITE;

fn a_quota_bounds_frames_tables_included() -> Outcome {
    let child = process_create()?;
    // The directory, a table and two pages.
    set_quota(child, 4, 0)?;
    page_allocate(child, test_page(0), WRITE)?;
    page_allocate(child, test_page(1), WRITE)?;
    equal("used", usage(child)?.frames, 4)?;
    let free = machine().free;
    refused("a page", page_allocate(child, test_page(2), WRITE), Error::QuotaExceeded)?;
    refused(
        "a page with its table",
        page_allocate(child, test_page(9000), WRITE),
        Error::QuotaExceeded,
    )?;
    equal("free frames", machine().free, free)?;
    // A page in place of another one needs no frame more.
    page_allocate(child, test_page(1), WRITE)?;
    page_unmap(child, test_page(0), NONE)?;
    page_allocate(child, test_page(2), WRITE)?;
    let bounds = usage(child)?;
    equal("bounds", (bounds.frames, bounds.frame_bound, bounds.process_bound), (4, 4, 0))?;
    end(child)?;
    Ok(())
}

fn a_quota_counts_shared_frames_for_each() -> Outcome {
    let page = fresh(0)?;
    let child = process_create()?;
    set_quota(child, 3, 0)?;
    page_map((Target::Caller, page), (child, test_page(0)), WRITE)?;
    equal("directory, table, page", usage(child)?.frames, 3)?;
    let result = page_map((Target::Caller, page), (child, test_page(1)), WRITE);
    refused("a second mapping", result, Error::QuotaExceeded)?;
    equal("mappings", crate::memory::mappings(page), Some(2))?;
    end(child)?;
    Ok(())
}

fn a_range_call_says_where_the_quota_ended() -> Outcome {
    let child = process_create()?;
    set_quota(child, 2 + 10, 0)?;
    let result = range_allocate(child, test_pages(0, 64)?, WRITE);
    equal("allocate", result, Err(Partial { error: Error::QuotaExceeded, done: 10 }))?;
    range_allocate(Target::Caller, test_pages(0, 20)?, WRITE)?;
    page_unmap(child, test_page(3), NONE)?;
    let share = range_share(
        (Target::Caller, test_pages(0, 20)?),
        (child, test_page(100)),
        libsys::call::Change::NONE,
        false,
    );
    equal("share", share, Err(Partial { error: Error::QuotaExceeded, done: 1 }))?;
    end(child)?;
    Ok(())
}

fn marks_are_charged_for_their_table() -> Outcome {
    let child = process_create()?;
    set_quota(child, 1, 0)?;
    let marks = page_unmap(child, test_page(0), Permissions::COPY_ON_WRITE);
    refused("marks where there is no table", marks, Error::QuotaExceeded)?;
    equal("used", usage(child)?.frames, 1)?;
    set_quota(child, 2, 0)?;
    page_unmap(child, test_page(0), Permissions::COPY_ON_WRITE)?;
    equal("used", usage(child)?.frames, 2)?;
    end(child)?;
    Ok(())
}

fn a_page_by_message_is_charged_to_its_receiver() -> Outcome {
    let receiver = child(|| {
        let transfer = PageTransfer { page: test_page(5000), send: None, accept: true };
        let message = receive(None, Some(transfer))?;
        equal("what came", (message.words, message.page), ([2; 4], Some(NONE)))
    })?;
    until_blocked(receiver)?;
    let page = PageTransfer { page: fresh(0)?, send: Some(NONE), accept: false };
    set_quota(receiver, usage(receiver)?.frames + 1, 0)?;
    let result = send(receiver, [1; 4], Some(page));
    refused("a page and its table", result, Error::QuotaExceeded)?;
    equal("mappings", crate::memory::mappings(test_page(0)), Some(1))?;
    set_quota(receiver, 0, 0)?;
    send(receiver, [2; 4], Some(page))?;
    ends_well(receiver)
}

fn a_quota_bounds_processes() -> Outcome {
    let child = child(|| {
        crate::family::until("there is a quota", || {
            usage(Target::Caller).is_ok_and(|usage| usage.process_bound == 3)
        })?;
        let (one, two) = (process_create()?, process_create()?);
        refused("a third child", process_create(), Error::QuotaExceeded)?;
        equal("processes", usage(Target::Caller)?.processes, 3)?;
        end(one)?;
        let three = process_create()?;
        end(two)?;
        end(three)?;
        Ok(())
    })?;
    set_quota(child, 0, 3)?;
    ends_well(child)
}

fn a_quota_bounds_descendants_together() -> Outcome {
    let child = child(|| {
        crate::family::until("there is a quota", || {
            usage(Target::Caller).is_ok_and(|usage| usage.frame_bound != 0)
        })?;
        let grandchild = process_create()?;
        let used = usage(Target::Caller)?;
        let left = used.frame_bound - used.frames;
        // One frame goes for a page table.
        let result = range_allocate(grandchild, test_pages(0, 64)?, WRITE);
        equal(
            "in a grandchild",
            result,
            Err(Partial { error: Error::QuotaExceeded, done: left - 1 }),
        )?;
        refused(
            "here, too",
            page_allocate(Target::Caller, test_page(0), WRITE),
            Error::QuotaExceeded,
        )?;
        end(grandchild)?;
        page_allocate(Target::Caller, test_page(0), WRITE).map_err(Into::into)
    })?;
    // The frames of the child are counted from now on, so it must have all pages that it needs by
    // now.
    set_quota(child, usage(child)?.frames + 40, 0)?;
    ends_well(child)
}

fn a_quota_within_a_quota_cannot_exceed_it() -> Outcome {
    let outer = child(|| {
        crate::family::until("there is a quota", || {
            usage(Target::Caller).is_ok_and(|usage| usage.frame_bound != 0)
        })?;
        let inner = process_create()?;
        set_quota(inner, 0xFFFF_FFFF, 0)?;
        let result = range_allocate(inner, test_pages(0, 64)?, WRITE);
        holds(
            "bounded by the grandparent",
            result.is_err_and(|partial| partial.error == Error::QuotaExceeded),
        )?;
        end(inner)?;
        let inner = process_create()?;
        set_quota(inner, 5, 0)?;
        let result = range_allocate(inner, test_pages(0, 64)?, WRITE);
        equal("bounded by itself", result, Err(Partial { error: Error::QuotaExceeded, done: 3 }))?;
        end(inner)?;
        Ok(())
    })?;
    set_quota(outer, usage(outer)?.frames + 50, 0)?;
    ends_well(outer)
}

fn a_quota_comes_before_children() -> Outcome {
    let child = child(|| {
        idle_child()?;
        libsys::receive(None, None)?;
        Ok(())
    })?;
    until_blocked(child)?;
    refused("it has a child", set_quota(child, 1000, 0), Error::Busy)?;
    equal("no bound", usage(child)?.frame_bound, 0)?;
    libsys::destroy(child, true)?;
    libsys::process::wait(Some(child))?;
    refused("one's own", set_quota(libsys::process::id(), 1, 1), Error::NoSuchProcess)?;
    refused("one's parent's", set_quota(parent()?, 1, 1), Error::NoSuchProcess)
}

fn a_full_quota_is_no_longer_full_when_a_child_is_gone() -> Outcome {
    let child = child(|| {
        crate::family::until("there is a quota", || {
            usage(Target::Caller).is_ok_and(|usage| usage.process_bound != 0)
        })?;
        for _ in 0..50 {
            let grandchild = process_create()?;
            refused("one too many", process_create(), Error::QuotaExceeded)?;
            end(grandchild)?;
        }
        Ok(())
    })?;
    set_quota(child, 0, 2)?;
    ends_well(child)
}
