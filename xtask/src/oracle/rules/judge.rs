//! What the rules share: the sentences that they have found, and how each frame is used.

use std::collections::HashMap;

use abi::layout::{UENVS, USER_TOP, UVPT, directory_index};

use crate::oracle::entry::Entry;
use crate::oracle::memory::PAGE;
use crate::oracle::world::World;

/// Directory entries below this one belong to programs.
pub const SHARED: u32 = directory_index(USER_TOP);
/// UENVS, UPAGES and the window: the only entries from `SHARED` on that programs may read through.
pub const READABLE: std::ops::RangeInclusive<u32> = directory_index(UENVS)..=directory_index(UVPT);
pub const WINDOW: u32 = directory_index(UVPT);
pub const ALTERNATE: u32 = 0x3FE;
pub const CURRENT: u32 = 0x3FF;
/// What UVPT's entry, and a leaf of UENVS and UPAGES, says: P and U.
pub const READ: u32 = Entry::PRESENT | Entry::USER;
/// The link of a frame that is never given out.
pub const NOT_RAM: u32 = u32::MAX;

/// Everything that was found wrong, and how much was looked at.
#[derive(Default)]
pub struct Judgement {
    /// One sentence each.
    pub violations: Vec<String>,
    /// Directories that were walked.
    pub directories: u32,
    /// Present leaves that were seen in them.
    pub leaves: u32,
}

impl Judgement {
    pub fn say(&mut self, sentence: String) {
        self.violations.push(sentence);
    }

    pub fn expect(&mut self, holds: bool, sentence: impl FnOnce() -> String) {
        if !holds {
            self.say(sentence());
        }
    }
}

/// What a frame is used for, as the walk finds it.
#[derive(Clone, Default)]
pub struct Uses {
    /// Entries of programs' tables that map it.
    pub mappings: u32,
    /// It is a page table (once for each directory entry that names it).
    pub tables: u32,
    /// It is a process's directory.
    pub directories: u32,
    /// The first place where a program maps it, for the sentence.
    pub place: Option<(u32, u32)>,
    /// Spaces that map it, the last one seen, and whether there was another.
    pub space: Option<u32>,
    pub in_several: bool,
    /// Mapped with W somewhere.
    pub writable: bool,
    /// Something of the kernel's: what.
    pub kernel: Option<&'static str>,
}

/// Collects what the rules find.
pub struct Judge<'a> {
    pub world: &'a World<'a>,
    pub found: Judgement,
    pub uses: HashMap<u32, Uses>,
}

impl Judge<'_> {
    pub fn entry(&self, frame: u32, index: u32) -> Entry {
        Entry(self.world.memory.word(frame * PAGE + index * 4))
    }

    pub fn uses(&mut self, frame: u32) -> &mut Uses {
        self.uses.entry(frame).or_default()
    }

    /// The frame is the kernel's: no program may map it.
    pub fn claim(&mut self, frame: u32, what: &'static str) {
        self.uses(frame).kernel.get_or_insert(what);
    }
}
