//! The tables of a program and its descendants, read from physical memory.
//!
//! A process's name is what its own stack says: whoever starts a program puts its name and
//! arguments at the top of its stack, and a fork copies them. The kernel knows no names.

use abi::layout::{ENTRIES, PAGE_SIZE, USER_STACK_TOP};
use picture::Snapshot;
use picture::snapshot::Owner;

use crate::oracle::entry::Entry;
use crate::oracle::memory::{Memory, PAGE};
use crate::oracle::world::{Process, World};

/// The most arguments of a program that is looked for.
const ARGUMENTS: u32 = 64;

/// Each process of this name and its descendants, parents before children.
#[must_use]
pub fn family(world: &World<'_>, name: &str) -> Vec<Snapshot> {
    let named = |process: &Process| name_of(world.memory, process.directory);
    let mut family: Vec<&Process> = Vec::new();
    // Ids grow, so a parent comes before its children but for a slot that is used again; a second
    // pass finds those.
    for _ in 0..2 {
        for process in &world.processes {
            let known = family.iter().any(|member| member.id == process.id);
            let is_child = family.iter().any(|member| member.id == process.parent);
            if !known && (is_child || named(process).as_deref() == Some(name)) {
                family.push(process);
            }
        }
    }
    family.iter().map(|process| snapshot(world.memory, process)).collect()
}

/// Reads the tables of a process.
#[must_use]
pub fn snapshot(memory: &Memory, process: &Process) -> Snapshot {
    let name = name_of(memory, process.directory);
    let owner = Owner { id: process.id, parent: process.parent, name };
    let entry = |index: u32| memory.word(process.directory * PAGE + index * 4);
    Snapshot::take(owner, entry, |table, index| {
        memory.word(Entry(entry(table)).frame() * PAGE + index * 4)
    })
}

/// The program's name, from the first page of the stack: `argc`, the address of `argv`, then `argv`
/// itself.
fn name_of(memory: &Memory, directory: u32) -> Option<String> {
    let start = USER_STACK_TOP - PAGE_SIZE;
    let frame = frame_of(memory, directory, start)?;
    let word = |offset: u32| memory.word(frame * PAGE + offset);
    let begins = |offset: &u32| {
        (1..=ARGUMENTS).contains(&word(*offset)) && word(offset + 4) == start + offset + 8
    };
    // The arguments take half of the page at most, and lie at its end.
    let esp = (PAGE_SIZE / 2..PAGE_SIZE - 16).step_by(4).find(begins)?;
    let at = word(esp + 8).checked_sub(start).filter(|offset| *offset < PAGE_SIZE)?;
    let byte = |offset: u32| word(offset & !3).to_le_bytes()[(offset % 4) as usize];
    let bytes: Vec<u8> = (at..PAGE_SIZE).map(byte).take_while(|byte| *byte != 0).collect();
    String::from_utf8(bytes).ok().filter(|name| !name.is_empty() && !name.contains(' '))
}

/// The frame of a page in a space, if it is present.
fn frame_of(memory: &Memory, directory: u32, page: u32) -> Option<u32> {
    let upper = Entry(memory.word(directory * PAGE + (page >> 22) * 4));
    let table = upper.present().then(|| upper.frame())?;
    let lower = Entry(memory.word(table * PAGE + (page >> 12) % ENTRIES * 4));
    lower.present().then(|| lower.frame())
}
