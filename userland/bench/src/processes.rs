//! What processes cost without a fork: a blank one, a spawned program, the end of one.

use libsys::process::{Command, end, wait};
use libsys::process_create;

use crate::stopwatch::{Failure, Outcome, Samples, repeat, row};
use crate::test_pages::allocate;

/// Pages of a process that ends: one page table of them.
const PAGES: u32 = 1024;

/// `process_create`, `spawn_program`, `destroy_per_page`.
pub fn run() -> Outcome {
    row("process_create", 200, |watch| {
        let child = watch.time(process_create)?;
        end(child)?;
        Ok(())
    })?;
    // From the call to the program's end. The pager brings each page at its first touch.
    row("spawn_program", 50, |watch| {
        let ended = watch.time(|| {
            let child = Command::new("nothing").spawn()?;
            Ok::<_, Failure>(wait(Some(child))?)
        })?;
        if ended.status == 0 { Ok(()) } else { Err(Failure::Wrong("a program failed")) }
    })?;
    let blank = destroy(0)?;
    destroy(PAGES)?.beyond(&blank).print("destroy_per_page", PAGES);
    Ok(())
}

/// The end of a child with so many pages, until its memory is free.
fn destroy(pages: u32) -> Result<Samples, Failure> {
    repeat(20, |watch| {
        let child = process_create()?;
        allocate(child, pages)?;
        watch.time(|| end(child))?;
        Ok(())
    })
}
