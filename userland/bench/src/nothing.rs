//! `nothing`: the program that is spawned to see what spawning costs.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

libsys::main!(main);

fn main() {}
