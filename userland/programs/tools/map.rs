//! `map`: the picture of page tables: its own, those of a program that it starts, through a view,
//! or those of a process that runs, by asking the pager.
//!
//! A program that `map` starts is stopped while its tables are read, so a picture never shows half
//! of a change. The first time it is stopped 100 ms after its start. A process that runs is
//! somebody else's child, and goes on: each entry is the one of the moment in which it was read.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

extern crate alloc;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use libsys::abi::layout::ENTRIES;
use libsys::paging::self_map::{Step, TableReader, Window};
use libsys::process::start::usage;
use libsys::process::{Command, id, info, wait};
use libsys::service::pager::name_of;
use libsys::{
    Error, Page, ProcessId, View, args, console_read, print, println, process_start, process_stop,
    sleep, window,
};
use picture::Snapshot;
use picture::snapshot::Owner;
use picture::text::{COLUMNS, Style, Text};
use tools::Unseen;

libsys::main!(main, arguments);
libsys::about!(
    "the picture of page tables",
    "map [--plain] [--dump] [--columns NUMBER] [--watch] [PROCESS]",
    "       map [OPTIONS] [--hold | --watch] PROGRAM [ARGUMENTS...]",
    "  PROCESS   one that runs, by the id that `ps` prints",
    "  PROGRAM   is started, and stopped while it is drawn",
    "  --plain   letters without colours",
    "  --dump    the entries in hexadecimal instead of a picture",
    "  --hold    leave PROGRAM stopped until a key is pressed",
    "  --columns NUMBER",
    "            of the terminal, if it has more than 80",
    "  --watch   draw again whenever the tables have changed"
);

/// Milliseconds from a program's start to its picture.
const BEFORE: u32 = 100;
/// Milliseconds from one picture to the next.
const PERIOD: u32 = 100;
/// Exit status when there is nothing to draw.
const FAILED: u8 = 127;
/// Exit status if there is no such process.
const UNSEEN: u8 = 1;
/// Clears the screen and goes to its first line.
const CLEAR: &str = "\x1B[H\x1B[2J";

/// What is done with a snapshot.
#[derive(Clone, Copy)]
struct Options {
    style: Style,
    dump: bool,
    hold: bool,
    watch: bool,
    columns: u32,
}

fn main() -> u8 {
    let mut options =
        Options { style: Style::Color, dump: false, hold: false, watch: false, columns: COLUMNS };
    let mut words = args().skip(1).peekable();
    while let Some(word) = words.next_if(|word| word.starts_with('-')) {
        match word {
            "--plain" => options.style = Style::Plain,
            "--dump" => options.dump = true,
            "--hold" => options.hold = true,
            "--watch" => options.watch = true,
            "--columns" => match words.next().and_then(|number| number.parse().ok()) {
                Some(columns @ COLUMNS..) => options.columns = columns,
                Some(_) | None => return usage(),
            },
            _ => return usage(),
        }
    }
    let words: Vec<&str> = words.collect();
    match words.as_slice() {
        _ if options.hold && options.watch => usage(),
        [] if options.hold || options.watch => usage(),
        [] => {
            let name = args().next().map(ToString::to_string);
            options.show(&snapshot(&window(), id(), name));
            0
        }
        [name, arguments @ ..] => match (tools::process(name), arguments) {
            (None, arguments) => draw_program(options, name, arguments),
            (Some(process), []) if !options.hold => match draw_process(options, process) {
                Ok(()) => 0,
                Err(why) => {
                    println!("map: {why}");
                    UNSEEN
                }
            },
            (Some(_), _) => usage(),
        },
    }
}

/// Draws a process that is not `map`'s own: once, or until it has ended.
fn draw_process(options: Options, process: ProcessId) -> Result<(), Unseen> {
    let mut last = None;
    loop {
        let window = match tools::tables(process) {
            // It was there before.
            Err(Unseen::Ended(_)) if last.is_some() => return Ok(()),
            window => window?,
        };
        let name = name_of(process).map(|name| name.as_str().to_string());
        let snapshot = snapshot(&window, process, name);
        if !window.reader().is_lost() && last.as_ref() != Some(&snapshot) {
            if options.watch && !options.dump {
                print!("{CLEAR}");
            }
            options.show(&snapshot);
            last = Some(snapshot);
        }
        if !options.watch && last.is_some() {
            return Ok(());
        }
        sleep(PERIOD);
    }
}

impl Options {
    fn show(self, snapshot: &Snapshot) {
        if self.dump {
            print!("{snapshot}");
        } else {
            print!("{}", Text { snapshot, style: self.style, columns: self.columns });
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
