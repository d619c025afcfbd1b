//! The rules that hold whenever a program runs or the CPU waits, each judged on physical memory
//! alone.
//!
//! What is known here comes from the manual and from this project's documents (`ARCHITECTURE.md`,
//! `docs/debugging.md`), not from the kernel's code. A rule says each violation in one sentence
//! with addresses; it never stops at the first.

use std::collections::HashMap;

use abi::layout::{UENVS, USER_TOP, UVPT, directory_index};

use super::entry::Entry;
use super::memory::PAGE;
use super::text::KernelText;
use super::world::{Process, World};

/// Directory entries below this one belong to programs.
const SHARED: u32 = directory_index(USER_TOP);
/// UENVS, UPAGES and the window: the only entries from `SHARED` on that programs may read through.
const READABLE: std::ops::RangeInclusive<u32> = directory_index(UENVS)..=directory_index(UVPT);
const WINDOW: u32 = directory_index(UVPT);
const ALTERNATE: u32 = 0x3FE;
const CURRENT: u32 = 0x3FF;
/// What UVPT's entry, and a leaf of UENVS and UPAGES, says: P and U.
const READ: u32 = Entry::PRESENT | Entry::USER;
/// The link of a frame that is never given out.
const NOT_RAM: u32 = u32::MAX;

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
    fn say(&mut self, sentence: String) {
        self.violations.push(sentence);
    }

    fn expect(&mut self, holds: bool, sentence: impl FnOnce() -> String) {
        if !holds {
            self.say(sentence());
        }
    }
}

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

/// What a frame is used for, as the walk finds it.
#[derive(Clone, Default)]
struct Uses {
    /// Entries of programs' tables that map it.
    mappings: u32,
    /// It is a page table (once for each directory entry that names it).
    tables: u32,
    /// It is a process's directory.
    directories: u32,
    /// The first place where a program maps it, for the sentence.
    place: Option<(u32, u32)>,
    /// Spaces that map it, the last one seen, and whether there was another.
    space: Option<u32>,
    in_several: bool,
    /// Mapped with W somewhere.
    writable: bool,
    /// Something of the kernel's: what.
    kernel: Option<&'static str>,
}

struct Judge<'a> {
    world: &'a World<'a>,
    found: Judgement,
    uses: HashMap<u32, Uses>,
}

impl Judge<'_> {
    fn entry(&self, frame: u32, index: u32) -> Entry {
        Entry(self.world.memory.word(frame * PAGE + index * 4))
    }

    fn uses(&mut self, frame: u32) -> &mut Uses {
        self.uses.entry(frame).or_default()
    }

    /// The frame is the kernel's: no program may map it.
    fn claim(&mut self, frame: u32, what: &'static str) {
        self.uses(frame).kernel.get_or_insert(what);
    }

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

    /// The kernel's own directory: nothing below the shared half, and tables as the memory map
    /// says.
    fn kernel_half(&mut self) {
        let kernel = self.world.kernel_directory();
        self.claim(kernel, "the kernel's directory");
        self.uses(self.world.table.empty_view_table).kernel = Some("the empty view");
        for index in 0..SHARED {
            let entry = self.entry(kernel, index);
            self.found.expect(entry.0 == 0, || {
                format!("the kernel's directory entry {index:#x} is {entry}, below UTOP")
            });
        }
        self.upper_half(kernel, "the kernel's directory");
        for index in SHARED..1024 {
            let entry = self.entry(kernel, index);
            if !entry.present() || [WINDOW, ALTERNATE, CURRENT].contains(&index) {
                continue;
            }
            self.claim(entry.frame(), "a page table of the kernel's");
            self.kernel_table(index, entry.frame());
        }
    }

    /// A table that every directory shares: its leaves are for the kernel alone, or for all to
    /// read.
    fn kernel_table(&mut self, index: u32, table: u32) {
        let readable = READABLE.contains(&index);
        // Frame slots of the kernel's reach any frame, and stay as the last use left them.
        let slots = index == directory_index(abi::layout::FRAME_SLOTS);
        for (lower, entry) in (0..).zip(self.world.memory.words(table)).map(|(i, w)| (i, Entry(w)))
        {
            let address = index << 22 | lower << 12;
            if !entry.present() {
                self.found
                    .expect(entry.0 == 0, || format!("the kernel's page {address:#x} is {entry}"));
                continue;
            }
            let flags = entry.flags();
            if readable {
                self.found.expect(flags == READ, || {
                    format!("page {address:#x}, which all may read, is {entry}: not P and U alone")
                });
            } else {
                let clean = flags & (Entry::USER | Entry::LARGE | Entry::SEALED) == 0;
                self.found.expect(clean, || {
                    format!("the kernel's page {address:#x} is {entry}: U, PS or G")
                });
            }
            if !slots && flags & Entry::NO_CACHE == 0 {
                self.claim(entry.frame(), "memory of the kernel's");
            }
        }
    }

    /// The kernel's code and constants are mapped without W and hold what the image holds.
    fn kernel_text(&mut self, text: &KernelText) {
        let kernel = self.world.kernel_directory();
        for page in text.pages() {
            let address = page.address;
            let upper = self.entry(kernel, address >> 22);
            let leaf = self.entry(upper.frame(), address >> 12 & 0x3FF);
            self.found.expect(leaf.present() && !leaf.has(Entry::WRITE), || {
                format!("the kernel's read-only page {address:#x} is {leaf}")
            });
            let bytes = self.world.memory.bytes(leaf.frame());
            let differs = page.bytes.iter().enumerate().find(|(at, byte)| bytes[*at] != **byte);
            if let Some((at, byte)) = differs {
                let (at, now) = (address + at as u32, bytes[at]);
                self.found.say(format!(
                    "the kernel's read-only byte at {at:#x} is {now:#04x}, and {byte:#04x} in the image"
                ));
            }
        }
    }

    /// Directory entries 0x3BB to 0x3FF of any directory.
    fn upper_half(&mut self, directory: u32, whose: &str) {
        let kernel = self.world.kernel_directory();
        for index in SHARED..1024 {
            let entry = self.entry(directory, index);
            let place =
                format!("directory entry {index:#x} of {whose} (frame {directory:#x}) is {entry}");
            if entry.present() {
                let readable = READABLE.contains(&index);
                self.found
                    .expect(entry.has(Entry::USER) == readable, || format!("{place}: U is wrong"));
                self.found.expect(!(readable && entry.has(Entry::WRITE)), || format!("{place}: W"));
                self.found.expect(!entry.has(Entry::LARGE), || format!("{place}: PS"));
                self.found.expect(!entry.has(Entry::SEALED), || format!("{place}: G"));
            } else {
                self.found.expect(entry.0 == 0, || format!("{place}: absent, and not 0"));
            }
            match index {
                WINDOW | CURRENT => {
                    let write = if index == CURRENT { Entry::WRITE } else { Entry::USER };
                    let own = (directory * PAGE) | Entry::PRESENT | write;
                    self.found.expect(entry.steady() == own, || {
                        format!("{place}: a self entry names its own directory")
                    });
                }
                ALTERNATE => self.alternate(directory, entry, &place),
                _ => {
                    let shared = self.entry(kernel, index);
                    self.found.expect(entry.steady() == shared.steady(), || {
                        format!("{place}, and the kernel's is {shared}")
                    });
                }
            }
        }
    }

    /// The alternate self map: only of the loaded directory, and only to a directory that exists.
    fn alternate(&mut self, directory: u32, entry: Entry, place: &str) {
        if !entry.present() {
            return;
        }
        let loaded = self.world.registers.cr3 / PAGE == directory;
        self.found.expect(loaded, || format!("{place}, but the directory is not loaded"));
        let flags = Entry::PRESENT | Entry::WRITE;
        self.found.expect(entry.flags() == flags, || format!("{place}: not P and W alone"));
        let target = entry.frame();
        let exists = target == self.world.kernel_directory() || self.world.owner(target).is_some();
        self.found.expect(exists, || format!("{place}: no process has this directory"));
    }

    /// What a process maps below UTOP.
    fn space(&mut self, process: &Process) {
        self.found.directories += 1;
        self.upper_half(process.directory, &format!("{:08x}", process.id));
        let mut mapped = 1;
        for index in 0..SHARED {
            let entry = self.entry(process.directory, index);
            if entry.0 == 0 {
                continue;
            }
            let place = format!("directory entry {index:#x} of {:08x} is {entry}", process.id);
            if entry.present() && entry.has(Entry::VIEW) {
                self.view(process, entry, &place);
                continue;
            }
            let table = Entry::PRESENT | Entry::WRITE | Entry::USER;
            self.found.expect(entry.flags() == table, || {
                format!("{place}: neither absent (0), nor a table (P, W, U), nor a view")
            });
            if !entry.present() {
                continue;
            }
            mapped += 1;
            self.uses(entry.frame()).tables += 1;
            self.claim(entry.frame(), "a page table");
            mapped += self.table(process, index, entry.frame());
        }
        let Process { id, mapped: said, .. } = *process;
        self.found.expect(mapped == said, || {
            format!(
                "{id:08x} maps {mapped} frames, tables and directory included; its slot says {said}"
            )
        });
    }

    /// The leaves of a process's table; returns how many are present.
    fn table(&mut self, process: &Process, upper: u32, table: u32) -> u32 {
        let mut mapped = 0;
        for (lower, word) in (0..).zip(self.world.memory.words(table)) {
            let (entry, address) = (Entry(word), upper << 22 | lower << 12);
            if word == 0 {
                continue;
            }
            let place =
                || format!("the entry of page {address:#x} of {:08x} is {entry}", process.id);
            if !entry.present() {
                self.found.expect(word & !Entry::MARKS == 0, || {
                    format!("{}: an absent entry holds marks alone", place())
                });
                continue;
            }
            mapped += 1;
            self.found.leaves += 1;
            self.found.expect(entry.has(Entry::USER), || format!("{}: U is missing", place()));
            self.found.expect(!entry.has(Entry::LARGE), || format!("{}: bit 7", place()));
            let sealed_and_writable = entry.has(Entry::SEALED | Entry::WRITE);
            self.found.expect(!sealed_and_writable, || format!("{}: sealed, with W", place()));
            self.leaf(process, address, entry);
        }
        mapped
    }

    fn leaf(&mut self, process: &Process, address: u32, entry: Entry) {
        let table = self.world.table;
        let frame = entry.frame();
        let in_pool = frame.wrapping_sub(table.dma_first) < table.dma_frames;
        let record = self.world.records.get(frame as usize);
        let archive = frame.wrapping_sub(table.archive_first) < table.archive_frames;
        let device = !in_pool && record.is_none_or(|record| record.0 == NOT_RAM);
        let place = format!("the entry of page {address:#x} of {:08x} is {entry}", process.id);
        let expected = match (in_pool, device) {
            (true, _) => Entry::WRITE_THROUGH,
            (_, true) => Entry::WRITE_THROUGH | Entry::NO_CACHE,
            _ => 0,
        };
        let caching = entry.0 & (Entry::WRITE_THROUGH | Entry::NO_CACHE);
        self.found.expect(caching == expected, || {
            format!("{place}: PWT and PCD are {caching:#x}, and {expected:#x} for such a frame")
        });
        if archive {
            self.found
                .expect(!entry.has(Entry::WRITE), || format!("{place}: the boot archive, with W"));
        }
        let uses = self.uses(frame);
        uses.mappings += 1;
        uses.place.get_or_insert((process.id, address));
        uses.in_several |= uses.space.is_some_and(|space| space != process.slot);
        uses.space = Some(process.slot);
        uses.writable |= entry.has(Entry::WRITE);
        // Two drivers may each map the same device; a DMA frame is one driver's.
        let shared_frame = in_pool && uses.in_several;
        self.found.expect(!shared_frame, || format!("{place}: a DMA frame in two spaces"));
    }

    /// A directory entry that shows another process's tables.
    fn view(&mut self, viewer: &Process, entry: Entry, place: &str) {
        let flags = Entry::PRESENT | Entry::USER | Entry::VIEW;
        self.found.expect(entry.flags() == flags, || {
            format!("{place}: a view has P, U and its mark, and nothing else")
        });
        if entry.frame() == self.world.table.empty_view_table {
            return;
        }
        let Some(viewed) = self.world.owner(entry.frame()).copied() else {
            return self.found.say(format!("{place}: a view of no process's directory"));
        };
        let Process { id, parent, pager, .. } = viewed;
        let may = parent == viewer.id || pager == viewer.id;
        self.found.expect(may, || format!("{place}: a view of {id:08x}, neither child nor client"));
        let lost = self.world.table.empty_view_table;
        let entries = (0..SHARED).map(|index| (index, self.entry(viewed.directory, index)));
        let views =
            |entry: Entry| entry.present() && entry.has(Entry::VIEW) && entry.frame() != lost;
        if let Some((index, _)) = entries.into_iter().find(|(_, entry)| views(*entry)) {
            self.found
                .say(format!("{place}: a view of {id:08x}, which views at {index:#x} itself"));
        }
    }

    /// What lost views show: 1,024 read-only entries that name one frame of zeros.
    fn empty_view(&mut self) {
        let table = self.world.table;
        let expected = (table.empty_view_zeros * PAGE) | READ;
        for (index, word) in (0..).zip(self.world.memory.words(table.empty_view_table)) {
            let entry = Entry(word);
            self.found.expect(entry.steady() == expected, || {
                format!("entry {index:#x} of the empty view is {entry}, and not {expected:#010x}")
            });
        }
        let zeros = self.world.memory.words(table.empty_view_zeros);
        if let Some(at) = zeros.iter().position(|word| *word != 0) {
            self.found.say(format!("word {at:#x} of the frame of zeros is {:#010x}", zeros[at]));
        }
        self.claim(table.empty_view_zeros, "the frame of zeros");
    }

    /// Every frame's count is the number of entries that name it; kernel memory and tables are
    /// mapped by nobody.
    fn counts(&mut self) {
        let table = self.world.table;
        let uses = std::mem::take(&mut self.uses);
        for (frame, (link, count)) in (0..).zip(self.world.records.iter().copied()) {
            let used = uses.get(&frame).cloned().unwrap_or_default();
            let named = used.mappings + used.tables + used.directories;
            let archive = frame.wrapping_sub(table.archive_first) < table.archive_frames;
            let empty = [table.empty_view_table, table.empty_view_zeros].contains(&frame);
            let pool = frame.wrapping_sub(table.dma_first) < table.dma_frames;
            let extra = u32::from(archive || empty || pool || link == NOT_RAM);
            self.found.expect(count == named + extra, || {
                let free = if count == 0 { " (free)" } else { "" };
                format!(
                    "frame {frame:#x} has count {count}{free}, but {} mappings{}, {} tables, \
                     {} directories{} name it",
                    used.mappings,
                    place_of(&used),
                    used.tables,
                    used.directories,
                    if extra == 1 { ", and one is kept for good" } else { "" },
                )
            });
            self.found.expect(used.tables + used.directories < 2, || {
                format!(
                    "frame {frame:#x} is {} tables and {} directories at once",
                    used.tables, used.directories
                )
            });
        }
        let mut mapped: Vec<_> = uses.iter().filter(|(_, used)| used.mappings > 0).collect();
        mapped.sort_by_key(|(frame, _)| **frame);
        for (frame, used) in mapped {
            if let Some(what) = used.kernel {
                let place = place_of(used);
                let how = if used.writable { "writable" } else { "read-only" };
                self.found.say(format!("frame {frame:#x} is {what}, and mapped{place}, {how}"));
            }
        }
    }
}

fn place_of(used: &Uses) -> String {
    used.place
        .map_or(String::new(), |(id, address)| format!(" (first at {address:#x} of {id:08x})"))
}
