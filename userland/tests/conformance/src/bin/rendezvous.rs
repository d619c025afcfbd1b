//! `rendezvous`: calls 12 and 13: rendezvous, values, pages.
#![no_std]
#![no_main]

use conformance::calls::{
    env_set_status, getenvid, ipc_recv, ipc_try_send, page_alloc, page_map, page_unmap, sys_yield,
};
use conformance::claims::{Outcome, Seen, equal, holds, until};
use conformance::family::{
    child, end, ends_well, is_killed, read_board, until_receiving, write_board,
};
use conformance::shown::{
    BAD_ENV, FROM, INVALID, NOT_RECEIVING, PERM, READ, RECEIVE_AT, RECEIVING, RUNS, STATUS, UTOP,
    VALUE, WRITE, entry, field, flags, frame, fresh, own, pageref, test_page,
};
use support::memory::{load, store};

conformance::program! {
    try_send_needs_one_who_receives,
    try_send_to_nobody_is_bad_env,
    recv_blocks_until_a_sender_delivers,
    recv_tells_value_sender_and_permissions,
    the_sender_goes_on_first,
    a_receiver_takes_one_message,
    values_have_32_bits,
    a_page_comes_if_both_want_it,
    no_page_comes_if_none_is_sent,
    no_page_comes_if_none_is_wanted,
    permissions_mean_nothing_without_a_page,
    zero_is_an_address_like_others,
    utop_and_above_mean_no_page,
    the_page_is_shared,
    the_page_takes_the_place_of_another,
    a_page_arrives_with_the_permissions_it_was_sent_with,
    a_page_sent_without_write_cannot_be_written,
    write_needs_a_writable_source,
    what_is_sent_must_be_a_page_with_permissions,
    a_page_is_checked_even_if_none_is_wanted,
    after_a_refusal_the_receiver_still_waits,
    recv_takes_only_a_page_or_none,
    any_live_process_may_be_sent_to,
    a_receiver_made_runnable_stays_blocked,
    a_send_makes_a_stopped_receiver_runnable,
    all_of_many_senders_get_through,
    a_receiver_that_was_ended_is_nobody,
}

/// A child in call 13, which accepts a page at `va`, and then runs `look`.
fn receiver(va: u32, look: impl FnOnce() -> Outcome) -> Result<u32, Seen> {
    let receiver = child(|| {
        equal("receive", ipc_recv(va), 0)?;
        equal("it receives no more", own(RECEIVING), 0)?;
        look()
    })?;
    until_receiving(receiver)?;
    Ok(receiver)
}

fn no_page_came() -> Outcome {
    equal("permissions", own(PERM), 0)
}

fn try_send_needs_one_who_receives() -> Outcome {
    equal("oneself", ipc_try_send(getenvid(), 1, UTOP, 0), NOT_RECEIVING)?;
    equal("oneself, by 0", ipc_try_send(0, 1, UTOP, 0), NOT_RECEIVING)?;
    let child = child(|| {
        loop {
            sys_yield();
        }
    })?;
    equal("a runnable child", ipc_try_send(child, 1, UTOP, 0), NOT_RECEIVING)?;
    equal("stop", env_set_status(child, 4), 0)?;
    equal("one that is stopped", ipc_try_send(child, 1, UTOP, 0), NOT_RECEIVING)?;
    equal("its record", field(child, VALUE), Some(0))?;
    end(child)
}

fn try_send_to_nobody_is_bad_env() -> Outcome {
    let id = getenvid();
    for env in [999, 0x1000 | 999, id + 0x1000, id | 0x8000_0000, 0xFFFF_FFFF] {
        equal("env", (env, ipc_try_send(env, 1, UTOP, 0)), (env, -2))?;
    }
    Ok(())
}

fn recv_blocks_until_a_sender_delivers() -> Outcome {
    let receiver = receiver(test_page(5), || equal("value", own(VALUE), 2))?;
    let fields = || [RECEIVING, RECEIVE_AT, STATUS, RUNS].map(|offset| field(receiver, offset));
    let before = fields();
    let [receiving, at, status, _] = before;
    equal("receiving, where, status", [receiving, at, status], [1, test_page(5), 4].map(Some))?;
    for _ in 0..20 {
        sys_yield();
    }
    equal("after a while", fields(), before)?;
    equal("send", ipc_try_send(receiver, 2, UTOP, 0), 0)?;
    ends_well(receiver)
}

fn recv_tells_value_sender_and_permissions() -> Outcome {
    let (page, sender) = (fresh(1), getenvid());
    let receiver = receiver(test_page(5), || {
        let seen = [VALUE, FROM, PERM].map(own);
        equal("value, sender, permissions", seen, [0x1234_5678, sender, 0x407])
    })?;
    equal("send", ipc_try_send(receiver, 0x1234_5678, page, 0x407), 0)?;
    let seen = [RECEIVING, VALUE, FROM, PERM].map(|offset| field(receiver, offset));
    let expected = [0, 0x1234_5678, sender, 0x407].map(Some);
    equal("for everyone to read, before it runs", seen, expected)?;
    ends_well(receiver)
}

fn the_sender_goes_on_first() -> Outcome {
    write_board(0, 0);
    let receiver = receiver(UTOP, || {
        write_board(0, 1);
        Ok(())
    })?;
    let runs = field(receiver, RUNS);
    equal("send", ipc_try_send(receiver, 1, UTOP, 0), 0)?;
    equal("status, runs", [field(receiver, STATUS), field(receiver, RUNS)], [Some(2), runs])?;
    equal("it has not run", read_board(0), 0)?;
    ends_well(receiver)
}

fn a_receiver_takes_one_message() -> Outcome {
    let receiver = receiver(UTOP, || equal("value", own(VALUE), 1))?;
    equal("send", ipc_try_send(receiver, 1, UTOP, 0), 0)?;
    equal("send again", ipc_try_send(receiver, 2, UTOP, 0), NOT_RECEIVING)?;
    ends_well(receiver)
}

fn values_have_32_bits() -> Outcome {
    for value in [0, 0x8000_0000, 0xFFFF_FFFF] {
        let receiver = receiver(UTOP, || equal("value", own(VALUE), value))?;
        equal("send", ipc_try_send(receiver, value, UTOP, 0), 0)?;
        ends_well(receiver)?;
    }
    Ok(())
}

fn a_page_comes_if_both_want_it() -> Outcome {
    let page = fresh(1);
    store(page, 0xBEE);
    let receiver = receiver(test_page(5), || {
        equal("permissions", own(PERM), 7)?;
        equal("flags", flags(test_page(5)) & 0xE07, 7)?;
        equal("word", load(test_page(5)), 0xBEE)
    })?;
    equal("send", ipc_try_send(receiver, 1, page, WRITE), 0)?;
    ends_well(receiver)
}

fn no_page_comes_if_none_is_sent() -> Outcome {
    let receiver = receiver(test_page(5), || {
        no_page_came()?;
        equal("entry", entry(test_page(5)), 0)
    })?;
    equal("send", ipc_try_send(receiver, 1, UTOP, WRITE), 0)?;
    ends_well(receiver)
}

fn no_page_comes_if_none_is_wanted() -> Outcome {
    let page = fresh(1);
    let receiver = receiver(UTOP, no_page_came)?;
    equal("send", ipc_try_send(receiver, 1, page, WRITE), 0)?;
    equal("count", pageref(page), 1)?;
    ends_well(receiver)
}

fn permissions_mean_nothing_without_a_page() -> Outcome {
    for perm in [0, 2, 0xFFFF_FFFF] {
        let receiver = receiver(test_page(5), no_page_came)?;
        equal("send", ipc_try_send(receiver, 1, UTOP, perm), 0)?;
        ends_well(receiver)?;
    }
    Ok(())
}

fn zero_is_an_address_like_others() -> Outcome {
    let receiver = receiver(0, || {
        equal("permissions", own(PERM), 5)?;
        equal("word", load(8), 0xABC)?;
        equal("flags", flags(0) & 0xE07, 5)
    })?;
    equal("nothing at 0", ipc_try_send(receiver, 1, 0, READ), INVALID)?;
    equal("a page at 0", page_alloc(0, 0, WRITE), 0)?;
    store(8, 0xABC);
    equal("send it", ipc_try_send(receiver, 1, 0, READ), 0)?;
    equal("unmap", page_unmap(0, 0), 0)?;
    ends_well(receiver)
}

fn utop_and_above_mean_no_page() -> Outcome {
    for va in [UTOP, UTOP + 1, 0xEF40_0000, 0xF000_0000, 0xFFFF_FFFF] {
        let receiver = receiver(va, no_page_came)?;
        equal("where", field(receiver, RECEIVE_AT), Some(va))?;
        equal("send", ipc_try_send(receiver, 1, va, READ), 0)?;
        ends_well(receiver)?;
    }
    Ok(())
}

fn the_page_is_shared() -> Outcome {
    let page = fresh(1);
    let number = frame(page);
    let receiver = receiver(test_page(5), || {
        equal("frame", frame(test_page(5)), number)?;
        equal("count", pageref(test_page(5)), 2)?;
        store(test_page(5) + 4, 0x5A5A);
        Ok(())
    })?;
    equal("send", ipc_try_send(receiver, 1, page, WRITE), 0)?;
    equal("count", pageref(page), 2)?;
    ends_well(receiver)?;
    equal("what it wrote", load(page + 4), 0x5A5A)?;
    equal("count", pageref(page), 1)
}

fn the_page_takes_the_place_of_another() -> Outcome {
    let (page, old) = (fresh(1), fresh(2));
    store(page, 1);
    store(old, 2);
    let receiver = receiver(test_page(5), || equal("word", load(test_page(5)), 1))?;
    equal("an old page", page_map((0, old), (receiver, test_page(5)), READ), 0)?;
    equal("count of the old", pageref(old), 2)?;
    equal("send", ipc_try_send(receiver, 1, page, READ), 0)?;
    equal("counts", [pageref(old), pageref(page)], [1, 2])?;
    ends_well(receiver)
}

fn a_page_arrives_with_the_permissions_it_was_sent_with() -> Outcome {
    let page = fresh(1);
    for perm in [5, 7, 0x205, 0x805, 0xE07] {
        let receiver = receiver(test_page(5), || {
            equal("told", own(PERM), perm)?;
            equal("flags", flags(test_page(5)) & 0xE07, perm)
        })?;
        equal("send", ipc_try_send(receiver, 1, page, perm), 0)?;
        ends_well(receiver)?;
    }
    equal("the sender's", flags(page) & 0xE07, 7)
}

fn a_page_sent_without_write_cannot_be_written() -> Outcome {
    let page = fresh(1);
    let receiver = receiver(test_page(5), || {
        let again = page_map((0, test_page(5)), (0, test_page(5)), WRITE);
        equal("W by a mapping", again, INVALID)?;
        store(test_page(5), 1);
        Ok(())
    })?;
    equal("send", ipc_try_send(receiver, 1, page, READ), 0)?;
    is_killed(receiver)?;
    equal("word", load(page), 0)
}

fn write_needs_a_writable_source() -> Outcome {
    equal("allocate", page_alloc(0, test_page(1), READ), 0)?;
    let receiver = receiver(test_page(5), || equal("permissions", own(PERM), 5))?;
    equal("W", ipc_try_send(receiver, 1, test_page(1), WRITE), INVALID)?;
    equal("no W", ipc_try_send(receiver, 1, test_page(1), READ), 0)?;
    ends_well(receiver)
}

/// States what call 12 answers to these pages: unaligned, absent, without a page table; and to
/// permissions that no page may have.
fn refuse_all(receiver: u32, page: u32) -> Outcome {
    equal("unmap", page_unmap(0, test_page(3)), 0)?;
    for va in [page + 1, page + 4, page + 0xFFF, test_page(3), 0x7000_0000, UTOP - 1] {
        equal("page", (va, ipc_try_send(receiver, 1, va, READ)), (va, -3))?;
    }
    for perm in [0, 1, 2, 3, 4, 6, 0xD, 0x15, 0x25, 0x45, 0x85, 0x105, 0x1005, 0xFFFF_FFFF] {
        equal("permissions", (perm, ipc_try_send(receiver, 1, page, perm)), (perm, -3))?;
    }
    Ok(())
}

fn what_is_sent_must_be_a_page_with_permissions() -> Outcome {
    let page = fresh(1);
    let receiver = receiver(test_page(5), || Ok(()))?;
    refuse_all(receiver, page)?;
    equal("count", pageref(page), 1)?;
    end(receiver)
}

fn a_page_is_checked_even_if_none_is_wanted() -> Outcome {
    let page = fresh(1);
    let receiver = receiver(UTOP, || Ok(()))?;
    refuse_all(receiver, page)?;
    equal("drop W", page_map((0, page), (0, page), READ), 0)?;
    equal("W", ipc_try_send(receiver, 1, page, WRITE), INVALID)?;
    end(receiver)
}

fn after_a_refusal_the_receiver_still_waits() -> Outcome {
    let receiver = receiver(test_page(5), || equal("value", own(VALUE), 4))?;
    equal("refused", ipc_try_send(receiver, 3, test_page(1) + 1, READ), INVALID)?;
    let fields = [RECEIVING, STATUS, VALUE].map(|offset| field(receiver, offset));
    equal("receiving, status, value", fields, [Some(1), Some(4), Some(0)])?;
    equal("send", ipc_try_send(receiver, 4, UTOP, 0), 0)?;
    ends_well(receiver)
}

fn recv_takes_only_a_page_or_none() -> Outcome {
    for va in [1, 4, test_page(5) + 0x800, UTOP - 1] {
        equal("where", (va, ipc_recv(va)), (va, -3))?;
    }
    equal("receiving, status", [own(RECEIVING), own(STATUS)], [0, 3])
}

/// A parent, a sibling, a grandchild: the receiver need not be a child.
fn any_live_process_may_be_sent_to() -> Outcome {
    let parent = getenvid();
    let grandparents = child(|| {
        let grandchild = receiver(UTOP, || equal("sender", own(FROM), parent))?;
        write_board(0, grandchild);
        until("the parent receives", || ipc_try_send(parent, 0xFACE, UTOP, 0) == 0)?;
        ends_well(grandchild)
    })?;
    equal("receive", ipc_recv(UTOP), 0)?;
    equal("value, sender", [own(VALUE), own(FROM)], [0xFACE, grandparents])?;
    equal("to a grandchild", ipc_try_send(read_board(0), 1, UTOP, 0), 0)?;
    ends_well(grandparents)?;
    let one = receiver(UTOP, || equal("value", own(VALUE), 0x51B))?;
    let other = child(|| equal("to a sibling", ipc_try_send(one, 0x51B, UTOP, 0), 0))?;
    ends_well(other)?;
    ends_well(one)
}

/// In JOS the call would return 13, and `ipc_recving` would stay set.
fn a_receiver_made_runnable_stays_blocked() -> Outcome {
    let receiver = receiver(UTOP, || equal("value", own(VALUE), 3))?;
    for status in [2, 4, 2] {
        equal("status", env_set_status(receiver, status), 0)?;
        for _ in 0..10 {
            sys_yield();
        }
        let fields = [RECEIVING, STATUS].map(|offset| field(receiver, offset));
        equal("receiving, status", fields, [Some(1), Some(4)])?;
    }
    equal("send", ipc_try_send(receiver, 3, UTOP, 0), 0)?;
    ends_well(receiver)
}

fn a_send_makes_a_stopped_receiver_runnable() -> Outcome {
    let receiver = receiver(UTOP, || equal("value", own(VALUE), 8))?;
    equal("stop", env_set_status(receiver, 4), 0)?;
    equal("stopped", field(receiver, STATUS), Some(4))?;
    equal("send", ipc_try_send(receiver, 8, UTOP, 0), 0)?;
    equal("runnable", field(receiver, STATUS), Some(2))?;
    ends_well(receiver)
}

fn all_of_many_senders_get_through() -> Outcome {
    let parent = getenvid();
    let mut children = [0; 5];
    for (index, slot) in (0..).zip(&mut children) {
        *slot = child(|| until("it is sent", || ipc_try_send(parent, 1 << index, UTOP, 0) == 0))?;
    }
    let mut values = 0;
    for _ in 0..5 {
        equal("receive", ipc_recv(UTOP), 0)?;
        holds("a new one", values & own(VALUE) == 0)?;
        equal("its sender", Some(own(VALUE)), index_of(&children, own(FROM)).map(|at| 1 << at))?;
        values |= own(VALUE);
    }
    equal("values", values, 0x1F)?;
    children.into_iter().try_for_each(ends_well)
}

fn index_of(children: &[u32], child: u32) -> Option<usize> {
    children.iter().position(|other| *other == child)
}

fn a_receiver_that_was_ended_is_nobody() -> Outcome {
    let receiver = receiver(UTOP, || Ok(()))?;
    end(receiver)?;
    equal("send", ipc_try_send(receiver, 1, UTOP, 0), BAD_ENV)
}
