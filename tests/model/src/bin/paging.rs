//! The pager's decisions on the kernel's decisions: `paging SEED STEPS`, as often as asked, each
//! machine with another seed. `cargo xtask soak --paging` starts this.

use std::process::ExitCode;

use vitrine_model::paging::run;

/// Steps of one machine.
const LENGTH: u64 = 20_000;

fn main() -> ExitCode {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let [seed, steps] = numbers[..] else {
        eprintln!("paging SEED STEPS: two numbers");
        return ExitCode::FAILURE;
    };
    let (mut made, mut seed) = (0, seed);
    let mut all = [0; 4];
    while made < steps {
        match run(seed, LENGTH.min(steps - made)) {
            Ok(tally) => {
                made += tally.steps;
                let more = [tally.went, tally.came, tally.forks, tally.refused];
                all.iter_mut().zip(more).for_each(|(all, more)| *all += more);
            }
            Err(failure) => {
                println!("{failure}");
                return ExitCode::FAILURE;
            }
        }
        seed += 1;
        eprint!("\rpaging: {made} of {steps} steps");
    }
    let [went, came, forks, refused] = all;
    println!(
        "\npaging: {made} steps, {went} pages went, {came} came back with their bytes; {forks} forks, {refused} refused"
    );
    ExitCode::SUCCESS
}
