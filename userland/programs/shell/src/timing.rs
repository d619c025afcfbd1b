//! What a program has cost: time, instructions or cycles, and the faults that the pager served.

use libsys::runtime::counter;
use libsys::service::pager::given_to;
use libsys::{ProcessId, clock, print, println};

/// A moment before the program.
pub struct Start {
    clock: u64,
    counter: u64,
}

impl Start {
    /// Now.
    pub fn now() -> Self {
        Self { clock: clock(), counter: counter::now_long() }
    }

    /// Prints what has happened since, and what `program`, if one has run, was given by the pager:
    /// it and its descendants, and nobody else. Time goes on for all processes.
    pub fn print(self, program: Option<ProcessId>) {
        let (counted, time) = (counter::now_long() - self.counter, clock() - self.clock);
        println!("time     {}.{:06} s", time / 1_000_000, time % 1_000_000);
        let waiting = match counter::unit() {
            "instructions" => ",\n         and one for each nanosecond that the CPU waited",
            _ => "",
        };
        println!("counter  {counted} {}{waiting}", counter::unit());
        let Some(given) = program.and_then(given_to) else { return };
        println!("faults   {}, for which the pager gave", given.faults);
        print!("         {} pages of zeros and {} of program files", given.zeroed, given.loaded);
        match given.back {
            0 => println!(),
            back => println!(",\n         and brought {back} back"),
        }
    }
}
