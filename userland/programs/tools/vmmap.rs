//! `vmmap`: prints the areas of this program's address space, read through the window, and counts
//! pages by their marks.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use core::fmt;

use libsys::abi::layout::{
    BOOT_ARCHIVE, EXCEPTION_STACK, PROGRAM_TEXT, SCRATCH, UENVS, UPAGES, USER_STACK_TOP, UVPT,
};
use libsys::paging::regions::HEAP_START;
use libsys::process::id;
use libsys::service::pager::{faults_of, pages_of};
use libsys::{Entry, EntryFlags, Page, println, window};

libsys::main!(main);

/// The end of the addresses that a program can read.
const END: u32 = UVPT + 0x40_0000;

fn main() {
    println!(
        "{:<21}  {:<4} {:>6} {:>8} {:>6} {:>4} {:>6}  AREA",
        "ADDRESSES", "MAY", "PAGES", "ACCESSED", "DIRTY", "COW", "SEALED"
    );
    let mut total = Counts::default();
    let mut area: Option<Area> = None;
    let window = window();
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
            area.add(entry);
            continue;
        }
        if let Some(done) = area.replace(Area::new(page, entry)) {
            println!("{done}");
            total.add_area(&done);
        }
    }
    if let Some(last) = area {
        println!("{last}");
        total.add_area(&last);
    }
    let tables = (0..1024)
        .filter(|index| window.directory_entry(*index).flags().contains(EntryFlags::USER))
        .count();
    println!(
        "{} pages below UTOP, {} of them dirty; {tables} tables that can be seen",
        total.pages, total.dirty
    );
    // The tables do not show pages that are paged out; the pager counts them.
    if let (Some(pages), Some(faults)) = (pages_of(id()), faults_of(id())) {
        println!("the pager says: {pages}; {} out, {} in", faults.pages_out, faults.pages_in);
    }
}

/// The permissions that hold only if the directory entry grants them, too.
const LEVELS: EntryFlags = EntryFlags::WRITE.union(EntryFlags::USER);

/// Neighbouring present pages with equal permissions and marks.
struct Area {
    first: Page,
    rights: EntryFlags,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    pages: u32,
    accessed: u32,
    dirty: u32,
}

impl Counts {
    /// Counts the pages of programs, but not those that the kernel shows to them.
    fn add_area(&mut self, area: &Area) {
        if area.first.address() < UENVS {
            self.pages += area.counts.pages;
            self.dirty += area.counts.dirty;
        }
    }
}

/// The flags in which the pages of an area are equal.
fn rights(entry: Entry) -> EntryFlags {
    entry.flags() & (EntryFlags::WRITE | EntryFlags::SEALED | EntryFlags::MARKS)
}

impl Area {
    fn new(first: Page, entry: Entry) -> Self {
        let mut area = Self { first, rights: rights(entry), counts: Counts::default() };
        area.add(entry);
        area
    }

    fn goes_on(&self, page: Page, entry: Entry) -> bool {
        let next = self.first.number() + self.counts.pages;
        page.number() == next
            && rights(entry) == self.rights
            && page.directory_index() == self.first.directory_index()
    }

    fn add(&mut self, entry: Entry) {
        self.counts.pages += 1;
        self.counts.accessed += u32::from(entry.is_accessed());
        self.counts.dirty += u32::from(entry.is_dirty());
    }

    /// `pages` if the area has the flag, else 0.
    fn if_has(&self, flag: EntryFlags) -> u32 {
        if self.rights.contains(flag) { self.counts.pages } else { 0 }
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
        let last = start + (self.counts.pages * 0x1000 - 1);
        let may = if self.rights.contains(EntryFlags::WRITE) { "rw" } else { "r-" };
        let Counts { pages, accessed, dirty } = self.counts;
        let (cow, sealed) =
            (self.if_has(EntryFlags::COPY_ON_WRITE), self.if_has(EntryFlags::SEALED));
        write!(
            f,
            "{start:#010x}-{last:#010x}  {may:<4} {pages:>6} {accessed:>8} {dirty:>6} {cow:>4} {sealed:>6}  {}",
            self.name()
        )
    }
}
