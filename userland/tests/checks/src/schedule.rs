//! Which process gets the CPU, and when.

use libsys::abi::registers::UserRegisters;
use libsys::process::end;
use libsys::process::info;
use libsys::{clock, sleep, yield_now};

use crate::bare::{self, SPIN};
use crate::expect::{Outcome, checks, equal, holds};
use crate::family::{Try, in_time, until};

checks! {
    an_endless_loop_is_preempted,
    loops_share_the_cpu_evenly,
    sleep_lasts_as_long_as_it_says,
    time_never_goes_back,
    a_yield_lets_others_run,
}

fn runs(process: libsys::ProcessId) -> u32 {
    info::process(process).map_or(0, |info| info.runs)
}

fn an_endless_loop_is_preempted() -> Outcome {
    let spinner = bare::run(SPIN, UserRegisters::default())?;
    // This process goes on although the other one never calls the kernel.
    until("it has run", || runs(spinner) > 0)?;
    let before = runs(spinner);
    sleep(50);
    holds("it was switched to again", runs(spinner) > before)?;
    end(spinner)?;
    Ok(())
}

fn loops_share_the_cpu_evenly() -> Outcome {
    let mut spinners = [None; 4];
    for spinner in &mut spinners {
        *spinner = Some(bare::run(SPIN, UserRegisters::default())?);
    }
    let all = || spinners.iter().flatten().map(|spinner| runs(*spinner));
    until("each has run ten times", || all().all(|runs| runs >= 10))?;
    let (least, most) = (all().min().unwrap_or(0), all().max().unwrap_or(0));
    for spinner in spinners.into_iter().flatten() {
        end(spinner)?;
    }
    holds(format_args!("{least} and {most} runs are about the same"), most - least <= 2)
}

fn sleep_lasts_as_long_as_it_says() -> Outcome {
    for milliseconds in [1, 10, 35] {
        let asked = u64::from(milliseconds) * 1000;
        // A sleep may never be too short. It is too long only if it is so in every try.
        in_time(|| {
            let before = clock();
            sleep(milliseconds);
            let slept = clock() - before;
            holds(format_args!("{slept} us are {milliseconds} ms or more"), slept >= asked)?;
            // The timer ticks every 10 ms; other work may come between.
            Ok(if slept < asked + 500_000 { Try::Good } else { Try::Spoilt })
        })?;
    }
    Ok(())
}

fn time_never_goes_back() -> Outcome {
    let mut last = clock();
    for _ in 0..2000 {
        let now = clock();
        holds(format_args!("{now} comes after {last}"), now >= last)?;
        last = now;
    }
    Ok(())
}

fn a_yield_lets_others_run() -> Outcome {
    crate::memory::share_board()?;
    let at = crate::memory::BOARD.address();
    let child = crate::family::child(|| {
        for _ in 0..100 {
            support::memory::store(at, support::memory::load(at) + 1);
            yield_now();
        }
        Ok(())
    })?;
    // Each process has one turn: this one yields only a few times for each yield of the child.
    let mut yields = 0_u32;
    while support::memory::load(at) < 100 && yields < 10_000 {
        yield_now();
        yields += 1;
    }
    crate::family::ends_well(child)?;
    equal("turns of the child", support::memory::load(at), 100)?;
    holds(format_args!("{yields} yields are enough"), yields < 400)
}
