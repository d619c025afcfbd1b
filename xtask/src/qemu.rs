//! `cargo xtask qemu`: one boot on this terminal, whose exit status is the program's.

use std::io::{self, Read, Write};
use std::process::{ChildStdin, ChildStdout, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use shared_child::SharedChild;

use crate::machine::{Machine, Serial};
use crate::output::SerialFilter;
use crate::symbols::Symbols;
use crate::terminal::{Input, SavedTerminal};
use crate::verdict::{End, Verdict};
use crate::{command, leash};

/// Exit status after a signal told us to end.
const INTERRUPTED: i32 = 130;

/// Boots the machine here and stays until it ends or `timeout` is over.
///
/// An interactive boot hands the terminal to QEMU; otherwise Ctrl-C ends everything.
///
/// # Errors
/// The emulator cannot be started or waited for, or our own output cannot be written.
pub fn run(
    mut machine: Machine,
    symbols: Option<Symbols>,
    interactive: bool,
    timeout: Option<Duration>,
) -> Result<Verdict> {
    let input = Input::find(interactive);
    if input == Input::Terminal {
        machine.serial = Serial::Terminal;
    }
    let terminal = SavedTerminal::save();
    let guest = Guest::start(&machine, input)?;
    let deadline = timeout.map(|timeout| Instant::now() + timeout);
    let interrupted = end_on_signals(&guest, &terminal)?;

    let (awake, first_output) = channel();
    let reader = guest.stdout();
    let printer = thread::spawn(move || print(reader, symbols, &awake));
    if let Some(stdin) = guest.child.take_stdin() {
        thread::spawn(move || pass_input(stdin, &first_output));
    }
    let end = guest.wait(deadline)?;
    let last_line = printer.join().expect("the printer does not panic");
    terminal.restore();
    if interrupted.load(Ordering::SeqCst) {
        std::process::exit(INTERRUPTED);
    }
    Ok(Verdict::of(end, &last_line.context("cannot write what the guest printed")?))
}

/// A running emulator.
struct Guest {
    child: Arc<SharedChild>,
}

impl Guest {
    fn start(machine: &Machine, input: Input) -> Result<Self> {
        let mut command = machine.command();
        command.stdout(Stdio::piped());
        command.stdin(match input {
            Input::Terminal => Stdio::inherit(),
            Input::Passed => Stdio::piped(),
            Input::Nothing => Stdio::null(),
        });
        if input != Input::Terminal {
            // Ctrl-C is for us: QEMU would end with 0 and look like a triple fault.
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
        }
        let child = leash::spawn(&mut command).with_context(|| command::cannot_start(&command))?;
        Ok(Self { child: Arc::new(child) })
    }

    fn stdout(&self) -> ChildStdout {
        self.child.take_stdout().expect("standard output is a pipe")
    }

    fn wait(&self, deadline: Option<Instant>) -> Result<End> {
        let status = match deadline {
            None => Some(self.child.wait()),
            Some(deadline) => self.child.wait_deadline(deadline).transpose(),
        };
        if let Some(status) = status {
            return Ok(status.context("cannot wait for the emulator")?.into());
        }
        self.child.kill().context("cannot kill the emulator")?;
        self.child.wait().context("cannot wait for the emulator")?;
        Ok(End::TimedOut)
    }
}

/// SIGINT, SIGTERM and SIGHUP kill the emulator and then us.
fn end_on_signals(guest: &Guest, terminal: &SavedTerminal) -> Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let (child, terminal, flag) = (guest.child.clone(), terminal.clone(), interrupted.clone());
    ctrlc::set_handler(move || {
        flag.store(true, Ordering::SeqCst);
        // It may have ended by itself a moment ago.
        drop(child.kill());
        drop(child.wait());
        terminal.restore();
        std::process::exit(INTERRUPTED);
    })
    .context("cannot catch signals")?;
    Ok(interrupted)
}

/// Prints the serial line until the emulator is gone, and returns the last line.
///
/// When our reader is gone (`| head`), closing the pipe ends the emulator as well.
fn print(
    mut guest: ChildStdout,
    symbols: Option<Symbols>,
    awake: &Sender<()>,
) -> io::Result<String> {
    let note = |line: &str| symbols.as_ref().and_then(|symbols| symbols.note(line));
    let mut filter = SerialFilter::new(io::stdout().lock(), note);
    let mut buffer = [0; 4096];
    loop {
        match guest.read(&mut buffer)? {
            0 => return Ok(filter.last_line()),
            length => filter.write(&buffer[..length])?,
        }
        // Nobody listens after the first time, or if there is no input to pass on.
        let _ = awake.send(());
    }
}

/// Passes our input on. The guest's serial port loses what comes before its driver is up, and its
/// first output is the sign that it is.
fn pass_input(mut guest: ChildStdin, first_output: &Receiver<()>) {
    if first_output.recv().is_err() {
        return;
    }
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = io::stdin().read(&mut buffer) {
        if guest.write_all(&buffer[..length]).is_err() {
            return;
        }
    }
}
