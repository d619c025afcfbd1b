//! `children`: calls 3 and 7: how children are made and ended, and which processes may act on
//! which.
#![no_std]
#![no_main]

use conformance::calls::{
    env_destroy, env_set_pgfault_upcall, env_set_status, env_set_trapframe, getenvid, ipc_recv,
    ipc_try_send, page_alloc, page_map, page_unmap, sys_yield,
};
use conformance::claims::{Outcome, equal, holds, until};
use conformance::family::{
    blank_child, child, end, ends_well, fork_and_land, is_gone, is_killed, landed, pages,
    read_board, stopped_child, until_receiving, write_board,
};
use conformance::shown::{
    CPU, FROM, INVALID, PARENT, PERM, READ, RECEIVE_AT, RECEIVING, RUNS, STATUS, TYPE, UTOP, VALUE,
    WRITE, entry, field, flags, fresh, own, pageref, record, test_page,
};
use conformance::upcall::{EXCEPTION_STACK, handling_upcall};
use support::memory::{load, store};

conformance::program! {
    exofork_makes_a_child_that_does_not_run,
    exofork_copies_registers_with_0_in_eax,
    exofork_makes_an_empty_space,
    exofork_copies_no_upcall,
    a_child_gets_what_it_was_made_with,
    env_zero_and_the_own_id_are_the_caller,
    strangers_are_refused_by_every_call,
    parents_and_siblings_are_refused_by_every_call,
    grandchildren_are_refused_by_every_call,
    a_parent_sets_its_childs_upcall,
    env_destroy_frees_a_child_at_once,
    env_destroy_of_oneself_does_not_return,
}

/// cs, ds, es, fs, gs, ss.
const USER_SELECTORS: [u32; 6] = [0x1B, 0x23, 0x23, 0x23, 0x23, 0x23];

fn exofork_makes_a_child_that_does_not_run() -> Outcome {
    let child = blank_child()?;
    for _ in 0..10 {
        sys_yield();
    }
    let fields = [PARENT, TYPE, STATUS, RUNS, CPU].map(|offset| field(child, offset));
    let expected = [getenvid(), 0, 4, 0, 0].map(Some);
    equal("parent, type, status, runs, CPU", fields, expected)?;
    let message = [RECEIVING, RECEIVE_AT, VALUE, FROM, PERM].map(|offset| field(child, offset));
    equal("message", message, [Some(0); 5])?;
    end(child)
}

/// Loads registers and traps by call 7. The child lands, and reports its registers: see [`landed`].
fn exofork_copies_registers_with_0_in_eax() -> Outcome {
    let registers = [0xB1, 0xC1, 0xD1, 0x51, 0xD2, 0xB9];
    let child = fork_and_land(registers)?;
    until("it ends", || is_gone(child))?;
    let landed = landed();
    let [eax, general @ ..] = landed.general;
    equal("eax", eax, 0)?;
    equal("ebx, ecx, edx, esi, edi, ebp", general, registers)?;
    equal("flags", landed.eflags, 0x2D7)?;
    equal("cs, ds, es, fs, gs, ss", landed.selectors, USER_SELECTORS)
}

fn exofork_makes_an_empty_space() -> Outcome {
    let page = fresh(1);
    let child = blank_child()?;
    equal("count of a page here", pageref(page), 1)?;
    for page in pages() {
        equal("page", (page, page_map((child, page), (0, test_page(2)), READ)), (page, INVALID))?;
    }
    end(child)
}

fn exofork_copies_no_upcall() -> Outcome {
    equal("exception stack", page_alloc(0, EXCEPTION_STACK, WRITE), 0)?;
    equal("upcall", env_set_pgfault_upcall(0, handling_upcall()), 0)?;
    equal("it mends here", load(test_page(700)), 0)?;
    let child = child(|| {
        equal("it has an exception stack", flags(EXCEPTION_STACK) & 7, 7)?;
        load(test_page(701));
        Ok(())
    })?;
    is_killed(child)?;
    env_set_pgfault_upcall(0, 0);
    Ok(())
}

fn a_child_gets_what_it_was_made_with() -> Outcome {
    let page = fresh(1);
    store(page, 0x1234);
    let parent = getenvid();
    let child = child(|| {
        equal("parent", own(PARENT), parent)?;
        holds("id", own(72) == getenvid() && getenvid() != parent)?;
        equal("a word", load(page), 0x1234)?;
        store(page, 0x5678);
        Ok(())
    })?;
    ends_well(child)?;
    equal("the parent's word", load(page), 0x1234)
}

fn env_zero_and_the_own_id_are_the_caller() -> Outcome {
    for env in [0, getenvid()] {
        equal("alloc", page_alloc(env, test_page(1), WRITE), 0)?;
        equal("map", page_map((env, test_page(1)), (env, test_page(2)), WRITE), 0)?;
        equal("counts", [pageref(test_page(1)), pageref(test_page(2))], [2, 2])?;
        equal("unmap", page_unmap(env, test_page(2)), 0)?;
        equal("status", env_set_status(env, 2), 0)?;
        equal("upcall", env_set_pgfault_upcall(env, 0), 0)?;
    }
    Ok(())
}

/// The results of each call that names a process, for this id. Each call would succeed for the
/// caller itself.
fn answers_for(env: u32) -> [i32; 8] {
    let page = test_page(1);
    [
        env_destroy(env),
        page_alloc(env, page, WRITE),
        page_map((env, page), (0, test_page(2)), READ),
        page_map((0, page), (env, page), READ),
        page_unmap(env, page),
        env_set_status(env, 4),
        env_set_trapframe(env, page),
        env_set_pgfault_upcall(env, 0),
    ]
}

fn strangers_are_refused_by_every_call() -> Outcome {
    fresh(1);
    let id = getenvid();
    let gone = blank_child()?;
    end(gone)?;
    for env in [gone, gone & 0x3FF, 0x1000 | 1000, id + 0x1000, id | 0x8000_0000, 0xFFFF_FFFF] {
        equal("env", (env, answers_for(env)), (env, [-2; 8]))?;
    }
    Ok(())
}

fn parents_and_siblings_are_refused_by_every_call() -> Outcome {
    fresh(1);
    let parent = getenvid();
    let sibling = blank_child()?;
    ends_well(child(|| {
        equal("parent", answers_for(parent), [-2; 8])?;
        equal("sibling", answers_for(sibling), [-2; 8])
    })?)?;
    equal("the sibling is as it was", field(sibling, STATUS), Some(4))?;
    end(sibling)
}

/// Only a parent may act on its child, and a grandparent may not.
fn grandchildren_are_refused_by_every_call() -> Outcome {
    fresh(1);
    write_board(0, 0);
    let family = child(|| {
        let grandchild = blank_child()?;
        write_board(0, grandchild);
        equal("wait", ipc_recv(UTOP), 0)?;
        end(grandchild)
    })?;
    until_receiving(family)?;
    let grandchild = read_board(0);
    equal("the grandchild's parent", field(grandchild, PARENT), Some(family))?;
    equal("answers", answers_for(grandchild), [-2; 8])?;
    equal("go on", ipc_try_send(family, 0, UTOP, 0), 0)?;
    ends_well(family)
}

/// As fork does, after it has given the child an exception stack.
fn a_parent_sets_its_childs_upcall() -> Outcome {
    let child = stopped_child(|| {
        equal("a page that was not there", load(test_page(702)), 0)?;
        equal("it is now", flags(test_page(702)) & 7, 7)
    })?;
    equal("exception stack", page_alloc(child, EXCEPTION_STACK, WRITE), 0)?;
    equal("upcall", env_set_pgfault_upcall(child, handling_upcall()), 0)?;
    equal("start", env_set_status(child, 2), 0)?;
    ends_well(child)?;
    equal("here it is not", entry(test_page(702)), 0)
}

fn env_destroy_frees_a_child_at_once() -> Outcome {
    let page = fresh(1);
    let child = stopped_child(|| Ok(()))?;
    for number in 0..3 {
        let there = 0x4000_0000 * number + 0x5000;
        equal("map", page_map((0, page), (child, there), WRITE), 0)?;
    }
    equal("count", pageref(page), 4)?;
    equal("end", env_destroy(child), 0)?;
    equal("status", record(child, STATUS), 0)?;
    equal("count", pageref(page), 1)?;
    equal("again", env_destroy(child), -2)
}

fn env_destroy_of_oneself_does_not_return() -> Outcome {
    for by_id in [false, true] {
        is_killed(child(|| {
            let env = if by_id { getenvid() } else { 0 };
            env_destroy(env);
            Ok(())
        })?)?;
    }
    Ok(())
}
