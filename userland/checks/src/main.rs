//! The kernel's promises, tried from ring 3.
#![no_std]
#![no_main]
libsys::main!(main);
fn main() {}
