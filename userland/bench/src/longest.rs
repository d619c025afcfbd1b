//! The longest calls: for how long one entry into the kernel keeps interrupts off, at most.
//!
//! A range call does a bounded amount of work and returns how many pages it has done; the functions
//! of libsys make it again for the rest. So these rows make the calls through a [`Gate`], once each.
#![allow(unsafe_code)]

use libsys::call::Gate;
use libsys::process::{end, wait};
use libsys::{
    Error, PageRange, Permissions, ProcessId, Syscall, Target, destroy, process_create,
    range_share, range_unmap, yield_now,
};

use crate::stopwatch::{Outcome, Stopwatch, row};
use crate::test_pages::{READ_ONLY, allocate, test_page};

/// Pages of a range: the most that a call takes.
const PAGES: u32 = PageRange::LIMIT;
/// Where the test pages are mapped a second time.
const ALIAS: u32 = 4096;
/// Repetitions of a row.
const TIMES: usize = 20;
const NONE: Permissions = Permissions::empty();

/// `longest_range_share` to `longest_destroy`.
pub fn run() -> Outcome {
    ranges()?;
    row("longest_teardown", TIMES, |watch| {
        let child = process_create()?;
        allocate(child, PAGES)?;
        destroy(child, false)?;
        watch.time(yield_now);
        wait(Some(child))?;
        Ok(())
    })?;
    Ok(())
}

fn ranges() -> Outcome {
    let range = PageRange::new(test_page(0), PAGES)?;
    let child = process_create()?;
    let process = Target::Caller;
    row("longest_range_allocate", TIMES, |watch| {
        let range = PageRange::new(test_page(0), Syscall::ALLOCATE_LIMIT)?;
        let permissions = Permissions::WRITE;
        call(watch, Syscall::RangeAllocate { process, range, permissions })?;
        range_unmap(process, range, NONE)?;
        Ok(())
    })?;
    row("longest_range_unmap", TIMES, |watch| {
        allocate(process, PAGES)?;
        call(watch, Syscall::RangeUnmap { process, range, marks: NONE })
    })?;
    row("x_unmap_child", TIMES, |watch| {
        allocate(child, PAGES)?;
        call(watch, Syscall::RangeUnmap { process: child.into(), range, marks: NONE })
    })?;
    allocate(process, PAGES)?;
    row("longest_range_protect", TIMES, |watch| {
        call(watch, Syscall::RangeProtect { process, range, drop: READ_ONLY.drop, add: NONE })
    })?;
    let none = READ_ONLY;
    row("x_protect_sealed_child", TIMES, |watch| {
        range_share((process, range), (child, test_page(0)), none, false)?;
        call(watch, Syscall::RangeProtect { process: child.into(), range, drop: NONE, add: NONE })?;
        range_unmap(child, range, NONE)?;
        Ok(())
    })?;
    let share = |child: ProcessId, drop, both| Syscall::RangeShare {
        process,
        range,
        to: child.into(),
        to_page: test_page(0),
        drop,
        add: NONE,
        both,
    };
    row("x_share_plain", TIMES, |watch| {
        call(watch, share(child, NONE, false))?;
        range_unmap(child, range, NONE)?;
        Ok(())
    })?;
    row("x_share_over", TIMES, |watch| {
        allocate(child, PAGES)?;
        call(watch, share(child, NONE, false))?;
        range_unmap(child, range, NONE)?;
        Ok(())
    })?;
    row("x_share_fork", TIMES, |watch| {
        allocate(process, PAGES)?;
        call(watch, share(child, Permissions::WRITE, true))?;
        range_unmap(child, range, NONE)?;
        Ok(())
    })?;
    let other = process_create()?;
    row("x_share_third", TIMES, |watch| {
        range_share((process, range), (other, test_page(0)), none, false)?;
        let share = Syscall::RangeShare {
            process: other.into(),
            range,
            to: child.into(),
            to_page: test_page(0),
            drop: Permissions::WRITE,
            add: NONE,
            both: true,
        };
        call(watch, share)?;
        range_unmap(child, range, NONE)?;
        Ok(())
    })?;
    row("x_unmap_drop_table_read", TIMES, |watch| {
        let range = PageRange::new(test_page(0), 32)?;
        allocate(process, 32)?;
        call(watch, Syscall::RangeUnmap { process, range, marks: NONE })
    })?;
    allocate(process, PAGES)?;
    range_share((process, range), (process, test_page(ALIAS)), libsys::call::Change::NONE, false)?;
    row("longest_range_share", TIMES, |watch| {
        call(watch, share(child, Permissions::WRITE, true))?;
        range_unmap(child, range, NONE)?;
        Ok(())
    })?;
    row("x_create", TIMES, |watch| {
        let c = watch.time(process_create)?;
        end(c)?;
        Ok(())
    })?;
    end(child)?;
    Ok(())
}

/// Makes a call once and measures it.
fn call(watch: &mut Stopwatch, call: Syscall) -> Outcome {
    // SAFETY: the calls of this part change test pages, in which no Rust object lies.
    let answer = watch.time(|| unsafe { Gate::Interrupt.enter(call) });
    Error::check(answer.value)?;
    Ok(())
}
