//! The upper half of every directory: it is the kernel's, and programs may read three of its
//! entries.

use crate::oracle::entry::Entry;
use crate::oracle::memory::PAGE;
use crate::oracle::text::KernelText;

use super::judge::{ALTERNATE, CURRENT, Judge, READ, READABLE, SHARED, WINDOW};

impl Judge<'_> {
    /// The kernel's own directory: nothing below the shared half, and tables as the memory map
    /// says.
    pub(super) fn kernel_half(&mut self) {
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
        let slots = index == abi::layout::directory_index(abi::layout::FRAME_SLOTS);
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
    pub(super) fn kernel_text(&mut self, text: &KernelText) {
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
                    "the kernel's read-only byte at {at:#x} is {now:#04x}, \
                     and {byte:#04x} in the image"
                ));
            }
        }
    }

    /// Directory entries 0x3BB to 0x3FF of any directory.
    pub(super) fn upper_half(&mut self, directory: u32, whose: &str) {
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
}
