//! What each frame is used for in the end: its count, and who may not map it.

use crate::oracle::entry::Entry;
use crate::oracle::memory::PAGE;

use super::judge::{Judge, NOT_RAM, READ, Uses};

impl Judge<'_> {
    /// What lost views show: 1,024 read-only entries that name one frame of zeros.
    pub(super) fn empty_view(&mut self) {
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
    pub(super) fn counts(&mut self) {
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
