//! The pager on the kernel's decisions: `paging SEED STEPS`, one machine after another,
//! each with the next seed. `cargo xtask soak --paging` starts this.

use std::panic;
use std::process::ExitCode;

use vitrine_model::paging::{Tally, run};

/// Steps of one machine.
const LENGTH: u64 = 2_500;

fn main() -> ExitCode {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let [first, steps] = numbers[..] else {
        eprintln!("paging SEED STEPS: two numbers");
        return ExitCode::FAILURE;
    };
    panic::set_hook(Box::new(|_| {}));
    let (mut made, mut seed) = (0, first);
    let mut all = Tally::default().counts();
    while made < steps {
        let length = LENGTH.min(steps - made);
        match run(seed, length) {
            Ok(tally) => {
                let more = tally.counts();
                all.iter_mut().zip(more).for_each(|(all, more)| all.1 += more.1);
            }
            Err((step, failure)) => {
                println!("step {} of seed {first}: {failure}", made + step);
                println!("again: cargo xtask soak --paging --seed {seed} --steps {}", step + 1);
                return ExitCode::FAILURE;
            }
        }
        made += length;
        seed += 1;
        eprint!("\rpaging: {made} of {steps} steps");
    }
    eprintln!();
    let counts = all.map(|(name, count)| format!("{count} {name}"));
    println!("paging: {}", counts.join(", "));
    ExitCode::SUCCESS
}
