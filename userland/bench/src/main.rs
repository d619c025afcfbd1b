//! `bench [PART...]`: what every operation costs a program, one line of JSON for each row.
//!
//! A row is measured from before the libsys call to after it: the whole fault, the whole fork. Each
//! part runs in a freshly spawned process of its own, so that no row depends on what another part
//! has left in its tables.
//!
//! - `bench` runs the parts that make the table; `bench growth` runs those that show which costs
//!   grow with what.
//! - [`libsys::runtime::counter`]: how instructions are counted; [`stopwatch`]: how an operation is
//!   repeated and printed; [`mark`]: how the emulator's plugin is told what is measured.
//! - [`test_pages`], [`peer`], [`touch`]: memory, processes and accesses for the operations.
//!
//! Where two runs may differ: nowhere under `-icount`, as long as the image is the same. A timer
//! interrupt (every 10,000,000 instructions) falls into the same iteration of the same row each
//! time; with another image it falls into another one. So it can be in any `max`, and in a median
//! only if one iteration takes about that long: `fork` of 65,536 pages.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

extern crate alloc;

mod mark;
mod peer;
mod stopwatch;
mod test_pages;
mod touch;

mod calls;
mod copy_on_write;
mod faults;
mod forks;
mod growth;
mod jos;
mod longest;
mod messages;
mod pager;
mod pages;
mod processes;
mod protection;
mod transactions;
mod window;

use libsys::process::{Command, wait};
use libsys::runtime::counter;
use libsys::{args, println};

use stopwatch::Outcome;

libsys::main!(main, arguments);
libsys::about!("what every operation costs, as lines of JSON", "bench [PART...]");

/// Exit status of a wrong command line, or of a part that failed.
const FAILED: u8 = 1;

/// Rows that are measured in one process.
struct Part {
    name: &'static str,
    run: fn() -> Outcome,
}

const TABLE: &[Part] = &[
    Part { name: "calls", run: calls::run },
    Part { name: "pages", run: pages::run },
    Part { name: "protection", run: protection::run },
    Part { name: "transactions", run: transactions::run },
    Part { name: "faults", run: faults::run },
    Part { name: "pager", run: pager::run },
    Part { name: "window", run: window::run },
    Part { name: "copy-on-write", run: copy_on_write::run },
    Part { name: "messages", run: messages::run },
    Part { name: "forks", run: forks::run },
    Part { name: "fork-of-a-program", run: forks::program },
    Part { name: "processes", run: processes::run },
    Part { name: "jos", run: jos::run },
    Part { name: "longest", run: longest::run },
];

const GROWTH: &[Part] = &[
    Part { name: "growth-processes", run: growth::processes },
    Part { name: "growth-pages", run: growth::pages },
    Part { name: "growth-frames", run: growth::frames },
];

fn main() -> u8 {
    match args().nth(1) {
        None => spawn_all(TABLE),
        Some("growth") => spawn_all(GROWTH),
        Some(_) => args().skip(1).map(run_named).max().unwrap_or(0),
    }
}

/// Runs each part in a process of its own.
fn spawn_all(parts: &[Part]) -> u8 {
    println!("{{\"counted\":\"{}\"}}", counter::unit());
    parts.iter().map(spawn).max().unwrap_or(0)
}

fn spawn(part: &Part) -> u8 {
    let ended = Command::new("bench").args(&[part.name]).spawn().map(|child| wait(Some(child)));
    match ended {
        Ok(Ok(ended)) if ended.status == 0 => 0,
        _ => {
            println!("bench: {} failed", part.name);
            FAILED
        }
    }
}

fn run_named(name: &str) -> u8 {
    let Some(part) = TABLE.iter().chain(GROWTH).find(|part| part.name == name) else {
        println!("bench: no part is named {name}");
        return FAILED;
    };
    println!("{{\"part\":\"{name}\"}}");
    mark::part();
    match (part.run)() {
        Ok(()) => 0,
        Err(error) => {
            println!("bench: {name}: {error}");
            FAILED
        }
    }
}
