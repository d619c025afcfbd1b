//! Random steps on the modelled machine, compared with the reference model after each.
//! `cargo xtask soak` reads the options and starts this: `soak SEED STEPS FIRST [quick]`. With
//! `quick`, a failure is not made shorter.

use std::io::Write as _;
use std::time::Instant;

use vitrine_model::run::episode::{plan, run};
use vitrine_model::run::shrink::shrink;

fn main() -> std::process::ExitCode {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let [seed, steps, rest @ ..] = &numbers[..] else {
        eprintln!("soak SEED STEPS FIRST: three numbers");
        return std::process::ExitCode::FAILURE;
    };
    std::panic::set_hook(Box::new(|_| {}));
    let (mut made, mut number) = (0, rest.first().copied().unwrap_or(0));
    let first = number;
    let begin = Instant::now();
    let mut told = begin;
    while made < *steps {
        let (free, mut all) = plan(*seed, number);
        all.truncate((*steps - made).min(all.len() as u64) as usize);
        let outcome = run(free, &all, false);
        made += u64::from(outcome.steps);
        if let Some(failure) = outcome.failure {
            println!("step {made} (episode {number}, step {}): {failure}", outcome.steps);
            if std::env::args().nth(4).is_some() {
                return std::process::ExitCode::FAILURE;
            }
            let kept = shrink(free, &all[..outcome.steps as usize]);
            let shortest = run(free, &kept, true);
            println!("{} steps are enough, with {free} frames free:", kept.len());
            for action in &shortest.actions {
                println!("  {action}");
            }
            println!("{}", shortest.failure.unwrap_or_default());
            println!(
                "the same again: cargo xtask soak --seed {seed} --steps {made} --first {first}"
            );
            return std::process::ExitCode::FAILURE;
        }
        number += 1;
        if told.elapsed().as_secs() >= 5 {
            told = Instant::now();
            let rate = made * 1000 / (begin.elapsed().as_millis() as u64).max(1);
            eprint!("\rsoak: {made} of {steps} steps, {rate} a second");
            let _ = std::io::stderr().flush();
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    println!(
        "soak: {made} steps in {} episodes of seed {seed}: no difference, {seconds:.1} s ({:.0} steps/s)",
        number - first,
        made as f64 / seconds
    );
    std::process::ExitCode::SUCCESS
}
