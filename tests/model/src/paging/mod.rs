//! The pager (`userland/servers/pager`, with the decisions of `userland/servers/swap`) on the real
//! decisions of the kernel: no write of a client is lost, whatever clients and those who share their
//! pages do.
//!
//! The tests of `swap` have a model of the kernel, which follows the kernel's rule for the mark
//! PAGER as its author understood it. Here the kernel is the real one, on the modelled MMU and TLB.
//! The first process is the pager. It makes the calls that the pager's server asks its `Kernel`
//! for, by the same registers as the program, and other processes run between any two of them: clients load, store, map, move,
//! copy, protect, unmap, fork and end; their parent maps their pages in its own space and in those
//! of others, writes them there, is their pager for a moment, and uses memory up.
//!
//! Reading order: `machine` has the kernel and what the pager owns; `judge` says what is wrong
//! with what is `kept`;
//! `kernel` has the pager's calls, `server` has its server, which answers each message; `acts` has
//! what others do, `clients` and `parent` choose among it. `tests` tries the server message by
//! message.
//!
//! Pages are not chosen evenly. What can go wrong needs several steps in a row: a page goes to the
//! disk, comes back with the mark PAGER, is written in a way that the mark must not survive, and
//! goes again. So others choose pages that are marked, pages that are paged out, and the page whose
//! fault is being served, far more often than the rest. [`Tally`] counts what comes of it.

use std::panic::{self, AssertUnwindSafe};

mod acts;
mod clients;
mod judge;
mod kept;
mod kernel;
mod layout;
mod machine;
mod parent;
mod server;
mod setting;
#[cfg(test)]
mod tests;

pub use machine::Tally;
use server::Run;
pub use setting::Setting;

/// Runs `steps` steps of the machine of this seed. Returns what happened.
///
/// # Errors
/// A write was lost, or an assertion of the kernel's or of its model does not hold: after how many
/// steps, and what is wrong.
pub fn run(seed: u64, steps: u64) -> Result<Tally, (u64, String)> {
    let mut made = 0;
    let run = panic::catch_unwind(AssertUnwindSafe(|| machine_run(seed, steps, &mut made)));
    let run = run.unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<String>().cloned();
        let text = text.or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("panic: {}", text.unwrap_or_default()))
    });
    run.map_err(|failure| (made, failure))
}

fn machine_run(seed: u64, steps: u64, made: &mut u64) -> Result<Tally, String> {
    let setting = Setting::of(seed);
    let mut run = Run::new(seed, setting);
    for step in 0..steps {
        *made = step;
        run.step();
        if let Some(failure) = run.machine().failure() {
            return Err(failure.clone());
        }
        if step % 256 == 0 {
            run.machine().audit();
        }
    }
    Ok(run.machine().tally())
}
