//! What the table for debuggers says of the stopped machine: its processes, its frame records, its
//! CPU.

use abi::debug::{MAGIC, Table, VERSION};
use abi::layout::{PROCESSES, directory_index};
use anyhow::{Context, Result, bail, ensure};

use super::entry::Entry;
use super::memory::{Memory, PAGE};

/// The CPU's registers, as the monitor prints them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Registers {
    pub eip: u32,
    pub cr0: u32,
    pub cr3: u32,
    pub cr4: u32,
    /// The privilege level: 0 in the kernel, 3 in a program.
    pub ring: u32,
    /// The CPU waits for an interrupt in HLT.
    pub halted: bool,
}

impl Registers {
    /// Reads what `info registers` prints.
    ///
    /// # Errors
    /// A register is missing.
    pub fn parse(text: &str) -> Result<Self> {
        let word = |name: &str| -> Result<u32> {
            let start = text.find(name).with_context(|| format!("no {name} in `{text}`"))?;
            let digits: String =
                text[start + name.len()..].chars().take_while(char::is_ascii_hexdigit).collect();
            u32::from_str_radix(&digits, 16).with_context(|| format!("no number after {name}"))
        };
        Ok(Self {
            eip: word("EIP=")?,
            cr0: word("CR0=")?,
            cr3: word("CR3=")?,
            cr4: word("CR4=")?,
            ring: word("CPL=")?,
            halted: word("HLT=")? == 1,
        })
    }

    /// Nothing of the kernel's is half done: a program runs, or the CPU waits.
    pub const fn is_quiet(&self) -> bool {
        self.ring == 3 || self.halted
    }
}

/// A process that has an address space, and what its slot says.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    pub slot: u32,
    pub id: u32,
    pub parent: u32,
    pub pager: u32,
    /// A number of `abi::debug::State`.
    pub state: u8,
    pub status: u32,
    /// The directory's frame.
    pub directory: u32,
    /// How many frames the kernel says are mapped in the space.
    pub mapped: u32,
}

/// Everything that the rules look at, read from physical memory.
pub struct World<'a> {
    pub memory: &'a Memory,
    pub registers: Registers,
    pub table: Table,
    /// Processes with an address space: alive or dying.
    pub processes: Vec<Process>,
    /// Each process slot that is not free, `(id, parent)`: also those that have ended and wait to
    /// be asked.
    pub known: Vec<(u32, u32)>,
    /// The slots of the current and the loaded process.
    pub current: Option<u32>,
    pub loaded: Option<u32>,
    /// Each frame's link and count.
    pub records: Vec<(u32, u32)>,
}

/// `abi::debug::State`: the slot is free.
const FREE: u8 = 0;
/// `abi::debug::State`: the process has ended and has no memory any more.
const ENDED: u8 = 13;

impl<'a> World<'a> {
    /// Reads the table that lies at the virtual address `symbol`, and what it names.
    ///
    /// # Errors
    /// The kernel has not published the table yet, or it is one of another version.
    pub fn read(memory: &'a Memory, registers: Registers, symbol: u32) -> Result<Self> {
        let directory = registers.cr3 / PAGE;
        let reader = Virtual { memory, directory };
        let words: Vec<u32> = (0..size_of::<Table>() as u32 / 4)
            .map(|index| reader.word(symbol + index * 4))
            .collect::<Result<_>>()
            .context("the table for debuggers is not mapped: is this another kernel's memory?")?;
        ensure!(words[0] == MAGIC, "the kernel has not published its table for debuggers");
        if words[1] != VERSION {
            bail!("the table for debuggers has version {}, and not {VERSION}", words[1]);
        }
        let table = table_of(&words)?;
        let mut world = Self {
            memory,
            registers,
            table,
            processes: Vec::new(),
            known: Vec::new(),
            current: None,
            loaded: None,
            records: Vec::new(),
        };
        world.read_processes(&reader)?;
        world.current = slot_of(reader.half(table.current)?);
        world.loaded = slot_of(reader.half(table.loaded)?);
        ensure!(table.frames.is_multiple_of(PAGE), "the frame records begin inside a page");
        for page in 0..(table.frame_count * 8).div_ceil(PAGE) {
            let frame = reader.physical(table.frames + page * PAGE)? / PAGE;
            let words = memory.words(frame);
            world.records.extend(words.chunks_exact(2).map(|record| (record[0], record[1])));
        }
        world.records.truncate(table.frame_count as usize);
        Ok(world)
    }

    fn read_processes(&mut self, reader: &Virtual<'_>) -> Result<()> {
        let Table { slots, slot_size, facts, .. } = self.table;
        for slot in 0..self.table.slot_count {
            let (at, record) = (slots + slot * slot_size, facts + slot * 124);
            let state = reader.word(at + (self.table.slot_state & !3))?;
            let state = state.to_le_bytes()[(self.table.slot_state % 4) as usize];
            let (id, parent) = (reader.word(record + 72)?, reader.word(record + 76)?);
            let status = reader.word(record + 84)?;
            if state == FREE {
                ensure!(status == 0, "slot {slot:#x} is free, but UENVS says status {status}");
                continue;
            }
            self.known.push((id, parent));
            if state == ENDED {
                continue;
            }
            self.processes.push(Process {
                slot,
                id,
                parent,
                state,
                status,
                pager: reader.word(at + self.table.slot_pager)?,
                directory: reader.word(at + self.table.slot_directory)?,
                mapped: reader.word(at + self.table.slot_mapped)?,
            });
        }
        Ok(())
    }

    /// The frame of the kernel's own directory.
    pub const fn kernel_directory(&self) -> u32 {
        self.table.kernel_directory / PAGE
    }

    /// What a virtual address of the kernel's half is in physical memory.
    pub fn physical(&self, address: u32) -> Option<u32> {
        Virtual { memory: self.memory, directory: self.kernel_directory() }.physical(address).ok()
    }

    /// The process with this directory.
    pub fn owner(&self, directory: u32) -> Option<&Process> {
        self.processes.iter().find(|process| process.directory == directory)
    }
}

fn slot_of(half: u32) -> Option<u32> {
    (half != 0).then_some(half % PROCESSES)
}

fn table_of(words: &[u32]) -> Result<Table> {
    let mut words = words.iter().copied();
    let mut next = || words.next().context("a short table");
    // The fields stand in the order of the words.
    Ok(Table {
        magic: next()?,
        version: next()?,
        size: next()?,
        kernel_directory: next()?,
        slots: next()?,
        slot_size: next()?,
        slot_count: next()?,
        slot_state: next()?,
        slot_directory: next()?,
        slot_pager: next()?,
        slot_mapped: next()?,
        facts: next()?,
        frames: next()?,
        frame_count: next()?,
        current: next()?,
        loaded: next()?,
        archive_first: next()?,
        archive_frames: next()?,
        empty_view_table: next()?,
        empty_view_zeros: next()?,
        dma_first: next()?,
        dma_frames: next()?,
        events: next()?,
        event_size: next()?,
        event_count: next()?,
        events_recorded: next()?,
        events_on: next()?,
        failing: next()?,
    })
}

/// Memory through a directory's tables, by two loads as the CPU does it.
struct Virtual<'a> {
    memory: &'a Memory,
    directory: u32,
}

impl Virtual<'_> {
    fn physical(&self, address: u32) -> Result<u32> {
        let upper = self.memory.word(self.directory * PAGE + directory_index(address) * 4);
        let upper = Entry(upper);
        ensure!(upper.present(), "no table above {address:#x}");
        if upper.has(Entry::LARGE) {
            return Ok((upper.0 & 0xFFC0_0000) | (address & 0x003F_FFFF));
        }
        let lower = Entry(self.memory.word(upper.frame() * PAGE + (address >> 12 & 0x3FF) * 4));
        ensure!(lower.present(), "nothing is mapped at {address:#x}");
        Ok(lower.frame() * PAGE + address % PAGE)
    }

    fn word(&self, address: u32) -> Result<u32> {
        Ok(self.memory.word(self.physical(address)?))
    }

    fn half(&self, address: u32) -> Result<u32> {
        let word = self.word(address & !3)?;
        Ok(word >> (address % 4 * 8) & 0xFFFF)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_are_read_from_what_the_monitor_prints() {
        let text = "EAX=00000000 EBX=00000001\n\
                    EIP=0080012f EFL=00000202 [-------] CPL=3 II=0 A20=1 SMM=0 HLT=0\n\
                    CR0=80010033 CR2=00000000 CR3=00431000 CR4=00000600\n";
        let registers = Registers::parse(text).unwrap();
        assert_eq!(registers.eip, 0x0080_012F);
        assert_eq!(registers.cr3, 0x0043_1000);
        assert!(registers.is_quiet());
        assert!(Registers::parse("EIP=1 CR0=2").is_err());
        let kernel = text.replace("CPL=3", "CPL=0");
        assert!(!Registers::parse(&kernel).unwrap().is_quiet());
        assert!(Registers::parse(&kernel.replace("HLT=0", "HLT=1")).unwrap().is_quiet());
    }

    #[test]
    fn a_slot_is_told_from_no_slot() {
        assert_eq!([slot_of(0), slot_of(1024), slot_of(2047)], [None, Some(0), Some(1023)]);
    }
}
