//! `map [--plain] [--dump] [--hold | --watch] [PROGRAM [ARGUMENTS...]]`: the picture of page tables: its own, or those of a
//! program that it starts, through a view.
//!
//! The program is stopped while its tables are read, so a picture never shows half of a change. The first time it is
//! stopped 100 ms after its start.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

extern crate alloc;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use libsys::abi::layout::ENTRIES;
use libsys::paging::self_map::{Step, TableReader, Window};
use libsys::process::{Command, id, info, wait};
use libsys::{
    Error, Page, ProcessId, View, args, console_read, print, println, process_start, process_stop,
    sleep, window,
};
use picture::Snapshot;
use picture::snapshot::Owner;
use picture::text::{Style, Text};

libsys::main!(main, arguments);

/// Milliseconds from a program's start to its picture.
const BEFORE: u32 = 100;
/// Milliseconds from one picture to the next.
const PERIOD: u32 = 100;
/// Exit status when there is nothing to draw.
const FAILED: u8 = 127;
/// Clears the screen and goes to its first line.
const CLEAR: &str = "\x1B[H\x1B[2J";

/// What is done with a snapshot.
#[derive(Clone, Copy)]
struct Options {
    style: Style,
    dump: bool,
    hold: bool,
    watch: bool,
}

fn main() -> u8 {
    let mut options = Options { style: Style::Color, dump: false, hold: false, watch: false };
    let mut words = args().skip(1).peekable();
    while let Some(word) = words.next_if(|word| word.starts_with('-')) {
        match word {
            "--plain" => options.style = Style::Plain,
            "--dump" => options.dump = true,
            "--hold" => options.hold = true,
            "--watch" => options.watch = true,
            _ => return usage(),
        }
    }
    let words: Vec<&str> = words.collect();
    match words.split_first() {
        None if options.hold || options.watch => usage(),
        None => {
            let name = args().next().map(ToString::to_string);
            options.show(&snapshot(&window(), id(), name));
            0
        }
        Some(_) if options.hold && options.watch => usage(),
        Some((name, arguments)) => draw_program(options, name, arguments),
    }
}

fn usage() -> u8 {
    println!("usage: map [--plain] [--dump] [--hold | --watch] [PROGRAM [ARGUMENTS...]]");
    println!("  --plain   letters without colours");
    println!("  --dump    the entries in hexadecimal instead of a picture");
    println!("  --hold    leave PROGRAM stopped until a key is pressed");
    println!("  --watch   draw again whenever the tables have changed");
    2
}

impl Options {
    fn show(self, snapshot: &Snapshot) {
        if self.dump {
            print!("{snapshot}");
        } else {
            print!("{}", Text { snapshot, style: self.style });
        }
    }
}

fn draw_program(options: Options, name: &str, arguments: &[&str]) -> u8 {
    let child = match Command::new(name).args(arguments).spawn() {
        Ok(child) => child,
        Err(error) => {
            println!("map: {name}: {error}");
            return FAILED;
        }
    };
    match View::of(child) {
        Ok(view) => {
            if let Err(error) = draw(options, name, child, &view) {
                println!("map: {name}: {error}");
            }
        }
        Err(error) => println!("map: no view of {name}: {error}"),
    }
    match wait(Some(child)) {
        Ok(ended) => ended.status as u8,
        Err(error) => {
            println!("map: {name}: {error}");
            FAILED
        }
    }
}

/// Draws a program: once, or until it has ended.
fn draw(options: Options, name: &str, child: ProcessId, view: &View) -> Result<(), Error> {
    sleep(BEFORE);
    let mut last = None;
    loop {
        if process_stop(child).is_err() || !view.is_live() {
            if last.is_none() {
                println!("map: {name} ended before it could be drawn");
            }
            return Ok(());
        }
        let snapshot = snapshot(view.window(), child, Some(name.to_string()));
        if last.as_ref() != Some(&snapshot) {
            if options.watch && !options.dump {
                print!("{CLEAR}");
            }
            options.show(&snapshot);
        }
        if options.hold {
            println!("map: {name} is stopped; a key lets it go on");
            console_read(&mut [0])?;
        }
        process_start(child)?;
        if !options.watch {
            return Ok(());
        }
        last = Some(snapshot);
        sleep(PERIOD);
    }
}

/// Reads the tables of a process through a window.
fn snapshot<R: TableReader>(
    window: &Window<R>,
    process: ProcessId,
    name: Option<String>,
) -> Snapshot {
    let parent = info::process(process).map_or(0, |info| info.parent);
    let owner = Owner { id: process.bits(), parent, name };
    let leaf = |table: u32, at: u32| match window.walk(Page::numbered(table * ENTRIES + at)) {
        Step::Leaf(leaf) => leaf.bits(),
        // The view has ended meanwhile.
        Step::NoTable(_) | Step::Hidden(_) | Step::Large(_) | Step::View(_) => 0,
    };
    Snapshot::take(owner, |index| window.directory_entry(index).bits(), leaf)
}
