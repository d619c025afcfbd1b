//! A few runs in the profile of the tests. `cargo xtask test` has longer ones, in a fast profile.

use std::collections::BTreeSet;

use abi::call::Number;
use vitrine_model::paging;
use vitrine_model::run::action::Action;
use vitrine_model::run::draw;
use vitrine_model::run::episode::{plan, run};
use vitrine_model::run::machine::Machine;
use vitrine_model::run::random::Random;
use vitrine_model::words;

#[test]
fn the_kernel_does_what_the_model_says() {
    for episode in 0..6 {
        let (free, steps) = plan(1, episode);
        let outcome = run(free, &steps[..400], false);
        assert_eq!(outcome.failure, None, "episode {episode}, step {}", outcome.steps);
    }
}

#[test]
fn every_native_call_and_every_jos_call_is_made() {
    let mut model = Machine::new(40).model;
    // A child of the first process, which alone avoids calls that end it or block it.
    let mut child = model.procs[0].clone();
    (child.id, child.parent) = (0x1001, Some(0));
    model.procs.push(child);
    model.current = Some(1);
    let mut random = Random::new(1);
    let mut made = BTreeSet::new();
    for _ in 0..60_000 {
        if let Action::Call(regs) = draw::action(&model, &mut random) {
            made.insert(regs.eax & 0xFF);
        }
    }
    let native = Number::ALL.iter().map(|number| *number as u32);
    let missing: Vec<u32> = native.chain(0..=14).filter(|number| !made.contains(number)).collect();
    assert_eq!(missing, [], "calls that no step makes");
}

#[test]
fn no_write_is_lost_by_the_pager_on_this_kernel() {
    // One machine of each setting. What a mistake would need must have come, or the run shows
    // nothing.
    let mut all = paging::Tally::default().counts();
    for seed in 1..=6 {
        let tally = paging::run(seed, 1000).unwrap();
        all.iter_mut().zip(tally.counts()).for_each(|(all, more)| all.1 += more.1);
    }
    // Pages hardly ever lie here in a row on the disk: those that come ahead are tried by
    // `swap/tests/ahead.rs` and `swap/tests/random.rs`.
    let wanted = all.iter().filter(|(name, _)| *name != "slots read beside one's own");
    let seldom: Vec<_> = wanted.filter(|(_, count)| *count < 10).collect();
    assert!(seldom.is_empty(), "{all:?}");
}

#[test]
fn a_seed_of_the_runs_with_the_pager_always_makes_the_same_run() {
    let run = |place: usize| {
        // The tables of the pager's decisions lie behind this, at other places on the host.
        std::mem::forget(Vec::<u8>::with_capacity(700 * place));
        paging::run(4, 800).unwrap().counts()
    };
    let first = run(0);
    assert!((1..4).all(|place| run(place) == first), "{first:?}");
}

#[test]
fn words_at_edges_are_what_the_manual_says() {
    for word in words::edges() {
        words::word(word).unwrap();
        words::address(word).unwrap();
    }
}
