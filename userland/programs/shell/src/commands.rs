//! What a line does: its programs one after the other, and the shell's own commands.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use libsys::process::steps::{self, Step};
use libsys::process::{attend, end, end_all_children, end_children, exit, info};
use libsys::service::message::{Event, next_event};
use libsys::{ProcessId, Target, destroy, print, println, set_console_owner};
use shell::builtin::Builtin;
use shell::name::Name;
use shell::processes::{HEADING, LEGEND, tree};

use crate::help;
use crate::jobs::{How, Job, Jobs};
use crate::program::{Ground, INTERRUPTED, USAGE, say_how, start, status_of};
use crate::timing::Start;

/// Goes to the screen's first column and line, and empties the screen.
const CLEAR: &str = "\x1B[H\x1B[2J";

/// Exit status of a builtin that could not do what it was asked for.
const FAILED: u8 = 1;

/// A shell between two commands.
pub struct Shell {
    owns_console: bool,
    jobs: Jobs,
    /// The program that ran last in the foreground.
    last: Option<ProcessId>,
    /// Exit status of the last command. It is the shell's own, unless `exit` gives another.
    pub status: u8,
}

impl Shell {
    /// A shell without jobs; `owns_console` says whether it decides who gets Ctrl-C.
    pub fn new(owns_console: bool) -> Self {
        Self { owns_console, jobs: Jobs::default(), last: None, status: 0 }
    }

    /// Runs a line. Ctrl-C ends the whole line.
    pub fn run_line(&mut self, text: &str) {
        let steps = match steps::read(text) {
            Ok(steps) => steps,
            Err(why) => {
                println!("sh: {why}");
                self.status = USAGE;
                return;
            }
        };
        // From here on, so that Ctrl-C between two steps is no byte for the next prompt, nor for a
        // program that has just been started.
        self.own_console(true);
        self.run_steps(&steps);
        self.own_console(false);
    }

    fn run_steps(&mut self, steps: &[Step]) {
        for step in steps {
            if step.only_after_success && self.status != 0 {
                continue;
            }
            self.status = match self.with_ids(&step.words) {
                Ok(words) => {
                    let words: Vec<&str> = words.iter().map(String::as_str).collect();
                    if step.in_background { self.run_behind(&words) } else { self.run(&words) }
                }
                Err(status) => status,
            };
            if self.status == INTERRUPTED {
                return;
            }
        }
    }

    /// The words with the process's id for each `%JOB`: programs know no jobs.
    fn with_ids(&self, words: &[String]) -> Result<Vec<String>, u8> {
        let replaced = |word: &String| match Name::read(word) {
            Some(name @ Name::Job(number)) => match self.jobs.process(name) {
                Some(id) => Ok(id.to_string()),
                None => Err(refuse(FAILED, format_args!("sh: there is no job %{number}"))),
            },
            Some(Name::Process(_)) | None => Ok(word.clone()),
        };
        words.iter().map(replaced).collect()
    }

    /// How the processes that the shell started can be named.
    pub fn process_names(&self) -> Vec<String> {
        let of_job = |job: &Job| [alloc::format!("%{}", job.number), job.id.to_string()];
        self.jobs.running().flat_map(of_job).collect()
    }

    fn run(&mut self, words: &[&str]) -> u8 {
        let Some((name, arguments)) = words.split_first() else { return self.status };
        match Builtin::named(name) {
            Some(builtin) => self.run_builtin(builtin, arguments),
            None => self.run_program(name, arguments),
        }
    }

    fn run_builtin(&mut self, builtin: Builtin, arguments: &[&str]) -> u8 {
        match (builtin, arguments) {
            (_, ["--help"]) => help::builtin(builtin),
            (Builtin::Help, []) => help::all(),
            (Builtin::Help, [name]) => help::one(name),
            (Builtin::Ps, []) => list_processes(),
            (Builtin::Run, [name, arguments @ ..]) => self.run_program(name, arguments),
            (Builtin::Time, [_, ..]) => {
                self.last = None;
                let start = Start::now();
                let status = self.run(arguments);
                start.print(self.last);
                status
            }
            (Builtin::Jobs, []) => self.list_jobs(),
            (Builtin::Fg, []) => match self.jobs.last() {
                Some(id) => self.bring_to_front(id),
                None => refuse(FAILED, format_args!("fg: nothing runs in the background")),
            },
            (Builtin::Fg, [job]) => {
                match Name::read(job).and_then(|name| self.jobs.process(name)) {
                    Some(id) => self.bring_to_front(id),
                    None => usage(builtin),
                }
            }
            (Builtin::Wait, []) => self.wait_for_jobs(),
            (Builtin::Kill, [_, ..]) => kill(arguments),
            (Builtin::Clear, []) => {
                print!("{CLEAR}");
                0
            }
            (Builtin::Exit, []) => self.leave(self.status),
            (Builtin::Exit, [status]) => match status.parse() {
                Ok(status) => self.leave(status),
                Err(_) => refuse(USAGE, format_args!("exit: a status is a number from 0 to 255")),
            },
            _ => usage(builtin),
        }
    }

    /// Runs a program and waits for its end.
    fn run_program(&mut self, name: &str, arguments: &[&str]) -> u8 {
        match start(name, arguments, &self.jobs, Ground::Fore) {
            Ok(child) => {
                self.last = Some(child);
                self.wait_for(name, child)
            }
            Err(status) => status,
        }
    }

    /// Starts a program, and does not wait for its end.
    fn run_behind(&mut self, words: &[&str]) -> u8 {
        let Some((name, arguments)) = words.split_first() else { return self.status };
        if Builtin::named(name).is_some() {
            return refuse(
                USAGE,
                format_args!("sh: {name} is the shell's own, so `&` cannot follow"),
            );
        }
        match start(name, arguments, &self.jobs, Ground::Back) {
            Ok(child) => {
                let number = self.jobs.add(child, words.join(" "));
                println!("[{number}] {child}");
                0
            }
            Err(status) => status,
        }
    }

    /// Waits for the end of a program, which Ctrl-C brings, and ends what it leaves behind.
    fn wait_for(&mut self, name: &str, child: ProcessId) -> u8 {
        let jobs = &mut self.jobs;
        let finished = attend(child, |event| jobs.note(event));
        self.end_orphans(name);
        match finished {
            Ok(finished) => {
                say_how(name, finished);
                status_of(finished)
            }
            Err(error) => refuse(FAILED, format_args!("{name}: {error}")),
        }
    }

    /// Ends the children that are no running job: those whose job has ended.
    fn end_orphans(&mut self, name: &str) {
        self.jobs.look();
        let running: Vec<ProcessId> = self.jobs.running().map(|job| job.id).collect();
        match end_children(|child| !running.contains(&child)) {
            0 => {}
            1 => println!("{name}: left a process behind, which is ended"),
            left => println!("{name}: left {left} processes behind, which are ended"),
        }
    }

    /// Before a prompt: prints which jobs have ended, and ends what they have left behind.
    pub fn report_jobs(&mut self) {
        self.jobs.look();
        while let Some((job, ended)) = self.jobs.take_ended() {
            println!("[{}] {}: {}", job.number, job.line, How(ended));
            self.end_orphans(&job.line);
        }
    }

    fn list_jobs(&mut self) -> u8 {
        self.report_jobs();
        for job in self.jobs.running() {
            println!("[{}] {} {}", job.number, job.id, job.line);
        }
        0
    }

    fn bring_to_front(&mut self, id: ProcessId) -> u8 {
        let Some(job) = self.jobs.take(id) else {
            return refuse(FAILED, format_args!("fg: {id} is no job of this shell"));
        };
        let name = job.line.split(' ').next().unwrap_or_default();
        println!("{}", job.line);
        self.wait_for(name, id)
    }

    /// Waits until no job runs, or Ctrl-C is typed. The jobs go on then.
    fn wait_for_jobs(&mut self) -> u8 {
        let mut status = 0;
        while self.jobs.running().next().is_some() {
            match next_event() {
                Ok(Event::Interrupt) => {
                    println!("^C");
                    status = INTERRUPTED;
                    break;
                }
                Ok(event) => self.jobs.note(event),
                Err(error) => {
                    status = refuse(FAILED, format_args!("wait: {error}"));
                    break;
                }
            }
        }
        self.report_jobs();
        status
    }

    fn own_console(&self, owns: bool) {
        if self.owns_console && set_console_owner(owns.then_some(Target::Caller)).is_err() && owns {
            println!("sh: another process owns the console, and Ctrl-C interrupts that one");
        }
    }

    /// Ends the shell, and with it its jobs.
    pub fn leave(&mut self, status: u8) -> ! {
        self.report_jobs();
        for job in self.jobs.running() {
            println!("[{}] {}: was running, and is ended", job.number, job.line);
            // It is a child that the shell has not waited for.
            let _ = end(job.id);
        }
        end_all_children();
        exit(status)
    }
}

fn list_processes() -> u8 {
    println!("{HEADING}");
    for process in tree() {
        println!("{process}");
    }
    println!("{LEGEND}");
    0
}

/// Ends processes with their descendants.
fn kill(names: &[&str]) -> u8 {
    let mut status = 0;
    for word in names {
        let Some(Name::Process(id)) = Name::read(word) else {
            status = usage(Builtin::Kill);
            continue;
        };
        if id == libsys::process::id() {
            status = refuse(FAILED, format_args!("kill: {id} is this shell; `exit` ends it"));
        } else if !info::is_alive(id) {
            status = refuse(FAILED, format_args!("kill: {id} has ended, or has never been"));
        } else if destroy(id, true).is_err() {
            status = refuse(FAILED, format_args!("kill: {id} is no descendant of this shell"));
        }
    }
    status
}

fn usage(builtin: Builtin) -> u8 {
    refuse(USAGE, format_args!("usage: {}", builtin.usage()))
}

fn refuse(status: u8, why: core::fmt::Arguments<'_>) -> u8 {
    println!("{why}");
    status
}
