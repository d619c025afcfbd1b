//! `lab4`: the numbers of lab 4, which has no call to set registers. Started with `abi=lab4`.
#![no_std]
#![no_main]

use conformance::calls::call;
use conformance::claims::{Outcome, Seen, equal, holds};
use conformance::family::{read_board, stopped_child, write_board};
use conformance::shown::{
    ID, INVALID, NOT_RECEIVING, RECEIVING, STATUS, UTOP, VALUE, field, own, record, test_page,
};
use conformance::upcall::{EXCEPTION_STACK, handling_upcall};
use support::memory::load;

conformance::program! {
    numbers_0_to_8_are_the_same,
    number_9_sets_the_upcall,
    number_10_yields,
    numbers_11_and_12_send_and_receive,
    number_13_is_unknown,
    children_count_as_their_parents_do,
}

/// Printing (0), the end (3) and the calls that make a child (4, 5, 6, 7, 8) are checked by all
/// other programs.
fn numbers_0_to_8_are_the_same() -> Outcome {
    equal("getenvid", call(2, []).cast_unsigned(), own(ID))?;
    equal("cgetc", call(1, []), 0)?;
    equal("page_alloc", call(4, [0, test_page(1), 7]), 0)?;
    equal("page_unmap", call(6, [0, test_page(1)]), 0)?;
    equal("env_set_status", call(8, [0, 3]), INVALID)
}

fn number_9_sets_the_upcall() -> Outcome {
    equal("exception stack", call(4, [0, EXCEPTION_STACK, 7]), 0)?;
    equal("upcall", call(9, [0, handling_upcall()]), 0)?;
    equal("a page that was not there", load(test_page(3)), 0)?;
    equal("no upcall", call(9, [0, 0]), 0)
}

fn number_10_yields() -> Outcome {
    write_board(0, 0);
    let other = stopped_child(|| {
        write_board(0, 1);
        Ok(())
    })?;
    equal("start", call(8, [other, 2]), 0)?;
    equal("yield", call(10, []), 10)?;
    equal("the other has run", read_board(0), 1)?;
    until("it ends", || record(other, STATUS) == 0)
}

fn numbers_11_and_12_send_and_receive() -> Outcome {
    let receiver = stopped_child(|| {
        equal("receive", call(12, [UTOP]), 0)?;
        write_board(1, own(VALUE));
        Ok(())
    })?;
    equal("send too early", call(11, [receiver, 5, UTOP, 0]), NOT_RECEIVING)?;
    equal("start", call(8, [receiver, 2]), 0)?;
    until("it receives", || field(receiver, RECEIVING) == Some(1))?;
    equal("send", call(11, [receiver, 5, UTOP, 0]), 0)?;
    until("it ends", || record(receiver, STATUS) == 0)?;
    equal("value", read_board(1), 5)
}

fn number_13_is_unknown() -> Outcome {
    for number in 13..32 {
        equal("call", (number, call(number, [1, 1, 1, 1, 1])), (number, -3))?;
    }
    Ok(())
}

fn children_count_as_their_parents_do() -> Outcome {
    write_board(2, 0);
    let child = stopped_child(|| {
        write_board(2, call(13, [UTOP]).cast_unsigned());
        Ok(())
    })?;
    equal("start", call(8, [child, 2]), 0)?;
    until("it ends", || record(child, STATUS) == 0)?;
    equal("its call 13", read_board(2).cast_signed(), INVALID)
}

/// The library waits by call 11, which sends here.
fn until(what: &str, mut truth: impl FnMut() -> bool) -> Outcome {
    for _ in 0..1000 {
        if truth() {
            return Ok(());
        }
        call(10, []);
    }
    holds(what, false).map_err(|_: Seen| Seen::new(format_args!("never so: {what}")))
}
