//! `free`: prints how much memory is free, how full the swap space is, and how many processes live.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use libsys::service::pager::space;
use libsys::{machine, println};

libsys::main!(main);
libsys::about!("how many frames are free");

/// Frames in a MiB.
const MIB: u32 = 256;

fn main() {
    let machine = machine();
    println!("{} of {} frames free ({} MiB)", machine.free, machine.frames, machine.free / MIB);
    if let Some((space, aside)) = space().filter(|(space, _)| space.slots > 0) {
        let free = space.slots - space.slots_used - aside;
        println!("{free} of {} slots free on the disk, {aside} set aside", space.slots);
    }
    println!("{} processes", machine.processes);
}
