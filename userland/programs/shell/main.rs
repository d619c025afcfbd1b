//! The shell: reads a line, runs a program in the foreground, and prints how it ended.
//!
//! At the prompt no process owns the console, so that Ctrl-C is a byte like others, and drops the
//! line. While a program runs the shell owns the console; Ctrl-C then interrupts the shell, which
//! ends the program with all its descendants. A shell that another shell started never owns the
//! console.
//!
//! A program and its descendants are a *job*. When the program ends, the shell ends the rest of the
//! job, so that at the prompt no other process reads what is typed, owns the console, or holds
//! memory. A job's quota leaves enough process slots for the shell to start the next one. Frames
//! are not bounded: when frames run out, the pager takes pages from any process. A bound would end
//! a job whose pages do not fit the swap space although the machine still has frames, and report a
//! quota.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

extern crate alloc;

use alloc::string::String;
use alloc::vec::Vec;

use libsys::abi::layout::PROCESSES;
use libsys::abi::message::Reason;
use libsys::call::Ended;
use libsys::print;
use libsys::process::archive;
use libsys::process::command_line;
use libsys::process::{Command, Finished, SpawnError, attend, end_all_children, exit};
use libsys::{Error, ProcessId, Target, console_read, machine, println, set_console_owner};
use shell::builtin::Builtin;

use line::Line;

mod line;
mod ps;

libsys::main!(main, arguments);

/// Process slots that no job gets.
const RESERVED_PROCESSES: u32 = 32;

/// The byte that a terminal sends for Ctrl-C.
const INTERRUPT: u8 = 0x03;
/// The byte that a terminal sends for Ctrl-D. On an empty line it ends the input.
const END_OF_INPUT: u8 = 0x04;
/// The byte that most terminals send for the backspace key. The editor knows only the other code.
const DELETE: u8 = 0x7F;
const BACKSPACE: u8 = 0x08;

/// Exit statuses of commands that did not run, or that did not end by themselves. Other shells use
/// the same numbers.
const USAGE: u8 = 2;
const NOT_STARTED: u8 = 127;
const INTERRUPTED: u8 = 130;
const DESTROYED: u8 = 137;

fn main() -> Result<u8, Error> {
    let mut shell = Shell { owns_console: set_console_owner(None).is_ok(), status: 0 };
    let arguments: Vec<&str> = libsys::args().skip(1).collect();
    match arguments.as_slice() {
        [] => shell.serve_prompt(),
        ["-c", line] => {
            shell.run_line(line);
            Ok(shell.status)
        }
        _ => {
            println!("usage: sh [-c LINE]");
            Ok(USAGE)
        }
    }
}

/// A shell between two commands.
struct Shell {
    owns_console: bool,
    /// Exit status of the last command. It is the shell's own, unless `exit` gives another.
    status: u8,
}

impl Shell {
    /// Runs what is typed, until the input ends.
    fn serve_prompt(&mut self) -> Result<u8, Error> {
        println!("Vitrine: `help` lists the programs, `exit` turns the machine off.");
        let mut line = Line::new("vitrine> ");
        loop {
            let mut bytes = [0; 64];
            let length = console_read(&mut bytes)?;
            for byte in &bytes[..length] {
                self.take_byte(&mut line, *byte);
            }
        }
    }

    /// Gives a byte to the line editor, and runs the line when it is complete.
    fn take_byte(&mut self, line: &mut Line, byte: u8) {
        match byte {
            INTERRUPT => {
                print!("^C");
                self.status = INTERRUPTED;
                line.drop_line();
            }
            END_OF_INPUT => {
                if line.text().is_empty() {
                    println!("exit");
                    exit(self.status);
                }
            }
            DELETE => line.take(BACKSPACE, |_| {}),
            other => line.take(other, |text| self.run_line(text)),
        }
    }

    fn run_line(&mut self, text: &str) {
        let words = match command_line::split(text) {
            Ok(words) => words,
            Err(why) => {
                println!("sh: {why}");
                self.status = USAGE;
                return;
            }
        };
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let Some((name, arguments)) = words.split_first() else { return };
        self.status = match (Builtin::named(name), arguments) {
            (Some(Builtin::Help), []) => help(),
            (Some(Builtin::Ps), []) => {
                ps::print();
                0
            }
            (Some(Builtin::Help), _) => refuse("usage: help   (no arguments)"),
            (Some(Builtin::Ps), _) => refuse("usage: ps   (no arguments)"),
            (Some(Builtin::Exit), []) => exit(self.status),
            (Some(Builtin::Exit), [_, _, ..]) => refuse("usage: exit [STATUS]"),
            (Some(Builtin::Exit), [status]) => match status.parse() {
                Ok(status) => exit(status),
                Err(_) => refuse("exit: a status is a number from 0 to 255"),
            },
            (Some(Builtin::Run), []) => refuse("run: which program?"),
            (Some(Builtin::Run), [name, arguments @ ..]) => self.run(name, arguments),
            (None, arguments) => self.run(name, arguments),
        };
    }

    fn run(&self, name: &str, arguments: &[&str]) -> u8 {
        // Before the program starts, so that an early Ctrl-C interrupts the shell and is no byte
        // for the program.
        if self.owns_console && set_console_owner(Some(Target::Caller)).is_err() {
            println!("sh: the console is somebody else's");
        }
        let status = self.run_job(name, arguments);
        if self.owns_console && set_console_owner(None).is_err() {
            println!("sh: the console is somebody else's");
        }
        status
    }

    fn run_job(&self, name: &str, arguments: &[&str]) -> u8 {
        match Command::new(name).args(arguments).quota(0, most_processes()).spawn() {
            Ok(child) => match foreground(name, child) {
                Ok(finished) => {
                    say_how(name, finished);
                    return status_of(finished);
                }
                Err(error) => println!("{name}: {error}"),
            },
            Err(SpawnError::NoSuchProgram) => println!("no such program: {name}"),
            Err(error) => println!("{name}: {error}"),
        }
        NOT_STARTED
    }
}

fn refuse(why: &str) -> u8 {
    println!("{why}");
    USAGE
}

/// The exit status of a command.
fn status_of(finished: Finished) -> u8 {
    match finished {
        Finished::Interrupted => INTERRUPTED,
        Finished::Ended(Ended { reason: Reason::Destroyed, .. }) => DESTROYED,
        // The kernel gives 0 to 255.
        Finished::Ended(Ended { status, reason: Reason::Exited | Reason::Killed, .. }) => {
            (status & 0xFF) as u8
        }
    }
}

/// How many processes the next job may have.
fn most_processes() -> u32 {
    PROCESSES.saturating_sub(machine().processes + RESERVED_PROCESSES).max(1)
}

/// Waits until a child ends, and ends what it leaves behind.
fn foreground(name: &str, child: ProcessId) -> Result<Finished, Error> {
    let finished = attend(child, |_| {});
    match end_all_children() {
        0 => {}
        1 => println!("{name}: left a process behind, which is ended"),
        left => println!("{name}: left {left} processes behind, which are ended"),
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

fn help() -> u8 {
    println!("  {:<12} this list", "help");
    println!("  {:<12} all processes", "ps");
    println!("  {:<12} run a program (its name alone does, too)", "run");
    println!("  {:<12} leave, with a status; the machine turns off", "exit");
    for member in archive::programs() {
        match archive::program_name(member.name()) {
            // These are servers; as commands they do nothing.
            Some("init" | "sh" | "pager") | None => {}
            Some(name) => println!("  {name:<12} {}", summary(name)),
        }
    }
    0
}

/// One line about each program that can be run as a command.
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
        "rewritten" => "pages that are written, mapped and moved between two trips to the disk",
        "tiny_pager" => "pages its child itself, in a hundred lines",
        "peek" => "peek PROGRAM: watches a program's pages from outside",
        "free" => "how many frames are free",
        "leave" => "leave WHAT: leaves processes behind, which the shell ends",
        "forever" => "forks without end; made for Ctrl-C",
        "hello" => "the smallest program with something to see",
        _ => "",
    }
}
