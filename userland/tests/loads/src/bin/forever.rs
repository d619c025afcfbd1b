//! `forever [PROCESSES]`: forks without end; made for Ctrl-C.
//!
//! Each child forks, too; so the tree grows deep as well as wide, until there are so many processes or there is no room,
//! and then they all sleep.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use libsys::paging::fork::{Fork, fork};
use libsys::{machine, println, sleep};

libsys::main!(main, arguments);

/// Processes of the system at which the program says that it has begun.
const MANY: u32 = 32;
/// It stops forking here: enough to show the point, and the shell keeps room to work in.
const ENOUGH: u32 = 200;

/// Exit status of a wrong command line.
const USAGE: u8 = 2;

fn main() -> u8 {
    let mut arguments = libsys::args().skip(1);
    let enough = match (arguments.next().map(str::parse), arguments.next()) {
        (None, _) => ENOUGH,
        (Some(Ok(count)), None) => count,
        (Some(_), _) => {
            println!("usage: forever [PROCESSES]");
            return USAGE;
        }
    };
    println!("forking until Ctrl-C");
    // The first process says when there is no room; the others would say the same.
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
