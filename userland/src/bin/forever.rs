//! `forever`: forks without end; made for Ctrl-C.
//!
//! Each child forks, too, and then waits; so the tree grows deep as well as wide, until there is no room, and then
//! they all sleep.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use libsys::fork::{Fork, fork};
use libsys::{machine, println, sleep};

libsys::main!(main);

/// Processes of the system at which the program says that it has begun.
const MANY: u32 = 32;
/// It stops forking here: enough to show the point, and the shell keeps room to work in.
const ENOUGH: u32 = 200;

fn main() {
    println!("forking until Ctrl-C");
    loop {
        if machine().processes >= ENOUGH {
            sleep(1000);
            continue;
        }
        if let Ok(Fork::Parent { .. }) = fork()
            && machine().processes == MANY
        {
            println!("{MANY} processes");
        }
    }
}
