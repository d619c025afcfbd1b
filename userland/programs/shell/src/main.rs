//! The shell: reads a line, runs its programs, and prints how they ended.
//!
//! At the prompt no process owns the console, so that Ctrl-C is a byte like others, and drops the
//! line. While a line is run the shell owns the console; Ctrl-C then interrupts the shell, which
//! ends the program in the foreground with all its descendants, and runs no more of the line.
//! Programs in the background go on. A shell that another shell started never owns the console.
//!
//! A program and its descendants are a *job*. When the program ends, the shell ends the rest of the
//! job, so that it reads no more of what is typed, and holds no memory. When the shell ends, it
//! ends the jobs in the background, and says so: nothing that was started here is left running.
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

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use libsys::runtime::print::write_all;
use libsys::{Error, console_read, println, set_console_owner};
use shell::builtin::Builtin;
use shell::editor::completion::Knowledge;
use shell::editor::{Editor, LONGEST, Told};

use commands::Shell;
use program::{INTERRUPTED, USAGE};

mod commands;
mod help;
mod jobs;
mod program;
mod timing;

libsys::main!(main, arguments);
libsys::about!("the shell", "sh [-c LINE]");

fn main() -> Result<u8, Error> {
    let mut shell = Shell::new(set_console_owner(None).is_ok());
    let arguments: Vec<&str> = libsys::args().skip(1).collect();
    match arguments.as_slice() {
        [] => serve_prompt(&mut shell),
        ["-c", line] => {
            shell.run_line(line);
            shell.leave(shell.status)
        }
        _ => Ok(libsys::process::start::usage()),
    }
}

/// Runs what is typed, until the input ends.
fn serve_prompt(shell: &mut Shell) -> Result<u8, Error> {
    println!("Vitrine: `help` lists the programs, `exit` turns the machine off.");
    let mut editor = Editor::new("vitrine> ");
    let mut out = String::new();
    editor.prompt(&mut out);
    loop {
        editor.draw(&mut out);
        write_all(out.as_bytes());
        out.clear();
        let mut bytes = [0; 64];
        let length = console_read(&mut bytes)?;
        for byte in &bytes[..length] {
            let Some(told) = editor.take(*byte, &Known(shell), &mut out) else { continue };
            write_all(out.as_bytes());
            out.clear();
            obey(shell, told);
            editor.prompt(&mut out);
        }
    }
}

fn obey(shell: &mut Shell, told: Told) {
    match told {
        Told::Line(line) => shell.run_line(&line),
        Told::TooLong => {
            println!("sh: a line may have {LONGEST} bytes; this one was longer, and is not run");
            shell.status = USAGE;
        }
        Told::Interrupt => shell.status = INTERRUPTED,
        Told::EndOfInput => {
            println!("exit");
            shell.leave(shell.status);
        }
    }
    shell.report_jobs();
}

/// What the Tab key completes.
struct Known<'a>(&'a Shell);

impl Knowledge for Known<'_> {
    fn commands(&self) -> Vec<String> {
        let builtins = Builtin::ALL.into_iter().map(|builtin| builtin.name().to_string());
        builtins.chain(help::programs().map(|(name, _)| name)).collect()
    }

    fn usage(&self, command: &str) -> Option<String> {
        match Builtin::named(command) {
            Some(builtin) => Some(builtin.usage().to_string()),
            None => help::about(command).map(|about| about.usage.to_string()),
        }
    }

    fn processes(&self) -> Vec<String> {
        self.0.process_names()
    }
}
