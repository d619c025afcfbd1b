//! The programs in the background: which there are, and which of them have ended.
//!
//! A job is a program and its descendants. Its number is the smallest that is free when it starts.
//! The shell does not wait at its prompt for a job's end: it reads the console then, and a process
//! waits for one thing at a time. So it looks before each prompt, and says what has ended.

use alloc::string::String;
use alloc::vec::Vec;

use libsys::abi::message::Reason;
use libsys::call::{Ended, wait};
use libsys::process::info;
use libsys::service::message::Event;
use libsys::{ProcessId, usage};
use shell::name::Name;

/// A program in the background.
pub struct Job {
    /// What comes after `%`.
    pub number: u32,
    /// Its first process, a child of the shell.
    pub id: ProcessId,
    /// What was typed.
    pub line: String,
    /// How its first process has ended, once the shell has waited for that.
    pub ended: Option<Ended>,
}

/// All jobs that have not been reported as ended.
#[derive(Default)]
pub struct Jobs(Vec<Job>);

impl Jobs {
    /// Adds a program that runs, and returns its number.
    pub fn add(&mut self, id: ProcessId, line: String) -> u32 {
        let is_free = |number: &u32| self.0.iter().all(|job| job.number != *number);
        // There are more numbers than processes.
        let number = (1..=u32::MAX).find(is_free).unwrap_or(u32::MAX);
        self.0.push(Job { number, id, line, ended: None });
        number
    }

    /// The jobs that the shell has not seen end.
    pub fn running(&self) -> impl DoubleEndedIterator<Item = &Job> {
        self.0.iter().filter(|job| job.ended.is_none())
    }

    /// The running job that was started last.
    pub fn last(&self) -> Option<ProcessId> {
        self.running().next_back().map(|job| job.id)
    }

    /// The running job that a word names, or the process itself.
    pub fn process(&self, name: Name) -> Option<ProcessId> {
        match name {
            Name::Job(number) => self.running().find(|job| job.number == number).map(|job| job.id),
            Name::Process(id) => Some(id),
        }
    }

    /// Takes the end of a job out of a message, if the message is that.
    pub fn note(&mut self, event: Event) {
        if let Event::Exit { child, status, reason } = event
            && let Some(job) = self.0.iter_mut().find(|job| job.id == child)
        {
            job.ended = Some(Ended { child, status, reason });
        }
    }

    /// Waits for all that have ended, which takes as long as taking down their memory does.
    pub fn look(&mut self) {
        for job in self.0.iter_mut().filter(|job| job.ended.is_none()) {
            if !info::is_alive(job.id) {
                job.ended = wait(Some(job.id)).ok();
            }
        }
    }

    /// Takes a running job away from the others.
    pub fn take(&mut self, id: ProcessId) -> Option<Job> {
        let at = self.0.iter().position(|job| job.id == id && job.ended.is_none())?;
        Some(self.0.remove(at))
    }

    /// Takes a job that has ended away from the others.
    pub fn take_ended(&mut self) -> Option<(Job, Ended)> {
        let at = self.0.iter().position(|job| job.ended.is_some())?;
        let job = self.0.remove(at);
        job.ended.map(|ended| (job, ended))
    }

    /// How many processes the running jobs are, and how many they may be by their quotas.
    pub fn processes(&self) -> (u32, u32) {
        let usages = self.running().filter_map(|job| usage(job.id).ok());
        usages.fold((0, 0), |(are, may), usage| (are + usage.processes, may + usage.process_bound))
    }
}

/// How a job has ended, in words.
pub struct How(pub Ended);

impl core::fmt::Display for How {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.0 {
            Ended { status: 0, reason: Reason::Exited, .. } => f.write_str("done"),
            Ended { status, reason: Reason::Exited, .. } => write!(f, "exit status {status}"),
            Ended { status, reason: Reason::Killed, .. } => write!(f, "killed, status {status}"),
            Ended { reason: Reason::Destroyed, .. } => f.write_str("destroyed"),
        }
    }
}
