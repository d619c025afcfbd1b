//! `walk`: prints the three steps of an address translation, read through the window: the program's
//! own, or that of another process, for which the pager reads.
//!
//! With a slot other than the window's own (0x3BD), prints the arithmetic for a self map at that
//! slot; its entries cannot be read.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use core::fmt;

use libsys::paging::self_map::{Step, TableReader, Window};
use libsys::process::start::usage;
use libsys::{Entry, EntryFlags, Page, Slot, args, println, window};

libsys::main!(main, arguments);
libsys::about!(
    "how an address is translated, step by step",
    "walk ADDRESS [PROCESS | --slot SLOT]",
    "  ADDRESS      as 123 or 0x7b",
    "  PROCESS      another process, by the id that `ps` prints",
    "  --slot SLOT  the arithmetic of another self map, 0 to 0x3ff"
);

/// Exit status if there is no such process.
const FAILED: u8 = 1;

fn main() -> u8 {
    let mut arguments = args().skip(1);
    let Some(address) = arguments.next().and_then(number) else { return usage() };
    let words = (arguments.next(), arguments.next(), arguments.next());
    match words {
        (None, ..) => walk(address, &window()),
        (Some("--slot"), Some(slot), None) => {
            let Some(slot) = number(slot).filter(|slot| *slot < 1024) else { return usage() };
            match Slot::new(slot) {
                Slot::WINDOW => walk(address, &window()),
                other => compute(address, other),
            }
        }
        (Some(word), None, _) => {
            let Some(id) = tools::process(word) else { return usage() };
            match tools::tables(id) {
                Ok(window) => walk(address, &window),
                Err(why) => {
                    println!("walk: {why}");
                    return FAILED;
                }
            }
        }
        _ => return usage(),
    }
    0
}

fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Prints the parts of an address, and where a self map shows its entries.
fn print_parts(address: u32, slot: Slot) {
    let page = Page::containing(address);
    println!(
        "{address:#010x} = directory index {:#05x}, table index {:#05x}, offset {:#05x}",
        page.directory_index(),
        page.table_index(),
        address & 0xFFF
    );
    println!(
        "self map at slot {:#05x}: tables from {:#010x}, directory at {:#010x}",
        slot.index(),
        slot.base(),
        slot.directory_address()
    );
}

fn compute(address: u32, slot: Slot) {
    print_parts(address, slot);
    let page = Page::containing(address);
    let directory_entry_at = slot.directory_entry_address(page.directory_index());
    println!("1. the directory entry would be the word at {directory_entry_at:#010x}");
    println!("2. the table entry would be the word at {:#010x}", slot.entry_address(page));
    println!("3. but a process can read only its own window, slot {:#05x}", Slot::WINDOW.index());
}

fn walk<R: TableReader>(address: u32, window: &Window<R>) {
    print_parts(address, Slot::WINDOW);
    let page = Page::containing(address);
    let directory_index = page.directory_index();
    let entry_at = Slot::WINDOW.entry_address(page);
    println!(
        "1. directory entry at {:#010x} is {}",
        Slot::WINDOW.directory_entry_address(directory_index),
        Named(window.directory_entry(directory_index), &OF_A_DIRECTORY)
    );
    match window.walk(page) {
        Step::NoTable(_) => println!(
            "2. no table, so nothing is mapped from {:#010x} on, 4 MiB",
            directory_index << 22
        ),
        Step::Hidden(_) => {
            println!("2. the table is the kernel's: without U its window page cannot be read")
        }
        Step::Large(_) => println!("2. a 4 MiB page: there is no table"),
        Step::View(_) => println!("2. a view: the entries below are those of another directory"),
        Step::Leaf(entry) => leaf(address, entry_at, entry),
    }
}

fn leaf(address: u32, entry_at: u32, entry: Entry) {
    // The table of the window's own directory entry is the directory.
    let is_window = Page::containing(address).directory_index() == Slot::WINDOW.index();
    let marks = if is_window { &OF_A_DIRECTORY } else { &OF_A_TABLE };
    println!("2. table entry at {entry_at:#010x} is {}", Named(entry, marks));
    if entry.is_present() {
        let physical = entry.frame().address() | address & 0xFFF;
        println!(
            "3. frame {:#07x}, so the byte is at physical address {physical:#010x}",
            entry.frame().number()
        );
    } else {
        println!("3. nothing is mapped there");
    }
}

/// What bits 9 to 11 are called.
type Marks = [(EntryFlags, &'static str); 3];

/// An entry that is printed with the names of all its flags.
struct Named(Entry, &'static Marks);

const NAMES: [(EntryFlags, &str); 9] = [
    (EntryFlags::PRESENT, "present"),
    (EntryFlags::WRITE, "writable"),
    (EntryFlags::USER, "user"),
    (EntryFlags::WRITE_THROUGH, "write-through"),
    (EntryFlags::NO_CACHE, "no-cache"),
    (EntryFlags::ACCESSED, "accessed"),
    (EntryFlags::DIRTY, "dirty"),
    (EntryFlags::LARGE, "bit 7 (large or PAT)"),
    (EntryFlags::SEALED, "sealed"),
];
const OF_A_TABLE: Marks = [
    (EntryFlags::PAGER, "pager"),
    (EntryFlags::SHARED, "shared"),
    (EntryFlags::COPY_ON_WRITE, "copy-on-write"),
];
/// In a directory entry. No call sets the last two.
const OF_A_DIRECTORY: Marks = [
    (EntryFlags::PAGER, "view"),
    (EntryFlags::SHARED, "shared table"),
    (EntryFlags::COPY_ON_WRITE, "bit 11"),
];

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The names have a line of their own: they would not fit behind the word in 80 columns.
        write!(f, "{:#010x}:\n   ", self.0.bits())?;
        if self.0 == Entry::ABSENT {
            return f.write_str("absent");
        }
        if !self.0.is_present() {
            f.write_str("absent, but backed: ")?;
        }
        let names = NAMES.iter().chain(self.1).filter(|(flag, _)| self.0.flags().contains(*flag));
        names.enumerate().try_for_each(|(index, (_, name))| {
            f.write_str(if index == 0 { "" } else { ", " })?;
            f.write_str(name)
        })
    }
}
