//! The shell: reads a line, runs a program in the foreground, says how it ended.
//!
//! At the prompt nobody owns the console, so that Ctrl-C is a byte and drops the line; while a program runs the
//! shell owns it, is told of Ctrl-C, and ends the program with all its descendants. A shell that another one started
//! leaves all that to the other one.
//!
//! A program and its descendants are a *job*. When the program ends, the shell ends what is left of the job, so that at
//! the prompt nobody else reads what is typed, owns the console, or holds memory. A job may not have all of the
//! machine: its quota leaves enough process slots for the shell to start the next one. Frames are not bounded: the pager
//! takes pages from whoever has them when frames run out, but a bound would end a job whose pages do not fit the swap
//! space before the machine is full, and say that a quota is used up.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

extern crate alloc;

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::convert::Infallible;
use core::fmt;

use embedded_cli::arguments::{Arg, ArgList};
use embedded_cli::cli::{Cli, CliBuilder};
use embedded_cli::command::RawCommand;
use libsys::abi::layout::PROCESSES;
use libsys::abi::message::Reason;
use libsys::abi::public::ProcessFacts;
use libsys::call::Ended;
use libsys::pager_protocol::{faults_of, pages_of};
use libsys::process::{Command, Finished, SpawnError, attend, end_all_children, exit};
use libsys::{
    Error, ProcessId, Target, archive, console_read, facts, machine, print, println,
    set_console_owner, usage,
};

libsys::main!(main);

/// Process slots that no job gets.
const KEPT_PROCESSES: u32 = 32;

/// What a terminal sends for Ctrl-C.
const INTERRUPT: u8 = 0x03;
/// What most terminals send for the backspace key; the editor knows only the other code.
const DELETE: u8 = 0x7F;
const BACKSPACE: u8 = 0x08;
const ENTER: u8 = b'\r';

type Editor = Cli<Console, Infallible, [u8; 256], [u8; 1024]>;

fn main() -> Result<(), Error> {
    let owns_console = set_console_owner(None).is_ok();
    println!("Vitrine: `help` lists the programs, `exit` turns the machine off.");
    let mut editor = new_editor();
    loop {
        let mut bytes = [0; 64];
        let length = console_read(&mut bytes)?;
        for byte in &bytes[..length] {
            take_byte(&mut editor, *byte, owns_console);
        }
    }
}

fn new_editor() -> Editor {
    let builder = CliBuilder::default()
        .prompt("vitrine> ")
        .command_buffer([0; 256])
        .history_buffer([0; 1024]);
    match builder.writer(Console).build() {
        Ok(editor) => editor,
        Err(never) => match never {},
    }
}

/// Gives a byte to the editor, which runs the line when it is complete.
fn take_byte(editor: &mut Editor, byte: u8, owns_console: bool) {
    let (byte, dropped) = match byte {
        INTERRUPT => (ENTER, true),
        DELETE => (BACKSPACE, false),
        other => (other, false),
    };
    if dropped {
        print!("^C");
    }
    let mut processor = RawCommand::processor(|_, command| {
        if !dropped {
            run_line(&command, owns_console);
        }
        Ok(())
    });
    match editor.process_byte::<RawCommand<'_>, _>(byte, &mut processor) {
        Ok(()) => {}
        Err(never) => match never {},
    }
}

fn run_line(command: &RawCommand<'_>, owns_console: bool) {
    let Some(arguments) = words(&command.args()) else {
        println!("an option is one letter, or two dashes and a word");
        return;
    };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match (command.name(), arguments.as_slice()) {
        ("help", _) => help(),
        ("ps", _) => ps(),
        ("exit", []) => exit(0),
        ("exit", [status, ..]) => match status.parse() {
            Ok(status) => exit(status),
            Err(_) => println!("exit: a status is a number from 0 to 255"),
        },
        ("run", []) => println!("run: which program?"),
        ("run", [name, arguments @ ..]) => run(name, arguments, owns_console),
        (name, arguments) => run(name, arguments, owns_console),
    }
}

/// The arguments as they were typed, as far as the editor tells (it takes `-ab` for `-a -b`).
fn words(arguments: &ArgList<'_>) -> Option<Vec<String>> {
    let word = |argument| match argument {
        Arg::DoubleDash => "--".to_string(),
        Arg::LongOption(name) => alloc::format!("--{name}"),
        Arg::ShortOption(letter) => alloc::format!("-{letter}"),
        Arg::Value(value) => value.to_string(),
    };
    arguments.args().map(|argument| argument.ok().map(word)).collect()
}

fn run(name: &str, arguments: &[&str], owns_console: bool) {
    match Command::new(name).args(arguments).quota(0, most_processes()).spawn() {
        Ok(child) => match foreground(name, child, owns_console) {
            Ok(finished) => say_how(name, finished),
            Err(error) => println!("{name}: {error}"),
        },
        Err(SpawnError::NoSuchProgram) => println!("no such program: {name}"),
        Err(error) => println!("{name}: {error}"),
    }
}

/// How many processes a job may be now.
fn most_processes() -> u32 {
    PROCESSES.saturating_sub(machine().processes + KEPT_PROCESSES).max(1)
}

/// Watches a child, with Ctrl-C in the shell's hands, and ends what it leaves behind.
fn foreground(name: &str, child: ProcessId, owns_console: bool) -> Result<Finished, Error> {
    if owns_console {
        set_console_owner(Some(Target::Caller))?;
    }
    let finished = attend(child, |_| {});
    match end_all_children() {
        0 => {}
        1 => println!("{name}: left a process behind, which is ended"),
        left => println!("{name}: left {left} processes behind, which are ended"),
    }
    if owns_console {
        set_console_owner(None)?;
    }
    finished
}

fn say_how(name: &str, finished: Finished) {
    match finished {
        Finished::Interrupted => println!("^C"),
        Finished::Ended(Ended { status: 0, reason: Reason::Exited, .. }) => {}
        Finished::Ended(Ended { status, reason: Reason::Exited, .. }) => {
            println!("{name}: exit status {status}")
        }
        Finished::Ended(Ended { status, reason: Reason::Killed, .. }) => {
            println!("{name}: killed, status {status}")
        }
        Finished::Ended(Ended { reason: Reason::Destroyed, .. }) => println!("{name}: destroyed"),
    }
}

fn help() {
    println!("  {:<12} this list", "help");
    println!("  {:<12} all processes", "ps");
    println!("  {:<12} run a program (its name alone does, too)", "run");
    println!("  {:<12} leave, with a status; the machine turns off", "exit");
    for member in archive::programs() {
        match archive::program_name(member.name()) {
            // These serve the others, and do nothing for whoever types their names.
            Some("init" | "sh" | "pager") | None => {}
            Some(name) => println!("  {name:<12} {}", summary(name)),
        }
    }
}

/// One line about each program that is worth typing; the others say nothing for themselves.
fn summary(name: &str) -> &'static str {
    match name {
        "walk" => "walk ADDRESS: how an address is translated, step by step",
        "vmmap" => "the areas of an address space",
        "forktree" => "a tree of processes, each forked from the one above",
        "cow" => "parent and child share memory until one of them writes",
        "lazy" => "pages appear when they are touched",
        "faults" => "each kind of bad access, and what becomes of it",
        "pingpong" => "two processes that send each other a number",
        "checks" => "the kernel's promises, tried from ring 3",
        "hog" => "hog SIZE: fills memory, reads it back, checks every byte",
        "squeezed" => "a program that may have eight pages in memory",
        "tiny_pager" => "pages its child itself, in a hundred lines",
        "peek" => "peek PROGRAM: watches a program's pages from outside",
        "free" => "how many frames are free",
        "leave" => "leave WHAT: leaves processes behind, which the shell ends",
        "forever" => "forks without end; made for Ctrl-C",
        "hello" => "the smallest program with something to see",
        _ => "",
    }
}

fn ps() {
    println!(
        "  {:<9} {:<9} {:<9} {:>8} {:>7} {:>9} {:>8} {:>10} {:>7} {:>7}",
        "ID",
        "PARENT",
        "STATUS",
        "RUNS",
        "FRAMES",
        "RESIDENT",
        "SWAPPED",
        "COMPRESSED",
        "IN",
        "OUT"
    );
    for facts in facts::processes() {
        let ProcessFacts { id, parent, runs, .. } = facts;
        print!("  {id:08x}  {parent:08x}  {:<9} {runs:>8} ", facts::status_name(&facts));
        let id = ProcessId::new(id);
        // Only of itself and its children may the shell know how much they have.
        let frames = id.and_then(usage).map(|usage| usage.frames).ok();
        print!("{:>7} ", Shown(frames));
        let id = id.ok();
        let (pages, faults) = (id.and_then(pages_of), id.and_then(faults_of));
        println!(
            "{:>9} {:>8} {:>10} {:>7} {:>7}",
            Shown(pages.map(|pages| pages.resident)),
            Shown(pages.map(|pages| pages.swapped)),
            Shown(pages.map(|pages| pages.compressed)),
            Shown(faults.map(|faults| faults.pages_in)),
            Shown(faults.map(|faults| faults.pages_out)),
        );
    }
}

/// A number, or a dash for one that is not to be had.
struct Shown(Option<u32>);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(number) => number.fmt(f),
            None => f.pad("-"),
        }
    }
}

/// The editor's output: the console, where a line ends with one byte as in all other output.
struct Console;

impl embedded_io::ErrorType for Console {
    type Error = Infallible;
}

impl embedded_io::Write for Console {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        let shown = if bytes == b"\r\n" { b"\n" } else { bytes };
        libsys::print::write_all(shown);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
