//! `free`: how much memory the machine has left, and how many processes live.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use libsys::{machine, println};

libsys::main!(main);

/// Frames in a MiB.
const MIB: u32 = 256;

fn main() {
    let machine = machine();
    println!("{} of {} frames free ({} MiB)", machine.free, machine.frames, machine.free / MIB);
    println!("{} processes", machine.processes);
}
