//! The rules that hold whenever a program runs or the CPU waits, each judged on physical memory
//! alone.
//!
//! What is known here comes from the manual and from this project's documents (`ARCHITECTURE.md`,
//! `docs/debugging.md`), not from the kernel's code. A rule says each violation in one sentence
//! with addresses; it never stops at the first.
//!
//! This file has the rules for the registers and for the process table; the others lie below it,
//! by what they look at.

use std::collections::HashMap;

mod counts;
mod judge;
mod kernel_half;
mod space;

pub use self::judge::Judgement;

use self::judge::Judge;
use super::memory::PAGE;
use super::text::KernelText;
use super::world::{Process, World};

/// Judges a stopped machine by every rule. `text` is what the kernel's image holds on disk.
#[must_use]
pub fn judge(world: &World<'_>, text: &KernelText) -> Judgement {
    let mut judge = Judge { world, found: Judgement::default(), uses: HashMap::new() };
    judge.registers();
    judge.processes();
    judge.kernel_half();
    judge.kernel_text(text);
    for process in &world.processes {
        judge.space(process);
    }
    judge.empty_view();
    judge.counts();
    judge.found
}

impl Judge<'_> {
    /// CR0.WP is set, CR4.PGE is clear, and CR3 names a directory that the kernel has.
    fn registers(&mut self) {
        const PAGING_WITH_WP: u32 = 1 << 31 | 1 << 16 | 1;
        const PGE: u32 = 1 << 7;
        let r = self.world.registers;
        self.found.expect(r.cr0 & PAGING_WITH_WP == PAGING_WITH_WP, || {
            format!("CR0 is {:#010x}: PG, WP and PE are not all set", r.cr0)
        });
        self.found.expect(r.cr4 & PGE == 0, || format!("CR4 is {:#010x}: PGE is set", r.cr4));
        let loaded = r.cr3 / PAGE;
        let expected = match self.world.loaded {
            None => self.world.kernel_directory(),
            Some(slot) => {
                let process = self.world.processes.iter().find(|process| process.slot == slot);
                process.map_or(0, |process| process.directory)
            }
        };
        self.found.expect(loaded == expected, || {
            format!("CR3 is {:#010x}, but the kernel has directory {expected:#x} loaded", r.cr3)
        });
        if r.ring == 3 {
            let (current, loaded) = (self.world.current, self.world.loaded);
            self.found.expect(current.is_some() && current == loaded, || {
                format!("a program runs; the current slot is {current:?}, the loaded {loaded:?}")
            });
        }
    }

    /// Ids name their slots, parents exist, directories are different frames.
    fn processes(&mut self) {
        let mut directories = HashMap::new();
        for process in &self.world.processes {
            let Process { slot, id, parent, directory, .. } = *process;
            self.found.expect(id % 1024 == slot, || {
                format!("the process in slot {slot:#x} has the id {id:08x}")
            });
            let known = parent == 0 || self.world.known.iter().any(|(known, _)| *known == parent);
            self.found
                .expect(known, || format!("the parent {parent:08x} of {id:08x} does not exist"));
            if let Some(other) = directories.insert(directory, id) {
                self.found.say(format!("{id:08x} and {other:08x} share directory {directory:#x}"));
            }
            self.uses(directory).directories += 1;
            self.claim(directory, "a page directory");
        }
    }
}
