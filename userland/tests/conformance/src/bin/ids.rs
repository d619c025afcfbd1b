//! `ids`: the ids of processes, and what every program may read about them. Has to be the only
//! first process.
#![no_std]
#![no_main]

use conformance::calls::{
    env_destroy, env_set_pgfault_upcall, env_set_status, exofork, getenvid, page_alloc, page_unmap,
};
use conformance::claims::{Outcome, equal};
use conformance::family::{blank_child, child, end, ends_well, stopped_child};
use conformance::shown::{
    BAD_ENV, CPU, ID, NO_FREE_ENV, PARENT, RUNS, STATUS, TYPE, UPCALL, own, record, test_page,
};
use support::memory::load;

conformance::program! {
    slots_are_first_handed_out_in_order,
    the_slot_freed_last_comes_first_again,
    each_reuse_of_a_slot_adds_1000,
    an_id_of_the_past_is_nobody,
    bit_31_and_bare_slots_are_nobody,
    records_are_124_bytes_apart,
    saved_registers_and_directory_read_zero,
    the_upcall_reads_as_it_was_set,
    status_is_as_jos_numbers_it,
    after_1023_children_there_is_no_free_env,
    a_child_that_ends_leaves_nothing,
}

fn slots_are_first_handed_out_in_order() -> Outcome {
    equal("first process", getenvid(), 0x1000)?;
    let children = [blank_child()?, blank_child()?, blank_child()?];
    equal("children", children, [0x1001, 0x1002, 0x1003])?;
    for child in [0x1002, 0x1001, 0x1003] {
        end(child)?;
    }
    Ok(())
}

/// Continues where the claim before ended.
fn the_slot_freed_last_comes_first_again() -> Outcome {
    let children = [blank_child()?, blank_child()?, blank_child()?, blank_child()?];
    equal("children", children, [0x2003, 0x2001, 0x2002, 0x1004])?;
    for child in children {
        end(child)?;
    }
    Ok(())
}

fn each_reuse_of_a_slot_adds_1000() -> Outcome {
    let first = blank_child()?;
    end(first)?;
    for generation in 1..100 {
        let child = blank_child()?;
        equal("id", child, first + 0x1000 * generation)?;
        end(child)?;
    }
    Ok(())
}

fn an_id_of_the_past_is_nobody() -> Outcome {
    let old = blank_child()?;
    end(old)?;
    let new = blank_child()?;
    equal("the same slot", new & 0x3FF, old & 0x3FF)?;
    equal("the old one", page_alloc(old, test_page(1), 7), BAD_ENV)?;
    equal("the one to come", page_alloc(new + 0x1000, test_page(1), 7), BAD_ENV)?;
    equal("the new one", page_alloc(new, test_page(1), 7), 0)?;
    end(new)
}

fn bit_31_and_bare_slots_are_nobody() -> Outcome {
    let child = blank_child()?;
    for id in [child | 0x8000_0000, child & 0x3FF, child & 0xFFF, child | 0xC00] {
        equal("env", (id, page_unmap(id, test_page(1))), (id, -2))?;
    }
    end(child)
}

/// env_id 72, env_parent_id 76, env_type 80, env_status 84, env_runs 88, env_cpunum 92.
fn records_are_124_bytes_apart() -> Outcome {
    let child = blank_child()?;
    let slot = 0xEEC0_0000 + 124 * (child & 0x3FF);
    let words = [72, 76, 80, 84, 88, 92].map(|offset| load(slot + offset));
    equal("id, parent, type, status, runs, CPU", words, [child, getenvid(), 0, 4, 0, 0])?;
    let words = [ID, PARENT, TYPE, STATUS, RUNS, CPU].map(|offset| record(child, offset));
    equal("the same", words, [72, 76, 80, 84, 88, 92].map(|offset| load(slot + offset)))?;
    end(child)
}

/// The saved registers are bytes 0 to 67, the directory is at 96.
fn saved_registers_and_directory_read_zero() -> Outcome {
    let child = stopped_child(|| Ok(()))?;
    for slot in 0..1024 {
        let words = (0..68).step_by(4).chain([96]).map(|offset| record(slot, offset));
        equal("words", (slot, words.fold(0, |all, word| all | word)), (slot, 0))?;
    }
    end(child)
}

/// The upcall is at 100: fork gives a child the upcall that it reads there.
fn the_upcall_reads_as_it_was_set() -> Outcome {
    let child = stopped_child(|| Ok(()))?;
    equal("a child's at first", record(child, UPCALL), 0)?;
    equal("set", env_set_pgfault_upcall(0, 0x80_1234), 0)?;
    equal("one's own", own(UPCALL), 0x80_1234)?;
    equal("hand on", env_set_pgfault_upcall(child, own(UPCALL)), 0)?;
    equal("the child's", record(child, UPCALL), 0x80_1234)?;
    equal("clear", env_set_pgfault_upcall(0, 0), 0)?;
    equal("one's own", own(UPCALL), 0)?;
    end(child)?;
    let next = blank_child()?;
    equal("the same slot", next & 0x3FF, child & 0x3FF)?;
    equal("it has none yet", record(next, UPCALL), 0)?;
    end(next)
}

/// 0 free, 2 runnable, 3 running, 4 not runnable.
fn status_is_as_jos_numbers_it() -> Outcome {
    equal("oneself", own(STATUS), 3)?;
    let child = stopped_child(|| Ok(()))?;
    equal("not runnable", record(child, STATUS), 4)?;
    equal("start", env_set_status(child, 2), 0)?;
    equal("runnable", record(child, STATUS), 2)?;
    ends_well(child)?;
    equal("free", record(child, STATUS), 0)?;
    equal("its id stays", record(child, ID), child)?;
    equal("a slot never used", [record(999, STATUS), record(999, ID)], [0, 0])
}

/// There are 1,024 slots.
fn after_1023_children_there_is_no_free_env() -> Outcome {
    let mut children = 0;
    let error = loop {
        let child = exofork();
        if child < 0 {
            break child;
        }
        children += 1;
    };
    equal("children and error", (children, error), (1023, NO_FREE_ENV))?;
    equal("once more", exofork(), NO_FREE_ENV)?;
    let some = record(500, ID);
    end(some)?;
    equal("one free slot", blank_child()?, some + 0x1000)?;
    equal("and no other", exofork(), NO_FREE_ENV)?;
    for slot in 1..1024 {
        equal("end", env_destroy(record(slot, ID)), 0)?;
    }
    equal("the last that was freed", blank_child()? & 0x3FF, 1023)?;
    equal("end", env_destroy(record(1023, ID)), 0)
}

/// There is no exit status and no zombie: no process has to wait.
fn a_child_that_ends_leaves_nothing() -> Outcome {
    let first = child(|| Ok(()))?;
    ends_well(first)?;
    let second = child(|| Ok(()))?;
    ends_well(second)?;
    equal("the slot", second, first + 0x1000)
}
