//! `lab4_2014`: the errors of 2014, which had one more number. Started with `abi=lab4-2014`.
#![no_std]
#![no_main]

use conformance::calls::call;
use conformance::claims::{Outcome, equal};
use conformance::family::{read_board, stopped_child, write_board};
use conformance::shown::{INVALID, STATUS, UTOP, record, test_page};

conformance::program! {
    an_unknown_call_is_error_7,
    a_receiver_that_does_not_wait_is_error_8,
    other_errors_are_as_in_other_years,
    children_have_the_same_errors,
}

fn an_unknown_call_is_error_7() -> Outcome {
    for number in 13..32 {
        equal("call", (number, call(number, [1, 1, 1, 1, 1])), (number, -7))?;
    }
    Ok(())
}

fn a_receiver_that_does_not_wait_is_error_8() -> Outcome {
    let child = stopped_child(|| Ok(()))?;
    equal("send", call(11, [child, 5, UTOP, 0]), -8)?;
    equal("end", call(3, [child]), 0)
}

fn other_errors_are_as_in_other_years() -> Outcome {
    equal("nobody", call(11, [0x7FFF_F000, 5, UTOP, 0]), -2)?;
    equal("an unaligned page", call(4, [0, test_page(1) + 1, 7]), INVALID)
}

fn children_have_the_same_errors() -> Outcome {
    write_board(2, 0);
    let child = stopped_child(|| {
        write_board(2, call(13, [UTOP]).cast_unsigned());
        Ok(())
    })?;
    equal("start", call(8, [child, 2]), 0)?;
    while record(child, STATUS) != 0 {
        call(10, []);
    }
    equal("its call 13", read_board(2).cast_signed(), -7)
}
