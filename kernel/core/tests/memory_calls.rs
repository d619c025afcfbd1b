//! The native calls on pages and ranges: what each does, and each error that it documents.

mod model;
mod world;

use abi::process::Target;
use abi::{Error, Syscall, UserPage};
use world::{DATA, PAGE, READ, World};

const ME: Target = Target::Caller;

#[test]
fn the_first_process_runs_with_its_data() {
    let mut world = World::new();
    assert_eq!(world.current(), world.init());
    assert_eq!(world.read(DATA), Ok(0xDA7A_DA7A));
}

#[test]
fn a_fresh_page_is_zero_and_reads_007() {
    let mut world = World::new();
    world.allocate(PAGE);
    assert_eq!(world.leaf(world.init(), PAGE).bits() & 0xFFF, 0x007);
    assert_eq!(world.read(PAGE), Ok(0));
}
