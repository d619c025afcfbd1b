//! `fuzz SEED CALLS [OPTIONS]`: random calls, traps, flags and stores from ring 3, made by families
//! of processes. A supervisor that they cannot touch counts processes and memory afterwards.
//!
//! A batch is one family: a process under a quota that forks others like it. Each acts a few dozen
//! times and ends, or is ended by its own mistakes; the processes that are left when the batch's
//! time is over are destroyed. Then there must be as many processes and free frames as before. The
//! actions of each process depend only on the seed, the batch, the member and the step. So a batch
//! can be run again by itself (`--batch`), printed in C (`--print`), and made shorter (`--drop`).
//!
//! The machine ends with status 1 and a line `FINDING` if the counts differ, and with a kernel
//! panic if there is one. Under `--icount` a seed replays to the instruction.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

mod action;
mod ballast;
mod boundary;
mod census;
mod ground;
mod judge;
mod member;
mod options;
mod random;
mod servers;
mod skip;

use libsys::println;

use judge::Judge;
use options::Options;

libsys::main!(main, arguments);
libsys::about!(
    "random calls, traps and stores from ring 3",
    "fuzz [servers] [SEED [CALLS]] [--batch N] [--print]",
    "            [--drop FIRST-END,...] [--leave FRAMES] [--plant STEP]"
);

/// Exit status of a finding, and of a command line that cannot be read.
const FOUND: u8 = 1;

fn main() -> u8 {
    let options = match Options::read() {
        Ok(options) => options,
        Err(line) => {
            println!("fuzz: {line}");
            return FOUND;
        }
    };
    if options.servers {
        return ask_servers(&options);
    }
    let begun = options.leave.map_or(Ok(()), ballast::leave).and_then(|()| Judge::new(options));
    let mut judge = match begun {
        Ok(judge) => judge,
        Err(error) => {
            println!("fuzz: cannot begin: {error}");
            return FOUND;
        }
    };
    while let Some(batch) = judge.next_batch() {
        if let Err(finding) = judge.run(batch) {
            println!("FINDING: seed {} batch {batch}: {finding}", options.seed);
            return FOUND;
        }
    }
    judge.report();
    0
}

fn ask_servers(options: &Options) -> u8 {
    let made = servers::prepare().map(|()| servers::run(options));
    let seed = options.seed;
    match made {
        Err(error) => println!("fuzz: cannot begin: {error}"),
        Ok(Err((batch, finding))) => println!("FINDING: seed {seed} batch {batch}: {finding}"),
        Ok(Ok(made)) => {
            println!("fuzz: servers, seed {seed}, {made} requests: no finding");
            return 0;
        }
    }
    FOUND
}
