//! The longest calls: for how many instructions one entry into the kernel keeps interrupts off.
//!
//! A range call does a bounded amount of work, and the functions of libsys make it again for the
//! rest. So these rows make each range call once, through a [`Gate`]. Each row is the most expensive
//! case of its call: a range of 1,024 pages of a space that is not loaded, sealed pages, pages that
//! others may write.
#![allow(unsafe_code)]

use libsys::call::{Change, Gate, console_write};
use libsys::process::{end, wait};
use libsys::{
    Error, PageRange, Permissions, ProcessId, Syscall, Target, destroy, process_create,
    range_share, range_unmap, receive, yield_now,
};

use crate::peer::Peer;
use crate::stopwatch::{Failure, Outcome, Stopwatch, row};
use crate::test_pages::{READ_ONLY, allocate, test_page};

/// Pages of a range, and of a process that ends: one page table of them.
const PAGES: u32 = PageRange::LIMIT;
/// Where the test pages are mapped a second time.
const ALIAS: u32 = 4096;
/// Repetitions of a row.
const TIMES: usize = 20;
/// Descendants that one call ends.
const DESCENDANTS: u32 = 32;
/// Bytes that one call prints: what readers of the rows skip.
const TEXT: [u8; 256] = [b'\n'; 256];
const SELF: Target = Target::Caller;
const NONE: Permissions = Permissions::empty();

/// `longest_range_allocate` to `longest_console_write`.
pub fn run() -> Outcome {
    let range = PageRange::new(test_page(0), PAGES)?;
    let child = process_create()?;
    private_pages(range, child)?;
    shared_pages(range, child)?;
    end(child)?;
    row("longest_teardown", TIMES, |watch| {
        let child = process_create()?;
        allocate(child, PAGES)?;
        destroy(child, false)?;
        watch.time(yield_now);
        wait(Some(child))?;
        Ok(())
    })?;
    row("longest_destroy", TIMES, |watch| {
        let parent = Peer::new(|| {
            for _ in 0..DESCENDANTS {
                process_create()?;
            }
            receive(None, None).map(drop)
        })?;
        watch.time(|| destroy(parent.id(), true))?;
        Ok(())
    })?;
    row("longest_console_write", TIMES, |watch| {
        let written = watch.time(|| console_write(&TEXT))?;
        if written == TEXT.len() { Ok(()) } else { Err(Failure::Wrong("it wrote less")) }
    })?;
    Ok(())
}

/// Calls on pages that only one space maps.
fn private_pages(range: PageRange, child: ProcessId) -> Outcome {
    row("longest_range_allocate", TIMES, |watch| {
        let range = PageRange::new(test_page(0), Syscall::ALLOCATE_LIMIT)?;
        let permissions = Permissions::WRITE;
        once(watch, Syscall::RangeAllocate { process: SELF, range, permissions })?;
        range_unmap(SELF, range, NONE)?;
        Ok(())
    })?;
    row("longest_range_unmap", TIMES, |watch| {
        allocate(child, PAGES)?;
        once(watch, Syscall::RangeUnmap { process: child.into(), range, marks: NONE })
    })?;
    row("longest_fork_share", TIMES, |watch| {
        allocate(SELF, PAGES)?;
        once(watch, fork(range, child))?;
        range_unmap(child, range, NONE)?;
        Ok(())
    })?;
    Ok(())
}

/// Calls on pages that several spaces map, or one space several times.
fn shared_pages(range: PageRange, child: ProcessId) -> Outcome {
    let at_child = (child, test_page(0));
    row("longest_range_protect", TIMES, |watch| {
        range_share((SELF, range), at_child, READ_ONLY, false)?;
        let process = child.into();
        once(watch, Syscall::RangeProtect { process, range, drop: NONE, add: NONE })?;
        range_unmap(child, range, NONE)?;
        Ok(())
    })?;
    let other = process_create()?;
    range_share((SELF, range), (other, test_page(0)), Change::NONE, false)?;
    row("longest_range_share", TIMES, |watch| {
        let (process, to, to_page) = (other.into(), child.into(), test_page(0));
        let (drop, add, both) = (NONE, Permissions::SHARED, true);
        once(watch, Syscall::RangeShare { process, range, to, to_page, drop, add, both })?;
        range_unmap(child, range, NONE)?;
        Ok(())
    })?;
    end(other)?;
    allocate(SELF, PAGES)?;
    range_share((SELF, range), (SELF, test_page(ALIAS)), Change::NONE, false)?;
    row("longest_fork_copy", TIMES, |watch| {
        once(watch, fork(range, child))?;
        range_unmap(child, range, NONE)?;
        Ok(())
    })?;
    Ok(())
}

/// The call with which a fork shares a range.
fn fork(range: PageRange, child: ProcessId) -> Syscall {
    let (to, to_page) = (child.into(), range.first());
    let (drop, add) = (Permissions::WRITE, Permissions::COPY_ON_WRITE);
    Syscall::RangeShare { process: SELF, range, to, to_page, drop, add, both: true }
}

/// Makes a call once and measures it.
fn once(watch: &mut Stopwatch, call: Syscall) -> Outcome {
    // SAFETY: the calls of this part change test pages, in which no Rust object lies.
    let answer = watch.time(|| unsafe { Gate::Interrupt.enter(call) });
    Error::check(answer.value)?;
    Ok(())
}
