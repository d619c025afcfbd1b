//! Every word, every address, and every state of small worlds. `cargo xtask exhaustive` reads the
//! options and starts this: `exhaustive SHARD OF STATES CALLS PART...`.

use std::process::ExitCode;
use std::time::Instant;

use vitrine_model::{words, worlds};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [shard, of, states, calls, parts @ ..] = &arguments[..] else {
        eprintln!("exhaustive SHARD OF STATES CALLS PART...");
        return ExitCode::FAILURE;
    };
    let (Ok(shard), Ok(of), Ok(states), Ok(calls)) =
        (shard.parse(), of.parse(), states.parse(), calls.parse())
    else {
        eprintln!("SHARD, OF, STATES and CALLS are numbers");
        return ExitCode::FAILURE;
    };
    for part in parts {
        let begin = Instant::now();
        eprintln!("exhaustive: {part}");
        let done = match part.as_str() {
            "words" => words::all(shard, of, words::word).map(|tried| format!("{tried} words")),
            "addresses" => {
                words::all(shard, of, words::address).map(|tried| format!("{tried} addresses"))
            }
            world => worlds::named(world, worlds::Bounds { states, calls }),
        };
        match done {
            Ok(text) => {
                println!("{part}: {text}, no difference, {:.1} s", begin.elapsed().as_secs_f64());
            }
            Err(difference) => {
                println!("{part}: {difference}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
