//! What belongs to one CPU: its hardware, the current process, and the tables that the CPU can
//! reach.
//!
//! Everything that flushes the TLB or loads a directory goes through here, so that the alternate
//! self map (directory entry 0x3FE) is always right: it names the directory in `alternate`, and is
//! absent in every directory that is not loaded.

use core::fmt::{self, Write as _};

use abi::layout::{ALTERNATE_MAP, directory_index};
use abi::{Entry, EntryFlags, Frame, Page, Slot, UserSlot};

use crate::hardware::{Hardware, Reach};
use crate::state::process::Index;

/// How many TLB flushes there were, modulo 2^32.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flushes {
    /// Flushes of a single page (INVLPG).
    pub pages: u32,
    /// Flushes of all pages (CR3 loads).
    pub all: u32,
}

/// One CPU. It is a field of [`Kernel`](crate::Kernel), not a static, so code that uses it shows
/// that it does.
pub struct Cpu<H> {
    /// The machine as this CPU sees it.
    pub hardware: H,
    /// The CPU's number, from 0.
    pub(crate) number: u32,
    /// A directory without user pages, loaded while no process's directory is.
    pub(crate) kernel_directory: Frame,
    /// The process that runs on this CPU. `None` while the scheduler looks for one.
    pub(crate) current: Option<Index>,
    /// The process whose directory, register area and FPU state are loaded. It stays loaded after
    /// it has stopped running, until another process runs or its directory is freed.
    pub(crate) loaded: Option<Index>,
    /// The directory that entry 0x3FE of the loaded directory names.
    alternate: Option<Frame>,
    /// Whether the hardware lets the loaded process use any I/O port.
    pub(crate) ports_open: bool,
    /// Flushes so far, for programs: the `machine` call returns them.
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

    /// The process that runs on this CPU.
    #[must_use]
    pub const fn current(&self) -> Option<Index> {
        self.current
    }

    /// The process that a trap from ring 3 comes from: the one whose register area is set. Before
    /// the first process is loaded, no trap comes from ring 3, and the result has no meaning.
    pub(crate) fn trapped(&self) -> Index {
        let trapped = Index::new(self.loaded.map_or(0, Index::slot) as u32);
        debug_assert!(self.current == Some(trapped));
        trapped
    }

    /// Flushes one page from the TLB.
    pub(crate) fn flush_page(&mut self, page: Page) {
        self.flushes.pages = self.flushes.pages.wrapping_add(1);
        self.hardware.flush_page(page);
    }

    /// Flushes all pages from the TLB.
    pub(crate) fn flush_all(&mut self) {
        self.flushes.all = self.flushes.all.wrapping_add(1);
        self.hardware.flush_all();
    }

    /// Loads a directory (CR3).
    ///
    /// The alternate entry of the old directory is cleared first. Otherwise a directory that is not
    /// loaded could still name another process's directory, which may be freed in the meantime.
    pub(crate) fn load(&mut self, directory: Frame) {
        if self.alternate.is_some() {
            self.alternate = None;
            self.hardware.write_entry(Reach::Current, ALTERNATE_ENTRY, Entry::ABSENT);
        }
        self.flushes.all = self.flushes.all.wrapping_add(1);
        self.hardware.load_directory(directory);
    }

    /// Makes the alternate self map show the tables under `directory`.
    ///
    /// If the alternate self map showed another directory before, the TLB is flushed: it may still
    /// hold translations of that directory's tables. If the entry was absent, no flush is needed:
    /// the TLB holds no translation from an absent entry (Intel SDM vol. 3, 4.10.4.3).
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

    /// Clears the alternate self map if it shows `directory`, and flushes the TLB. This comes
    /// before the directory's frame is freed.
    pub(crate) fn forget_alternate(&mut self, directory: Frame) {
        if self.alternate == Some(directory) {
            self.alternate = None;
            self.hardware.write_entry(Reach::Current, ALTERNATE_ENTRY, Entry::ABSENT);
            self.flush_all();
        }
    }

    /// Flushes the pages through which the table under directory entry `slot` of the space at
    /// `reach` was seen. This is needed after that directory entry has changed.
    ///
    /// A table of the current space is seen twice: in the kernel's self map, and in the window that
    /// programs read.
    pub(crate) fn flush_table_windows(&mut self, reach: Reach, slot: UserSlot) {
        let index = slot.index();
        if reach == Reach::Current {
            self.flush_page(Page::containing(Slot::WINDOW.table_address(index)));
        }
        self.flush_page(reach.window_page(index));
    }
}

/// The page whose leaf, read through the current self map, is directory entry 0x3FE.
const ALTERNATE_ENTRY: Page =
    Page::containing(Slot::CURRENT.table_address(directory_index(ALTERNATE_MAP)));

impl<H: Hardware> Cpu<H> {
    /// Prints a line on the console.
    pub(crate) fn print_line(&mut self, line: fmt::Arguments<'_>) {
        // The console takes every byte, so there is no error.
        let _ = writeln!(self, "{line}");
    }
}

/// Formatted text goes to the console.
impl<H: Hardware> fmt::Write for Cpu<H> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.hardware.console_write(byte);
        }
        Ok(())
    }
}
