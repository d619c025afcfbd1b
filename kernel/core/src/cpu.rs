//! What belongs to one CPU: its hardware, the process on it, and whose tables it can reach.

use core::fmt::{self, Write as _};

use abi::layout::{ALTERNATE_MAP, directory_index};
use abi::{Entry, EntryFlags, Frame, Page, Slot, UserSlot};

use crate::hardware::{Hardware, Reach};
use crate::state::process::Index;

/// How often translations were forgotten.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flushes {
    /// Single pages (INVLPG).
    pub pages: u32,
    /// Everything (CR3 loads).
    pub all: u32,
}

/// One CPU. Everything that the kernel does is done on one, which is passed in.
pub struct Cpu<H> {
    /// The machine as this CPU sees it.
    pub hardware: H,
    /// Its number, from 0.
    pub(crate) number: u32,
    /// A directory without user pages, for when no process's is loaded.
    pub(crate) kernel_directory: Frame,
    /// The process that it runs; none while it looks for one.
    pub(crate) current: Option<Index>,
    /// The process whose directory, registers and FPU state are loaded.
    pub(crate) loaded: Option<Index>,
    /// The directory that entry 0x3FE of the loaded directory names.
    alternate: Option<Frame>,
    /// The loaded process may use the I/O ports.
    pub(crate) ports_open: bool,
    /// Counted for the benchmark.
    pub(crate) flushes: Flushes,
}

impl<H: Hardware> Cpu<H> {
    /// CPU `number`, on which `kernel_directory` is loaded.
    pub const fn new(hardware: H, number: u32, kernel_directory: Frame) -> Self {
        Self {
            hardware,
            number,
            kernel_directory,
            current: None,
            loaded: None,
            alternate: None,
            ports_open: false,
            flushes: Flushes { pages: 0, all: 0 },
        }
    }

    /// The process that runs on it.
    #[must_use]
    pub const fn current(&self) -> Option<Index> {
        self.current
    }

    /// Forgets the translation of a page.
    #[inline(always)]
    pub(crate) fn flush_page(&mut self, page: Page) {
        self.flushes.pages = self.flushes.pages.wrapping_add(1);
        self.hardware.flush_page(page);
    }

    /// Forgets all translations.
    pub(crate) fn flush_all(&mut self) {
        self.flushes.all = self.flushes.all.wrapping_add(1);
        self.hardware.flush_all();
    }

    /// Makes a directory the current one. The old one's alternate entry is cleared first, so that a directory
    /// that is not loaded never names another.
    #[inline(always)]
    pub(crate) fn load(&mut self, directory: Frame) {
        if self.alternate.is_some() {
            self.alternate = None;
            self.hardware.write_entry(Reach::Current, ALTERNATE_ENTRY, Entry::ABSENT);
        }
        self.flushes.all = self.flushes.all.wrapping_add(1);
        self.hardware.load_directory(directory);
    }

    /// Lets the alternate self map show the tables under `directory`, and nothing older.
    pub(crate) fn point_alternate(&mut self, directory: Frame) {
        if self.alternate == Some(directory) {
            return;
        }
        let entry = Entry::new(directory, EntryFlags::PRESENT | EntryFlags::WRITE);
        self.hardware.write_entry(Reach::Current, ALTERNATE_ENTRY, entry);
        if self.alternate.replace(directory).is_some() {
            self.flush_all();
        }
    }

    /// Makes sure that nothing reaches `directory` through the alternate self map any more.
    pub(crate) fn forget_alternate(&mut self, directory: Frame) {
        if self.alternate == Some(directory) {
            self.alternate = None;
            self.hardware.write_entry(Reach::Current, ALTERNATE_ENTRY, Entry::ABSENT);
            self.flush_all();
        }
    }

    /// Forgets what the self maps showed where directory entry `slot`, reached through `reach`, has changed.
    pub(crate) fn flush_table_windows(&mut self, reach: Reach, slot: UserSlot) {
        let index = slot.index();
        if reach == Reach::Current {
            self.flush_page(Page::containing(Slot::WINDOW.table_address(index)));
        }
        self.flush_page(reach.window_page(index));
    }
}

/// The page whose leaf, through the current self map, is directory entry 0x3FE.
const ALTERNATE_ENTRY: Page =
    Page::containing(Slot::CURRENT.table_address(directory_index(ALTERNATE_MAP)));

impl<H: Hardware> Cpu<H> {
    /// Prints a line on the console.
    pub(crate) fn print_line(&mut self, line: fmt::Arguments<'_>) {
        // The console takes every byte, so there is no error.
        let _ = writeln!(self, "{line}");
    }
}

/// Text goes to the console.
impl<H: Hardware> fmt::Write for Cpu<H> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.hardware.console_write(byte);
        }
        Ok(())
    }
}
