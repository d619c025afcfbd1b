//! The shell: reads a line, runs its programs, and prints how they ended.
//!
//! At the prompt no process owns the console, so that Ctrl-C is a byte like others, and drops the
//! line. While a program runs in the foreground the shell owns the console; Ctrl-C then interrupts
//! the shell, which ends the program with all its descendants. Programs in the background go on. A
//! shell that another shell started never owns the console.
//!
//! A program and its descendants are a *job*. When the program ends, the shell ends the rest of the
//! job, so that it reads no more of what is typed, and holds no memory. When the shell ends, it ends
//! the jobs in the background, and says so: nothing that was started here is left running.
//!
//! A job's quota leaves enough process slots for the shell to start the next one. Frames are not
//! bounded: when frames run out, the pager takes pages from any process. A bound would end a job
//! whose pages do not fit the swap space although the machine still has frames, and report a quota.
//!
//! Not done: a program in the background that reads the console takes what is typed, because the
//! kernel gives a byte to whoever has waited longest; and it can make itself the console's owner
//! while nobody is. The kernel does not know which job is in the foreground.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;

use libsys::{Error, console_read, print, println, set_console_owner};

use commands::Shell;
use line::Line;
use program::{INTERRUPTED, USAGE};

mod commands;
mod help;
mod jobs;
mod line;
mod program;
mod ps;
mod timing;

libsys::main!(main, arguments);

/// The byte that a terminal sends for Ctrl-C.
const INTERRUPT: u8 = 0x03;
/// The byte that a terminal sends for Ctrl-D. On an empty line it ends the input.
const END_OF_INPUT: u8 = 0x04;
/// The byte that most terminals send for the backspace key. The editor knows only the other code.
const DELETE: u8 = 0x7F;
const BACKSPACE: u8 = 0x08;

fn main() -> Result<u8, Error> {
    let mut shell = Shell::new(set_console_owner(None).is_ok());
    let arguments: Vec<&str> = libsys::args().skip(1).collect();
    match arguments.as_slice() {
        [] => serve_prompt(&mut shell),
        ["-c", line] => {
            shell.run_line(line);
            shell.leave(shell.status)
        }
        _ => {
            println!("usage: sh [-c LINE]");
            Ok(USAGE)
        }
    }
}

/// Runs what is typed, until the input ends.
fn serve_prompt(shell: &mut Shell) -> Result<u8, Error> {
    println!("Vitrine: `help` lists the programs, `exit` turns the machine off.");
    let mut line = Line::new("vitrine> ");
    loop {
        let mut bytes = [0; 64];
        let length = console_read(&mut bytes)?;
        for byte in &bytes[..length] {
            take_byte(shell, &mut line, *byte);
        }
    }
}

/// Gives a byte to the line editor, and runs the line when it is complete.
fn take_byte(shell: &mut Shell, line: &mut Line, byte: u8) {
    match byte {
        INTERRUPT => {
            print!("^C");
            shell.status = INTERRUPTED;
            line.drop_line();
        }
        END_OF_INPUT => {
            if line.text().is_empty() {
                println!("exit");
                shell.leave(shell.status);
            }
        }
        DELETE => line.take(BACKSPACE, |_| {}),
        other => line.take(other, |text| {
            shell.run_line(text);
            shell.report_jobs();
        }),
    }
}
