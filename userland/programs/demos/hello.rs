//! `hello`: the smallest program with something to see.
#![no_std]
#![no_main]

use libsys::{Page, println, window};

libsys::main!(main);
libsys::about!("the smallest program with something to see");

fn main() {
    let here = Page::containing(0x0080_0020);
    match window().entry_of(here) {
        Some(entry) => println!("hello from frame {:#x}", entry.frame().number()),
        None => println!("hello from nowhere"),
    }
}
