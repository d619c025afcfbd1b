//! `peek`: prints how the pages of a process are mapped, accessed and written, as it goes on: of a
//! program that it starts, through a view, or of a process that runs, by asking the pager.
//!
//! The process is neither stopped nor asked. Reading a view takes no call: each line is one walk of
//! the tables by loads.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;

use libsys::abi::layout::USER_TOP;
use libsys::paging::self_map::{TableReader, Window};
use libsys::process::start::usage;
use libsys::process::{Command, info, wait};
use libsys::{Page, ProcessId, View, args, clock, println, sleep};
use tools::Unseen;

libsys::main!(main, arguments);
libsys::about!(
    "watches a process's pages from outside",
    "peek PROCESS | PROGRAM [ARGUMENTS...]",
    "  PROCESS   one that runs, by the id that `ps` prints",
    "  PROGRAM   is started; both are watched until they end"
);

/// Milliseconds between two walks.
const PERIOD: u32 = 10;
/// Milliseconds between two walks that ask the pager for every four words.
const SLOW_PERIOD: u32 = 100;
/// Exit status if there is no program to watch.
const FAILED: u8 = 127;
/// Exit status if there is no such process.
const UNSEEN: u8 = 1;

fn main() -> u8 {
    let words: Vec<&str> = args().skip(1).collect();
    // A name that begins with a dash was meant as an option of `peek`, which has none.
    let Some((name, arguments)) = words.split_first().filter(|(name, _)| !name.starts_with('-'))
    else {
        return usage();
    };
    match (tools::process(name), arguments) {
        (Some(id), []) => match watch_process(id) {
            Ok(()) => 0,
            Err(why) => {
                println!("peek: {why}");
                UNSEEN
            }
        },
        (Some(_), _) => usage(),
        (None, arguments) => watch_program(name, arguments),
    }
}

/// Watches a process of somebody else's until it has ended.
fn watch_process(id: ProcessId) -> Result<(), Unseen> {
    tools::tables(id)?;
    let mut lines = Lines::begin();
    while info::is_alive(id) {
        let Ok(window) = tools::tables(id) else { break };
        let counts = Counts::of(&window);
        if window.reader().is_lost() {
            break;
        }
        lines.add(counts);
        sleep(SLOW_PERIOD);
    }
    println!("peek: {id} has ended, or views another process now");
    Ok(())
}

/// Starts a program, and watches it until it has ended.
fn watch_program(name: &str, arguments: &[&str]) -> u8 {
    let lines = Lines::begin();
    let child = match Command::new(name).args(arguments).spawn() {
        Ok(child) => child,
        Err(error) => {
            println!("peek: {name}: {error}");
            return FAILED;
        }
    };
    match View::of(child) {
        Ok(view) => watch(&view, lines),
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

fn watch(view: &View, mut lines: Lines) {
    loop {
        let counts = Counts::of(view.window());
        // If the program ended during the walk, a part of the walk or all of it read nothing.
        if !view.is_live() {
            break;
        }
        lines.add(counts);
        sleep(PERIOD);
    }
    let Counts { tables, pages, .. } = Counts::of(view.window());
    println!("peek: the view was lost: {tables} tables, {pages} pages");
}

/// The lines of the table: one whenever something has changed.
struct Lines {
    start: u64,
    /// What the last line says; `None` before the first, which the heading comes before.
    last: Option<Counts>,
}

impl Lines {
    fn begin() -> Self {
        Self { start: clock(), last: None }
    }

    fn add(&mut self, counts: Counts) {
        if self.last.is_none() {
            println!(
                "{:>9} {:>7} {:>7} {:>9} {:>7}",
                "AFTER ms", "TABLES", "PAGES", "ACCESSED", "DIRTY"
            );
        }
        if self.last.replace(counts) != Some(counts) {
            let Counts { tables, pages, accessed, dirty } = counts;
            let after = (clock() - self.start) / 1000;
            println!("{after:>9} {tables:>7} {pages:>7} {accessed:>9} {dirty:>7}");
        }
    }
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
