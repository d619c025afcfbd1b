//! `cargo xtask qemu --watch`: builds and boots anew whenever a source has changed.
//!
//! The machine is a second `cargo xtask qemu`, with the same options but this one, so it behaves as
//! it does without `--watch`: it has the terminal, and when it is told to end it kills the
//! emulator, puts the terminal in order and removes its files. A machine ends before the next build
//! begins, so that two programs never write on one terminal. Where a build fails, nothing runs: the
//! compiler's message stays in sight until the next change.
//!
//! Three things happen outside: a source changes, the machine ends, Ctrl-C comes. Each is an
//! [`Event`] in one queue, and [`Watch::run`] is the only reader.

mod sources;

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use shared_child::SharedChild;

use crate::workspace::Workspace;
use crate::{build, command, leash};

/// Exit status after Ctrl-C.
const INTERRUPTED: u8 = 130;
/// How long a machine may take to end when it is told to, before it is killed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Something that has happened.
#[derive(Debug)]
pub enum Event {
    /// A source has changed.
    Changed(PathBuf),
    /// The machine of this number has ended.
    Ended(u32, ExitStatus),
    /// Ctrl-C, or another signal that ends us.
    Interrupted,
}

/// What is done between two events.
pub trait Work {
    /// Builds.
    ///
    /// # Errors
    /// The build failed. Its messages have been printed.
    fn build(&mut self) -> Result<()>;
    /// The command that is the machine.
    fn machine(&self) -> Command;
}

/// Builds and boots until Ctrl-C, and returns the exit status. `files` are further files to watch.
///
/// # Errors
/// The sources cannot be watched, or the machine cannot be started.
pub fn watch(workspace: &Workspace, files: &[PathBuf]) -> Result<u8> {
    let (send, events) = channel();
    let interrupt = send.clone();
    ctrlc::set_handler(move || drop(interrupt.send(Event::Interrupted)))
        .context("cannot catch signals")?;
    let change = send.clone();
    // The loop may be over when a change comes.
    let tell = move |path| drop(change.send(Event::Changed(path)));
    let _watcher = sources::watch(workspace.root(), files, tell)?;
    let program = command::this_program().context("cannot find this program")?;
    let arguments = env::args_os().skip(1).filter(|word| word != "--watch").collect();
    let work = Boot { workspace: workspace.clone(), program, arguments };
    Watch::new(work, events, send).run()?;
    Ok(INTERRUPTED)
}

/// The work of `cargo xtask qemu`.
struct Boot {
    workspace: Workspace,
    program: PathBuf,
    arguments: Vec<OsString>,
}

impl Work for Boot {
    fn build(&mut self) -> Result<()> {
        build::build(&self.workspace)
    }

    fn machine(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        command
    }
}

/// The loop, its work, and its queue.
pub struct Watch<W> {
    work: W,
    events: Receiver<Event>,
    send: Sender<Event>,
    /// How many machines there have been.
    count: u32,
    running: Option<Arc<SharedChild>>,
}

/// Whether the loop goes on. Ctrl-C counts more than a change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Again,
    End,
}

impl<W: Work> Watch<W> {
    /// A loop that reads `events`, to which `send` leads.
    pub fn new(work: W, events: Receiver<Event>, send: Sender<Event>) -> Self {
        Self { work, events, send, count: 0, running: None }
    }

    /// Builds and boots until Ctrl-C. Then nothing runs.
    ///
    /// # Errors
    /// The machine cannot be started or ended.
    pub fn run(mut self) -> Result<W> {
        while self.turn()? == Next::Again {}
        Ok(self.work)
    }

    /// One build, one machine, and the wait for what comes next.
    fn turn(&mut self) -> Result<Next> {
        if let Err(error) = self.work.build() {
            let next = self.has_come();
            // Ctrl-C ends the compiler, too, which is no news.
            if next != Some(Next::End) {
                eprintln!("vitrine: {error:#}");
            }
            if let Some(next) = next {
                return Ok(next);
            }
            eprintln!("vitrine: waiting for a change (Ctrl-C ends)");
        } else {
            self.start()?;
        }
        let next = self.wait_for_a_reason();
        self.end()?;
        Ok(next)
    }

    /// What the events that have come by now ask for.
    fn has_come(&self) -> Option<Next> {
        let next = |event| match event {
            Event::Changed(_) => Some(Next::Again),
            Event::Ended(..) => None,
            Event::Interrupted => Some(Next::End),
        };
        self.events.try_iter().filter_map(next).max()
    }

    fn start(&mut self) -> Result<()> {
        let mut machine = self.work.machine();
        let child = leash::spawn(&mut machine).with_context(|| command::cannot_start(&machine))?;
        let child = Arc::new(child);
        self.count += 1;
        let (number, waited, send) = (self.count, child.clone(), self.send.clone());
        thread::spawn(move || {
            if let Ok(status) = waited.wait() {
                // The loop may be over.
                drop(send.send(Event::Ended(number, status)));
            }
        });
        self.running = Some(child);
        Ok(())
    }

    /// Waits until a source has changed or Ctrl-C has come. A machine that ends is told of.
    fn wait_for_a_reason(&self) -> Next {
        loop {
            match self.events.recv() {
                Ok(Event::Changed(path)) => {
                    eprintln!("vitrine: {} has changed", path.display());
                    return Next::Again;
                }
                Ok(Event::Ended(number, status))
                    if number == self.count && self.running.is_some() =>
                {
                    eprintln!("vitrine: {status}; waiting for a change (Ctrl-C ends)");
                }
                // That machine was told to end.
                Ok(Event::Ended(..)) => {}
                // This loop has a sender itself, so the queue stays open.
                Ok(Event::Interrupted) | Err(_) => return Next::End,
            }
        }
    }

    /// Ends the machine that runs, if one does, and waits until it has.
    fn end(&mut self) -> Result<()> {
        let Some(machine) = self.running.take() else { return Ok(()) };
        let cannot = "cannot end the machine";
        if machine.try_wait().context(cannot)?.is_none() {
            let id = Pid::from_raw(i32::try_from(machine.id()).context(cannot)?);
            // It may end by itself at this moment.
            let _ = kill(id, Signal::SIGTERM);
        }
        if machine.wait_timeout(PATIENCE).context(cannot)?.is_none() {
            machine.kill().context(cannot)?;
            machine.wait().context(cannot)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;
    use std::fs;

    /// Builds that succeed or fail as listed, machines that would run for ten minutes, and what was
    /// done.
    struct Scripted {
        builds: VecDeque<bool>,
        /// An event for each build, which comes while the build runs.
        events: VecDeque<Option<Event>>,
        send: Sender<Event>,
        folder: tempfile::TempDir,
    }

    impl Scripted {
        /// The ids of the machines, in the order of their starts.
        fn machines(&self) -> Vec<String> {
            let text = fs::read_to_string(self.folder.path().join("ids")).unwrap_or_default();
            text.lines().map(str::to_owned).collect()
        }
    }

    impl Work for Scripted {
        fn build(&mut self) -> Result<()> {
            for id in self.machines() {
                assert!(!is_alive(&id), "a machine runs during a build");
            }
            if let Some(event) = self.events.pop_front().flatten() {
                self.send.send(event).unwrap();
            }
            if self.builds.pop_front() == Some(true) { Ok(()) } else { anyhow::bail!("no build") }
        }

        fn machine(&self) -> Command {
            let ids = self.folder.path().join("ids");
            let mut command = Command::new("sh");
            // A change comes once the machine is there.
            command.args(["-c", "echo $$ >> \"$0\"; exec sleep 600"]).arg(&ids);
            let (send, before) = (self.send.clone(), self.machines().len());
            let count = move || fs::read_to_string(&ids).unwrap_or_default().lines().count();
            thread::spawn(move || {
                while count() == before {
                    thread::yield_now();
                }
                drop(send.send(Event::Changed("kernel/src/main.rs".into())));
            });
            command
        }
    }

    fn is_alive(id: &str) -> bool {
        kill(Pid::from_raw(id.parse().unwrap()), None).is_ok()
    }

    fn run(builds: &[bool], mut events: Vec<Option<Event>>) -> Scripted {
        let (send, queue) = channel();
        events.resize_with(builds.len(), || None);
        events.push(Some(Event::Interrupted));
        let mut builds: VecDeque<_> = builds.iter().copied().collect();
        builds.push_back(false);
        let folder = tempfile::tempdir().unwrap();
        let work = Scripted { builds, events: events.into(), send: send.clone(), folder };
        Watch::new(work, queue, send).run().unwrap()
    }

    #[test]
    fn each_change_ends_one_machine_and_starts_the_next() {
        let work = run(&[true, true, true], Vec::new());
        let machines = work.machines();
        assert_eq!((machines.len(), work.builds.len()), (3, 0));
        assert!(machines.iter().all(|id| !is_alive(id)));
    }

    #[test]
    fn after_a_failed_build_nothing_runs_until_the_next_change() {
        let change = || Some(Event::Changed("libsys/src/lib.rs".into()));
        let work = run(&[false, true, false], vec![change(), None, change()]);
        let machines = work.machines();
        assert_eq!((machines.len(), work.builds.len()), (1, 0));
        assert!(machines.iter().all(|id| !is_alive(id)));
    }

    #[test]
    fn ctrl_c_during_a_build_that_succeeds_ends_the_machine_too() {
        let work = run(&[true], vec![Some(Event::Interrupted)]);
        assert_eq!(work.builds.len(), 1, "there was no second build");
        assert!(work.machines().iter().all(|id| !is_alive(id)));
    }
}
