//! What a process maps below UTOP: tables, leaves, views.

use crate::oracle::entry::Entry;
use crate::oracle::world::Process;

use super::judge::{Judge, NOT_RAM, SHARED};

impl Judge<'_> {
    /// What a process maps below UTOP.
    pub(super) fn space(&mut self, process: &Process) {
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
}
