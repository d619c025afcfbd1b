//! The pager's decisions (`userland/servers/swap`) on the real decisions of the kernel: no write of
//! a client is lost, whatever clients and those who share their pages do.
//!
//! The tests of `swap` have a model of the kernel, which follows the kernel's rule for the mark
//! PAGER as its author understood it. Here the kernel is the real one, on the modelled MMU and TLB.
//! The first process is the pager. It makes the calls of the pager's `backend.rs` by the same
//! registers, and other processes run between any two of them: clients load, store, map, move,
//! copy, protect, unmap, fork and end; their parent maps their pages in its own space and in those
//! of others, and writes them there.
//!
//! The judge is physical memory: when the pager drops the frame of a page that is paged out, all
//! 4,096 bytes are noted; when the page comes back, it must have the same bytes. So no rule about
//! marks is needed to say what is right.

mod backend;
mod clients;
mod machine;

pub use machine::{Machine, Tally};

/// Runs `steps` steps of this seed. Returns what happened.
///
/// # Errors
/// A write was lost.
pub fn run(seed: u64, steps: u64) -> Result<Tally, String> {
    let mut machine = Machine::new(seed);
    let slots = [4000, 60, 0][(seed % 3) as usize];
    let mut swap = machine.swap(slots);
    for step in 0..steps {
        machine.step(&mut swap);
        if let Some(failure) = machine.failure() {
            return Err(format!("step {step} of seed {seed}: {failure}"));
        }
        if step % 256 == 0 {
            machine.audit();
        }
    }
    Ok(machine.tally())
}
