//! `orphan`: a process whose parent, the only first process, has ended. The child checks all
//! claims.
#![no_std]
#![no_main]

use conformance::calls::exit;
use conformance::calls::{env_destroy, env_set_status, exofork, getenvid, page_alloc, page_unmap};
use conformance::claims::{Outcome, equal, holds, until};
use conformance::family::{child, ends_well, fork, is_gone};
use conformance::shown::{BAD_ENV, PARENT, STATUS, own, record, test_page};
use support::memory::{load, store};

conformance::program! {
    a_process_outlives_its_parent,
    an_orphan_without_a_grandparent_has_no_parent,
    an_orphan_keeps_its_memory,
    an_orphan_may_have_children,
    the_slot_of_its_parent_is_used_again,
}

/// The parent ends here; its child goes on.
fn a_process_outlives_its_parent() -> Outcome {
    store(test_page(0), 0x0A9A);
    let child = fork();
    holds("a child", child >= 0)?;
    if child > 0 {
        equal("start", env_set_status(child.cast_unsigned(), 2), 0)?;
        exit();
    }
    until("the parent is gone", || is_gone(0x1000))?;
    equal("status of its slot", record(0, STATUS), 0)?;
    equal("it cannot be named", env_destroy(0x1000), BAD_ENV)
}

fn an_orphan_without_a_grandparent_has_no_parent() -> Outcome {
    equal("parent", own(PARENT), 0)
}

fn an_orphan_keeps_its_memory() -> Outcome {
    equal("a word from before", load(test_page(0)), 0x0A9A)?;
    equal("a new page", page_alloc(0, test_page(1), 7), 0)?;
    equal("unmap", page_unmap(0, test_page(1)), 0)
}

fn an_orphan_may_have_children() -> Outcome {
    let orphan = getenvid();
    ends_well(child(|| equal("parent", own(PARENT), orphan))?)
}

/// The slot has been used twice by now.
fn the_slot_of_its_parent_is_used_again() -> Outcome {
    let child = exofork().cast_unsigned();
    equal("id", child, 0x3000)?;
    equal("end", env_destroy(child), 0)
}
