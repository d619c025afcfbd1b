//! `walk ADDRESS [SLOT]`: prints the three steps of an address translation, read through the
//! window.
//!
//! With a slot other than the window's own (0x3BD), prints the arithmetic for a self map at that
//! slot; its entries cannot be read.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use core::fmt;

use libsys::paging::self_map::Step;
use libsys::{Entry, EntryFlags, Page, Slot, args, println, window};

libsys::main!(main, arguments);

/// Exit status of a wrong command line.
const USAGE: u8 = 2;

fn main() -> u8 {
    let mut arguments = args().skip(1);
    let address = arguments.next().and_then(number);
    let slot =
        arguments.next().map_or(Some(Slot::WINDOW.index()), number).filter(|slot| *slot < 1024);
    match (address, slot, arguments.next()) {
        (Some(address), Some(slot), None) => walk(address, Slot::new(slot)),
        _ => {
            println!("usage: walk ADDRESS [SLOT]   (numbers as 123 or 0x7b; SLOT below 0x400)");
            return USAGE;
        }
    }
    0
}

fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

fn walk(address: u32, slot: Slot) {
    let page = Page::containing(address);
    let (directory_index, table_index) = (page.directory_index(), page.table_index());
    println!(
        "{address:#010x} = directory index {directory_index:#05x}, table index {table_index:#05x}, offset {:#05x}",
        address & 0xFFF
    );
    println!(
        "self map at slot {:#05x}: tables from {:#010x}, directory at {:#010x}",
        slot.index(),
        slot.base(),
        slot.directory_address()
    );
    let directory_entry_at = slot.directory_entry_address(directory_index);
    let entry_at = slot.entry_address(page);
    if slot != Slot::WINDOW {
        println!("1. the directory entry would be the word at {directory_entry_at:#010x}");
        println!("2. the table entry would be the word at {entry_at:#010x}");
        println!(
            "3. but a process can read only its own window, slot {:#05x}",
            Slot::WINDOW.index()
        );
        return;
    }
    let directory_entry = window().directory_entry(directory_index);
    println!("1. directory entry at {directory_entry_at:#010x} is {}", Named(directory_entry));
    match window().walk(page) {
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
    println!("2. table entry at {entry_at:#010x} is {}", Named(entry));
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

/// An entry that is printed with the names of all its flags.
struct Named(Entry);

const NAMES: [(EntryFlags, &str); 12] = [
    (EntryFlags::PRESENT, "present"),
    (EntryFlags::WRITE, "writable"),
    (EntryFlags::USER, "user"),
    (EntryFlags::WRITE_THROUGH, "write-through"),
    (EntryFlags::NO_CACHE, "no-cache"),
    (EntryFlags::ACCESSED, "accessed"),
    (EntryFlags::DIRTY, "dirty"),
    (EntryFlags::LARGE, "bit 7 (large or PAT)"),
    (EntryFlags::SEALED, "sealed"),
    (EntryFlags::PAGER, "mark 9"),
    (EntryFlags::SHARED, "shared"),
    (EntryFlags::COPY_ON_WRITE, "copy-on-write"),
];

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}:", self.0.bits())?;
        if self.0 == Entry::ABSENT {
            return f.write_str(" absent");
        }
        if !self.0.is_present() {
            f.write_str(" absent, but backed:")?;
        }
        let names = NAMES.iter().filter(|(flag, _)| self.0.flags().contains(*flag));
        names.enumerate().try_for_each(|(index, (_, name))| {
            f.write_str(if index == 0 { " " } else { ", " })?;
            f.write_str(name)
        })
    }
}
