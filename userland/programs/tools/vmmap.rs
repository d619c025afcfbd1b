//! `vmmap`: prints the areas of an address space, and counts pages by their marks: of its own, read
//! through the window, or of another process, for which the pager reads.
//!
//! The letters, colours and words are those of `map`; lines have at most 60 columns.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use core::fmt;

use libsys::abi::layout::{
    BOOT_ARCHIVE, EXCEPTION_STACK, PROGRAM_TEXT, SCRATCH, UENVS, UPAGES, USER_STACK_TOP, UVPT,
};
use libsys::paging::regions::HEAP_START;
use libsys::paging::self_map::{TableReader, Window};
use libsys::process::id;
use libsys::process::start::usage;
use libsys::runtime::short::Short;
use libsys::service::pager::{faults_of, pages_of};
use libsys::{Entry, EntryFlags, Page, ProcessId, args, println, window};
use picture::Cell;
use picture::text::{Style, Swatch};

libsys::main!(main, arguments);
libsys::about!(
    "the areas of an address space",
    "vmmap [--plain] [PROCESS]",
    "  PROCESS   another one, by the id that `ps` prints",
    "  --plain   letters without colours"
);

/// Exit status if there is no such process.
const FAILED: u8 = 1;

/// The end of the addresses that a program can read.
const END: u32 = UVPT + 0x40_0000;

fn main() -> u8 {
    let mut words = args().skip(1).peekable();
    let style = match words.next_if_eq(&"--plain") {
        Some(_) => Style::Plain,
        None => Style::Color,
    };
    match (words.next(), words.next()) {
        (None, _) => list(id(), &window(), style),
        (Some(word), None) => {
            let Some(process) = tools::process(word) else { return usage() };
            match tools::tables(process) {
                Ok(window) => list(process, &window, style),
                Err(why) => {
                    println!("vmmap: {why}");
                    return FAILED;
                }
            }
        }
        _ => return usage(),
    }
    0
}

fn list<R: TableReader>(process: ProcessId, window: &Window<R>, style: Style) {
    println!("  {:<19} MAY PAGES   ACC DIRTY AREA", "ADDRESSES");
    let mut total = Total::default();
    let mut area: Option<Area> = None;
    for (page, leaf) in window.present(Page::containing(0), Page::containing(END)) {
        // A permission must be granted at both levels. The window's own leaves are directory
        // entries, with marks of another meaning.
        let entry = leaf.with_flags(
            leaf.flags() & (window.directory_entry(page.directory_index()).flags() | !LEVELS),
        );
        if !entry.flags().contains(EntryFlags::USER) {
            continue;
        }
        if let Some(area) = area.as_mut().filter(|area| area.goes_on(page, entry)) {
            area.add(page, entry);
            continue;
        }
        if let Some(done) = area.replace(Area::new(page, entry)) {
            total.add(&done, style);
        }
    }
    if let Some(last) = area {
        total.add(&last, style);
    }
    let tables = (0..1024)
        .filter(|index| window.directory_entry(*index).flags().contains(EntryFlags::USER))
        .count();
    println!("{} pages below UTOP, {} of them dirty", total.pages, total.dirty);
    println!("{tables} tables that can be seen");
    // The tables do not show pages that are paged out; the pager counts them.
    if let (Some(pages), Some(faults)) = (pages_of(process), faults_of(process)) {
        println!("the pager: {pages}");
        println!("the pager: {} out, {} in", faults.pages_out, faults.pages_in);
    }
    for class in Cell::ALL.into_iter().filter(|class| total.used[*class as usize]) {
        println!("  {} {}", Swatch { class, style }, class.name());
    }
}

/// The permissions that hold only if the directory entry grants them, too.
const LEVELS: EntryFlags = EntryFlags::WRITE.union(EntryFlags::USER);

/// Neighbouring present pages with equal permissions and marks.
struct Area {
    first: Page,
    rights: EntryFlags,
    /// The class of its pages that comes last in the order of [`Cell`], as in the picture.
    class: Cell,
    pages: u32,
    accessed: u32,
    dirty: u32,
}

/// What was printed so far.
#[derive(Default)]
struct Total {
    pages: u32,
    dirty: u32,
    /// Which classes the legend explains.
    used: [bool; Cell::ALL.len()],
}

impl Total {
    /// Prints an area. Counts the pages of programs, but not those that the kernel shows to them.
    fn add(&mut self, area: &Area, style: Style) {
        println!("{} {area}", Swatch { class: area.class, style });
        self.used[area.class as usize] = true;
        if area.first.address() < UENVS {
            self.pages += area.pages;
            self.dirty += area.dirty;
        }
    }
}

/// The flags in which the pages of an area are equal.
fn rights(entry: Entry) -> EntryFlags {
    entry.flags() & (EntryFlags::WRITE | EntryFlags::SEALED | EntryFlags::MARKS)
}

fn class(page: Page, entry: Entry) -> Cell {
    match page.directory_index() == Page::containing(UVPT).directory_index() {
        true => Cell::of_directory_entry(page.table_index(), entry),
        false => Cell::of_leaf(entry),
    }
}

impl Area {
    fn new(first: Page, entry: Entry) -> Self {
        let (rights, class) = (rights(entry), class(first, entry));
        let mut area = Self { first, rights, class, pages: 0, accessed: 0, dirty: 0 };
        area.add(first, entry);
        area
    }

    fn goes_on(&self, page: Page, entry: Entry) -> bool {
        page.number() == self.first.number() + self.pages
            && rights(entry) == self.rights
            && page.directory_index() == self.first.directory_index()
    }

    fn add(&mut self, page: Page, entry: Entry) {
        self.pages += 1;
        self.accessed += u32::from(entry.is_accessed());
        self.dirty += u32::from(entry.is_dirty());
        self.class = self.class.max(class(page, entry));
    }

    fn name(&self) -> &'static str {
        match self.first.address() {
            SCRATCH..PROGRAM_TEXT => "scratch",
            PROGRAM_TEXT..HEAP_START => "program",
            HEAP_START..BOOT_ARCHIVE => "heap",
            BOOT_ARCHIVE..0x3000_0000 => "boot archive",
            0xEEAF_E000..USER_STACK_TOP => "stack",
            EXCEPTION_STACK..UENVS => "exception stack",
            UENVS..UPAGES => "UENVS: processes",
            UPAGES..UVPT => "UPAGES: frames",
            UVPT.. => "UVPT: the window",
            _ => "",
        }
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self.first.address();
        // Below UTOP and in the window, so the end is no more than 32 bits.
        let end = start + self.pages * 0x1000;
        let may = if self.rights.contains(EntryFlags::WRITE) { "rw" } else { "r-" };
        let count = |number| Short(Some(number));
        write!(
            f,
            "{start:#010x}-{end:08x} {may:<3} {:>5} {:>5} {:>5} {}",
            count(self.pages),
            count(self.accessed),
            count(self.dirty),
            self.name()
        )
    }
}
