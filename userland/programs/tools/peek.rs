//! `peek PROGRAM [ARGUMENTS...]`: starts a program and prints how its pages are mapped, accessed
//! and written, through a view of its page tables.
//!
//! The program is neither stopped nor asked, and reading the tables takes no call: each line is one
//! walk of the tables by loads.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;

use libsys::abi::layout::USER_TOP;
use libsys::paging::self_map::{TableReader, Window};
use libsys::process::{Command, wait};
use libsys::{Page, View, args, clock, println, sleep};

libsys::main!(main, arguments);

/// Milliseconds between two walks.
const PERIOD: u32 = 10;
/// Exit status if there is no program to watch.
const FAILED: u8 = 127;

fn main() -> u8 {
    let words: Vec<&str> = args().skip(1).collect();
    // A name that begins with a dash was meant as an option of `peek`, which has none.
    let Some((name, arguments)) = words.split_first().filter(|(name, _)| !name.starts_with('-'))
    else {
        println!("usage: peek PROGRAM [ARGUMENTS...]");
        return 2;
    };
    let start = clock();
    let child = match Command::new(name).args(arguments).spawn() {
        Ok(child) => child,
        Err(error) => {
            println!("peek: {name}: {error}");
            return FAILED;
        }
    };
    match View::of(child) {
        Ok(view) => watch(&view, start),
        Err(error) => println!("peek: no view of {name}: {error}"),
    }
    match wait(Some(child)) {
        Ok(ended) => {
            println!("peek: {name} has ended with status {}", ended.status);
            ended.status as u8
        }
        Err(error) => {
            println!("peek: {name}: {error}");
            FAILED
        }
    }
}

/// Prints a line whenever something has changed, until the program has ended.
fn watch(view: &View, start: u64) {
    println!("{:>9} {:>7} {:>7} {:>9} {:>7}", "AFTER ms", "TABLES", "PAGES", "ACCESSED", "DIRTY");
    let mut last = Counts::default();
    loop {
        let counts = Counts::of(view.window());
        // If the program ended during the walk, a part of the walk or all of it read nothing.
        if !view.is_live() {
            break;
        }
        if counts != last {
            let Counts { tables, pages, accessed, dirty } = counts;
            let after = (clock() - start) / 1000;
            println!("{after:>9} {tables:>7} {pages:>7} {accessed:>9} {dirty:>7}");
            last = counts;
        }
        sleep(PERIOD);
    }
    let Counts { tables, pages, .. } = Counts::of(view.window());
    println!("peek: the view was lost: {tables} tables, {pages} pages");
}

/// What a process has mapped in user space.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    tables: u32,
    pages: u32,
    accessed: u32,
    dirty: u32,
}

impl Counts {
    fn of<R: TableReader>(window: &Window<R>) -> Self {
        let user_tables = 0..Page::containing(USER_TOP).directory_index();
        let tables = user_tables.filter(|index| window.directory_entry(*index).is_present());
        let mut counts = Self { tables: tables.count() as u32, ..Self::default() };
        for (_, entry) in window.present_user() {
            counts.pages += 1;
            counts.accessed += u32::from(entry.is_accessed());
            counts.dirty += u32::from(entry.is_dirty());
        }
        counts
    }
}
