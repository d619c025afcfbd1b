//! What a program has cost: time, instructions or cycles, and the pages that the pager gave.

use libsys::runtime::counter;
use libsys::service::pager::{Request, Statistics, ask};
use libsys::{clock, println};

/// A moment before the program.
pub struct Start {
    clock: u64,
    counter: u64,
    pager: Option<Statistics>,
}

impl Start {
    /// Now.
    pub fn now() -> Self {
        Self { pager: statistics(), clock: clock(), counter: counter::now_long() }
    }

    /// Prints what has happened since.
    ///
    /// When a program has ended, nobody knows any more how many pages it had. So the shell counts
    /// what the pager has given meanwhile, to whomever: its own pages are among them, and those of
    /// jobs in the background.
    pub fn print(self) {
        let (counted, time) = (counter::now_long() - self.counter, clock() - self.clock);
        println!("time     {}.{:06} s", time / 1_000_000, time % 1_000_000);
        println!("counter  {counted} {}", counter::unit());
        let (Some(before), Some(after)) = (self.pager, statistics()) else { return };
        let zeroed = after.zeroed.wrapping_sub(before.zeroed);
        let loaded = after.loaded.wrapping_sub(before.loaded);
        println!("faults   {}, for which the pager gave", zeroed.wrapping_add(loaded));
        println!("         {zeroed} pages of zeros and {loaded} of program files");
    }
}

/// What the pager has done; `None` without a pager.
fn statistics() -> Option<Statistics> {
    ask(Request::Statistics).ok().map(Statistics::decode)
}
