//! `cargo xtask qemu`: one boot on this terminal, whose exit status is the program's.

use std::io::{self, Read, Write};
use std::process::{ChildStdout, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use shared_child::SharedChild;

use crate::machine::{Machine, Serial};
use crate::output::SerialFilter;
use crate::symbols::Symbols;
use crate::terminal::{Input, SavedTerminal};
use crate::throwaway::Throwaway;
use crate::verdict::{End, Verdict};
use crate::{command, event, leash};

/// Exit status after a signal that ends us.
const INTERRUPTED: i32 = 130;

/// What Ctrl-D sends: for Vitrine's shell, the end of the input.
const END_OF_INPUT: u8 = 0x04;

/// How a boot is watched.
#[derive(Default)]
pub struct Session {
    /// Names the addresses of a backtrace.
    pub symbols: Option<Symbols>,
    /// Hands the terminal to QEMU; otherwise Ctrl-C ends everything.
    pub interactive: bool,
    /// The machine runs the shell, which gets Ctrl-D when our input ends.
    pub shell: bool,
    /// Kills the emulator after this long.
    pub timeout: Option<Duration>,
    /// What the machine boots from and nobody needs afterwards.
    pub files: Vec<Throwaway>,
}

/// Boots the machine here and stays until it ends or time is up.
///
/// # Errors
/// The emulator cannot be started or waited for, or our own output cannot be written.
pub fn run(mut machine: Machine, session: Session) -> Result<Verdict> {
    let Session { symbols, interactive, shell, timeout, files } = session;
    let files = Arc::new(Mutex::new(files));
    let input = Input::find(interactive);
    if input == Input::Terminal {
        machine.serial = Serial::Terminal;
    }
    let terminal = SavedTerminal::save();
    if input == Input::Nothing && shell {
        eprintln!("vitrine: this is a background job, so the shell gets no input and ends");
    }
    let guest = Guest::start(&machine, input)?;
    // A time too long to be counted is no limit.
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let interrupted = end_on_signals(&guest, &terminal, &files)?;

    let (awake, first_output) = channel();
    let printer = guest.print_output(symbols, awake);
    guest.pass_input(input, first_output, shell);
    let end = guest.wait(deadline)?;
    let last_line = printer.join().expect("the printer does not panic");
    terminal.restore();
    remove(&files);
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
            Input::Passed | Input::Nothing => Stdio::piped(),
        });
        if input != Input::Terminal {
            // Ctrl-C is for us: QEMU would end with 0 and look like a triple fault.
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
        }
        let child = leash::spawn(&mut command).with_context(|| command::cannot_start(&command))?;
        Ok(Self { child: Arc::new(child) })
    }

    /// Prints what the guest writes, in a thread of its own that ends with the last line.
    fn print_output(
        &self,
        symbols: Option<Symbols>,
        awake: Sender<()>,
    ) -> JoinHandle<io::Result<String>> {
        let reader = self.child.take_stdout().expect("standard output is a pipe");
        let emulator = self.child.clone();
        thread::spawn(move || {
            let last_line = print(reader, symbols, &awake);
            if last_line.is_err() {
                // Our reader is gone (`| head`). An emulator whose guest is silent would never
                // notice.
                drop(emulator.kill());
            }
            last_line
        })
    }

    /// Passes our input to the guest, in a thread of its own, unless the emulator reads it itself.
    fn pass_input(&self, input: Input, first_output: Receiver<()>, shell: bool) {
        let Some(stdin) = self.child.take_stdin() else { return };
        thread::spawn(move || match input {
            Input::Nothing => pass_input(io::empty(), stdin, &first_output, shell),
            Input::Passed | Input::Terminal => {
                pass_input(io::stdin(), stdin, &first_output, shell);
            }
        });
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
fn end_on_signals(
    guest: &Guest,
    terminal: &SavedTerminal,
    files: &Arc<Mutex<Vec<Throwaway>>>,
) -> Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let files = files.clone();
    let (child, terminal, flag) = (guest.child.clone(), terminal.clone(), interrupted.clone());
    ctrlc::set_handler(move || {
        flag.store(true, Ordering::SeqCst);
        // It may have ended by itself a moment ago.
        drop(child.kill());
        drop(child.wait());
        terminal.restore();
        remove(&files);
        std::process::exit(INTERRUPTED);
    })
    .context("cannot catch signals")?;
    Ok(interrupted)
}

/// Removes the files of this boot: leaving by `exit` drops nothing.
fn remove(files: &Mutex<Vec<Throwaway>>) {
    files.lock().unwrap_or_else(PoisonError::into_inner).clear();
}

/// Prints the serial line until the emulator is gone, and returns the last line.
fn print(
    mut guest: ChildStdout,
    symbols: Option<Symbols>,
    awake: &Sender<()>,
) -> io::Result<String> {
    let symbol = |line: &str| symbols.as_ref().and_then(|symbols| symbols.note(line));
    let note = |line: &str| event::note(line).or_else(|| symbol(line));
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

/// Passes our input on, once the guest is up: its serial port loses what comes before its driver
/// has started, and its first output is the sign that it has.
fn pass_input(from: impl Read, guest: impl Write, first_output: &Receiver<()>, tell_the_end: bool) {
    if first_output.recv().is_ok() {
        // A guest that has ended takes nothing more, and needs nothing more.
        let _ = copy_input(from, guest, tell_the_end);
    }
}

/// Copies all input; then, if asked to, ends the input of the guest's shell.
fn copy_input(mut from: impl Read, mut guest: impl Write, tell_the_end: bool) -> io::Result<()> {
    let mut buffer = [0; 4096];
    let mut last = b'\n';
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        guest.write_all(&buffer[..length])?;
        last = buffer[length - 1];
    }
    if tell_the_end {
        // A shell runs a last line without an end of line, too; and Ctrl-D has an effect on an
        // empty line only.
        let end_of_line: &[u8] = if matches!(last, b'\n' | b'\r') { &[] } else { b"\n" };
        guest.write_all(end_of_line)?;
        guest.write_all(&[END_OF_INPUT])?;
    }
    guest.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shell_gets_all_input_and_then_its_end() {
        let long = "x".repeat(5000);
        for (input, added) in
            [("", "\x04"), ("ps\n", "\x04"), ("ps\r", "\x04"), ("ps", "\n\x04"), (&long, "\n\x04")]
        {
            for (tell_the_end, added) in [(true, added), (false, "")] {
                let mut guest = Vec::new();
                copy_input(input.as_bytes(), &mut guest, tell_the_end).unwrap();
                assert_eq!(String::from_utf8(guest).unwrap(), format!("{input}{added}"));
            }
        }
    }

    #[test]
    fn nothing_is_sent_to_a_guest_that_never_came_up() {
        let (awake, first_output) = channel();
        drop(awake);
        let mut guest = Vec::new();
        pass_input(&b"ps\n"[..], &mut guest, &first_output, true);
        assert!(guest.is_empty());
    }
}
