//! `forever [PROCESSES]`: forks without end; made for Ctrl-C.
//!
//! Each child forks, too, so that the tree grows deep as well as wide, until there are so many
//! processes or no room for more; then all of them sleep.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use libsys::paging::fork::{Fork, fork};
use libsys::process::start::usage;
use libsys::{machine, println, sleep};

libsys::main!(main, arguments);
libsys::about!("forks without end; made for Ctrl-C", "forever [PROCESSES]");

/// The number of processes in the system at which the program prints that it has begun.
const MANY: u32 = 32;
/// The default for the most processes: the shell keeps room to work in.
const ENOUGH: u32 = 200;

fn main() -> u8 {
    let mut arguments = libsys::args().skip(1);
    let enough = match (arguments.next().map(str::parse), arguments.next()) {
        (None, _) => ENOUGH,
        (Some(Ok(count)), None) => count,
        (Some(_), _) => {
            return usage();
        }
    };
    println!("forking until Ctrl-C");
    // Only the first process prints that there is no room; the others would print the same.
    let mut says = true;
    loop {
        if machine().processes >= enough {
            sleep(1000);
            continue;
        }
        match fork() {
            Ok(Fork::Parent { .. }) if machine().processes == MANY => {
                println!("{MANY} processes");
            }
            Ok(Fork::Parent { .. }) => {}
            Ok(Fork::Child) => says = false,
            Err(error) => {
                if core::mem::replace(&mut says, false) {
                    println!("no more: {error}");
                }
                sleep(1000);
            }
        }
    }
}
