//! The moments of a run: boots, stops behind each write to the serial line, and reads the tables
//! when a text has come.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use picture::Snapshot;

use super::read::family;
use crate::bad_input::BadInput;
use crate::gdb_stub::Stub;
use crate::machine::{Image, Machine, Serial, kernel_command_line};
use crate::oracle::text::KernelText;
use crate::oracle::watch::Watched;
use crate::oracle::world::{Registers, World};
use crate::symbols::function;
use crate::workspace::Workspace;

/// The function with which the kernel writes to the serial line, as the demangled name of its
/// symbol ends.
const WRITE: &str = "serial::Serial>::write";

/// What is to be drawn.
pub struct Asked<'a> {
    /// The command for init.
    pub run: &'a str,
    /// Its first word.
    pub program: &'a str,
    /// Texts of lines, in the order in which they come; none for the last line.
    pub when: &'a [String],
    /// MiB.
    pub memory: u32,
    /// The longest run.
    pub timeout: Duration,
}

/// A moment: after which line, and the tables of the program and its descendants, parents before
/// children.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moment {
    /// The line.
    pub line: String,
    /// The tables.
    pub snapshots: Vec<Snapshot>,
}

impl Asked<'_> {
    /// Runs the program and takes every moment.
    ///
    /// # Errors
    /// A text never came, the program was never there, or the emulator is at fault.
    pub fn take(&self, workspace: &Workspace) -> Result<Vec<Moment>> {
        let text = KernelText::read(&workspace.kernel())?;
        let mut run = Run::start(workspace, self)?;
        let deadline = Instant::now() + self.timeout;
        let mut moments = Vec::new();
        let mut waiting = self.when.iter();
        let mut next = waiting.next();
        let mut looked = 0;
        while run.run_to_next_write(deadline).with_context(|| self.still_waiting(next))? {
            let output = run.output()?;
            let Some((line, end)) = line_with(&output[looked..], next.map(String::as_str)) else {
                continue;
            };
            looked += end;
            let snapshots = run.family(&text, self.program)?;
            if snapshots.is_empty() {
                // What is printed before the program starts, or after it has ended.
                continue;
            }
            let moment = Moment { line, snapshots };
            if self.when.is_empty() {
                moments = vec![moment];
                continue;
            }
            moments.push(moment);
            next = waiting.next();
            if next.is_none() {
                return Ok(moments);
            }
        }
        let program = self.program;
        let what = match next {
            Some(text) => format!("--when \"{text}\": no such line"),
            None if moments.is_empty() => format!("--run \"{}\": no line", self.run),
            None => return Ok(moments),
        };
        let output = run.output()?;
        let said = last_words(&output);
        let why =
            format!("{what} came while `{program}` ran; the machine's last words were {said}");
        Err(BadInput(why).into())
    }

    fn still_waiting(&self, next: Option<&String>) -> String {
        match next {
            Some(text) => format!("--when \"{text}\": no such line came in {:?}", self.timeout),
            None => format!("--run \"{}\": still running after {:?}", self.run, self.timeout),
        }
    }
}

/// The first whole line with `text` in it, or the last whole line, and where it ends.
fn line_with(output: &str, text: Option<&str>) -> Option<(String, usize)> {
    let mut end = 0;
    let mut last = None;
    for line in output.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
        end += line.len();
        match text {
            Some(text) if !line.contains(text) => {}
            Some(_) => return Some((line.trim().to_owned(), end)),
            None => last = Some((line.trim().to_owned(), end)),
        }
    }
    last
}

/// The last two lines: the exit status, and what comes before it, which may be the reason.
fn last_words(output: &str) -> String {
    let mut lines: Vec<String> = output.lines().rev().take(2).map(|it| format!("`{it}`")).collect();
    lines.reverse();
    lines.join(", ")
}

/// A machine that stops behind each write to the serial line.
struct Run {
    machine: Watched,
    stub: Stub,
    write: u32,
    output: PathBuf,
    _directory: tempfile::TempDir,
}

impl Run {
    fn start(workspace: &Workspace, asked: &Asked<'_>) -> Result<Self> {
        let directory = tempfile::tempdir().context("cannot create a temporary directory")?;
        let (socket, output) = (directory.path().join("gdb"), directory.path().join("output"));
        let server = format!("unix:{},server=on,wait=off", socket.display());
        let image =
            Image::Kernel { kernel: workspace.kernel(), archive: Some(workspace.archive()) };
        let machine = Watched::boot(Machine {
            memory: asked.memory,
            command_line: kernel_command_line([], Some(asked.run)),
            serial: Serial::File(output.clone()),
            // The same instructions run between two interrupts of the timer each time.
            icount: true,
            more: ["-S", "-gdb", &server].map(str::to_owned).to_vec(),
            ..Machine::new(image)
        })?;
        let mut stub = Stub::connect(&socket)?;
        let write = function(&workspace.kernel(), WRITE)?;
        stub.insert(write)?;
        Ok(Self { machine, stub, write, output, _directory: directory })
    }

    /// Runs until the kernel has written to the serial line. `false`: the machine has ended.
    fn run_to_next_write(&mut self, deadline: Instant) -> Result<bool> {
        if !self.stub.run(deadline)? {
            return Ok(false);
        }
        let behind = self.stub.return_address()?;
        self.stub.remove(self.write)?;
        self.stub.insert(behind)?;
        let came = self.stub.run(deadline)?;
        if came {
            self.stub.remove(behind)?;
            self.stub.insert(self.write)?;
        }
        Ok(came)
    }

    fn output(&self) -> Result<String> {
        let bytes = fs::read(&self.output).context("cannot read the serial line's file")?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The tables of the program and its descendants; none before the kernel has published its
    /// table.
    fn family(&mut self, text: &KernelText, program: &str) -> Result<Vec<Snapshot>> {
        let registers = Registers::parse(&self.machine.monitor().human("info registers")?)?;
        self.machine.memory_mut().forget();
        match World::read(self.machine.memory(), registers, text.symbol()) {
            Ok(world) => Ok(family(&world, program)),
            Err(_) => Ok(Vec::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_count() {
        let output = "one\ntwo words\nthr";
        assert_eq!(line_with(output, Some("word")), Some(("two words".to_owned(), 14)));
        assert_eq!(line_with(output, Some("thr")), None);
        assert_eq!(line_with(output, None), Some(("two words".to_owned(), 14)));
        assert_eq!(line_with("thr", None), None);
        assert_eq!(last_words("one\ntwo\nexit status 1\n"), "`two`, `exit status 1`");
    }
}
