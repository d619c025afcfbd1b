//! `nothing`: the program that is spawned in order to measure a spawn.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

libsys::main!(main);
libsys::about!("ends at once; `bench` spawns it");

fn main() {}
