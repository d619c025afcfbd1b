//! `schedule`: calls 8 and 11: which process runs, and when.
#![no_std]
#![no_main]

use abi::Syscall;
use conformance::calls::{env_set_status, sys_yield};
use conformance::claims::{Outcome, Seen, equal, holds, until};
use conformance::family::{
    blank_child, child, end, ends_well, read_board, stopped_child, write_board,
};
use conformance::native::native;
use conformance::shown::{RUNS, STATUS, field, own};

conformance::program! {
    env_set_status_takes_2_and_4_alone,
    env_set_status_stops_and_starts,
    a_process_may_stop_itself_until_its_parent_starts_it,
    a_process_that_spins_does_not_stop_others,
    a_turn_takes_10_ms,
    each_that_yields_runs_once_a_round,
    env_runs_changes_with_every_switch,
}

fn env_set_status_takes_2_and_4_alone() -> Outcome {
    let child = blank_child()?;
    for status in [0, 1, 3, 5, 6, 0x8000_0002, 0xFFFF_FFFF] {
        equal("status", (status, env_set_status(child, status)), (status, -3))?;
    }
    equal("as it was", field(child, STATUS), Some(4))?;
    equal("not runnable", env_set_status(child, 4), 0)?;
    equal("not runnable", field(child, STATUS), Some(4))?;
    equal("runnable", env_set_status(child, 2), 0)?;
    equal("runnable", field(child, STATUS), Some(2))?;
    equal("not runnable", env_set_status(child, 4), 0)?;
    equal("not runnable", field(child, STATUS), Some(4))?;
    end(child)
}

fn env_set_status_stops_and_starts() -> Outcome {
    write_board(0, 0);
    let counter = child(|| {
        loop {
            write_board(0, read_board(0) + 1);
        }
    })?;
    until("it counts", || read_board(0) > 10)?;
    equal("stop", env_set_status(counter, 4), 0)?;
    let (count, runs) = (read_board(0), field(counter, RUNS));
    for _ in 0..20 {
        sys_yield();
    }
    equal("it stands still", (read_board(0), field(counter, RUNS)), (count, runs))?;
    equal("start", env_set_status(counter, 2), 0)?;
    until("it counts again", || read_board(0) > count)?;
    end(counter)
}

fn a_process_may_stop_itself_until_its_parent_starts_it() -> Outcome {
    let child = child(|| equal("result", env_set_status(0, 4), 0))?;
    until("it has stopped", || field(child, STATUS) == Some(4))?;
    equal("start", env_set_status(child, 2), 0)?;
    ends_well(child)
}

fn a_process_that_spins_does_not_stop_others() -> Outcome {
    write_board(0, 0);
    let spinner = child(|| {
        loop {
            write_board(0, read_board(0) + 1);
        }
    })?;
    for _ in 0..3 {
        let before = read_board(0);
        until("both run", || read_board(0) != before)?;
    }
    end(spinner)
}

/// The low word of the microseconds since boot.
fn now() -> Result<u32, Seen> {
    Ok(native(Syscall::Clock)?[0])
}

/// While another process spins, this one sees the time jump.
fn a_turn_takes_10_ms() -> Outcome {
    let spinner = child(|| {
        loop {
            core::hint::spin_loop();
        }
    })?;
    let mut before = now()?;
    for _ in 0..4 {
        let leap = loop {
            let time = now()?;
            let leap = time.wrapping_sub(before);
            before = time;
            if leap > 2000 {
                break leap;
            }
        };
        holds("10 ms, more or less", (9_000..11_000).contains(&leap))?;
    }
    end(spinner)
}

fn each_that_yields_runs_once_a_round() -> Outcome {
    let mut children = [0; 3];
    for (index, slot) in (0..).zip(&mut children) {
        write_board(index, 0);
        *slot = stopped_child(|| {
            loop {
                write_board(index, read_board(index) + 1);
                sys_yield();
            }
        })?;
    }
    for child in children {
        equal("start", env_set_status(child, 2), 0)?;
    }
    const ROUNDS: u32 = 50;
    for _ in 0..ROUNDS {
        sys_yield();
    }
    // A tick of the timer may have cut a turn short.
    for index in 0..3 {
        holds("a turn in each round", read_board(index).abs_diff(ROUNDS) <= 2)?;
    }
    for child in children {
        end(child)?;
    }
    Ok(())
}

/// The course's pipes take two equal counts to mean that no other process ran in between.
fn env_runs_changes_with_every_switch() -> Outcome {
    let other = child(|| {
        loop {
            sys_yield();
        }
    })?;
    for _ in 0..10 {
        let before = (own(RUNS), field(other, RUNS));
        sys_yield();
        holds("one's own", own(RUNS) != before.0)?;
        holds("the other's", field(other, RUNS) != before.1)?;
    }
    equal(
        "status of the other and of oneself",
        [field(other, STATUS), Some(own(STATUS))],
        [Some(2), Some(3)],
    )?;
    end(other)
}
